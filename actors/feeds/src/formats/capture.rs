//! Captures of Binance's streams, combined or raw: lines `<receive ns> <raw JSON>`. The frames are read by
//! [`super::binance`].

use tapedeck_schemas::ids::InstrumentId;

use super::binance::{self, Frame, SPOT, TradeStreams, USD_M};
use super::times::EpochTimes;
use super::{Content, FileEntry, FormatReader, named_or_given, utf8};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;
use crate::lines::Lines;

pub(super) fn is(input: &InputFile) -> bool {
    let (received, json) = input.first_line().split_once(' ').unwrap_or_default();
    !received.is_empty() && received.bytes().all(|byte| byte.is_ascii_digit()) && json.starts_with('{')
}

struct Capture {
    lines: Lines,
    given: Option<InstrumentId>,
    times: EpochTimes,
    streams: TradeStreams,
    /// Whether there were events of spot, and of USD-M.
    venues: [bool; 2],
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let streams = TradeStreams::new(input.path.clone(), |line| Some(split(line).ok()?.1));
    let times = EpochTimes::default();
    Ok(Box::new(Capture { lines: Lines::new(input), given, times, streams, venues: [false; 2] }))
}

impl FormatReader for Capture {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let parsed = parse(line, self.given, &mut self.times);
        let (received, frame) = parsed.map_err(|defect| self.lines.malformed(defect))?;
        let content = self.streams.content(frame)?;
        if let Content::Market(market) = &content {
            self.venues[usize::from(market.instrument.venue.as_str() == USD_M)] = true;
        }
        Ok(Some(FileEntry { received, content }))
    }

    fn assumed(&self) -> Vec<String> {
        let venues = [(SPOT, "as spot has them"), (USD_M, "as USD-M futures have them")];
        let seen = venues.iter().zip(self.venues).filter(|(_, seen)| *seen);
        let told = seen.map(|((venue, how), _)| format!("venue {venue} by the fields of the events, {how}"));
        told.chain(self.times.assumed()).collect()
    }
}

/// The receive time of a line and its frame.
fn parse(line: &[u8], given: Option<InstrumentId>, times: &mut EpochTimes) -> Result<(u64, Frame), Defect> {
    let (received, json) = split(line)?;
    let digits = received.bytes().all(|b| b.is_ascii_digit());
    let received = received.parse().ok().filter(|ns| digits && *ns > 0);
    let not_a_time = || Defect::new(kind::TIME, "the receive time is not a count of ns above 0 within 64 bits");
    let received = received.ok_or_else(not_a_time)?;
    let frame = binance::frame(json, received, times)?;
    if let Some(market) = frame.market() {
        named_or_given(Some(market.instrument), given)?;
    }
    Ok((received, frame))
}

/// The texts of the receive time and of the frame.
fn split(line: &[u8]) -> Result<(&str, &str), Defect> {
    utf8(line)?.split_once(' ').ok_or_else(|| "want <receive ns> <raw JSON>, there is no space".into())
}
