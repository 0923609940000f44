//! The form of a record at commit b461f93, before decision 0017, to compare with: `[format, writer, epoch, prev_hash,
//! events]`, where an event is as `encode_entry` writes it.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_bytes::ByteArray;
use tapedeck_schemas::event::{self, Event, Kind};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Header, encode_entry};

/// Encodes a record in its former form.
pub(crate) fn encode(header: &Header, entries: &[Entry]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(100 * entries.len() + 64);
    payload.push(0x95);
    let head = (1u8, header.writer as u8, header.epoch, ByteArray::new(header.prev_hash.0));
    let head = rmp_serde::to_vec(&head).expect("writing to memory cannot fail");
    payload.extend_from_slice(&head[1..]);
    match u16::try_from(entries.len()).expect("a record holds at most 4,096 events") {
        few @ 0..16 => payload.push(0x90 | few as u8),
        many => payload.extend([&[0xdc][..], &many.to_be_bytes()].concat()),
    }
    entries.iter().for_each(|entry| encode_entry(entry, &mut payload));
    payload
}

/// Decodes the entries of a record in its former form.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Entry>, rmp_serde::decode::Error> {
    type Parts = (u8, u8, u64, ByteArray<32>, Vec<Former>);
    let (_, _, _, _, entries): Parts = rmp_serde::from_slice(payload)?;
    Ok(entries.into_iter().map(|entry| entry.0).collect())
}

struct Former(Entry);

macro_rules! body {
    ($kind:expr, $seq:expr, $($name:ident)*) => {
        match $kind {
            $(kind if kind == Kind::$name as u16 => $seq.next_element::<event::$name>()?.map(Event::$name),)*
            _ => None,
        }
    };
}

impl<'de> Deserialize<'de> for Former {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Former;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an event")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Former, A::Error> {
                let mut number = || Ok(seq.next_element::<u64>()?.unwrap_or_default());
                let (cause_seq, cause_index, index) = (number()?, number()?, number()?);
                let (at, kind, _version) = (number()?, number()?, number()?);
                let event = body!(
                    kind as u16, seq,
                    Quote Trade ClockAdvanced Bar InstrumentDefined MarketHeartbeat
                    Gap Rejected Epoch Progress TapeCreated
                    LimitsSet WeightsSet TradingHalted TradingResumed CancelRequested AccountFunded CommandRefused
                    SignalRaised OrderApproved OrderDenied RiskStateChanged OrderSubmitted CancelSubmitted
                    OrderStatusChanged LateReport OrderAccepted OrderRejected OrderFilled OrderClosed CancelRejected
                    LedgerPosted PositionChanged EquityMarked Trimmed
                );
                let event = event.ok_or_else(|| A::Error::custom("no such kind"))?;
                let cause = Offset::new(cause_seq, cause_index as u32);
                Ok(Former(Entry { cause, index: index as u32, at, event }))
            }
        }
        deserializer.deserialize_tuple(7, Array)
    }
}
