//! The facts that a recovery discards, and those that only the rows in Postgres know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;

use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::record::{Entry, Writer};
use tokio_postgres::Client;

use crate::error::HistoryError;
use crate::render;

/// Facts that are lost: the counts of all, and in words those about orders and commands.
#[derive(Debug, Default)]
pub struct LostFacts {
    /// The facts that the tape still holds, by kind.
    pub discarded: BTreeMap<&'static str, u64>,
    /// For each order, its lost facts in order.
    pub orders: BTreeMap<String, Vec<String>>,
    /// The accepted commands that the command inbox does not hold any more, in order.
    pub commands: Vec<String>,
    /// The commands on discarded records, refused ones too: the message of each, and the fact.
    answered: Vec<(u64, Option<String>)>,
    /// Kind, and order or place, of the facts that the tape holds, trusted or not.
    named: BTreeSet<(String, String)>,
}

/// The rows about orders and commands of records after a sequence.
const LOST_ROWS: &str = "
    SELECT seq, index, kind, order_id, concat_ws(' ', nullif(detail, ''), (
        SELECT format('(%s %s %s %s at %s)', account, side, quantity, instrument, coalesce(price::text, 'market'))
        FROM tapedeck.orders o WHERE o.partition = e.partition AND o.order_id = e.order_id))
    FROM tapedeck.order_events e WHERE partition = $1 AND seq > $2
    UNION ALL
    SELECT seq, index, kind, NULL, concat_ws(' ', scope, 'by', by || ':', detail)
    FROM tapedeck.controls
    WHERE partition = $1 AND seq > $2 AND kind <> 'RiskStateChanged'
    ORDER BY 1, 2";

impl LostFacts {
    /// Records the facts of a trusted record.
    pub(super) fn hold(&mut self, seq: u64, entries: &[Entry]) {
        self.named.extend(keys(seq, entries));
    }

    /// Records the facts of a record that is discarded.
    pub(super) fn discard(&mut self, seq: u64, entries: &[Entry]) {
        for Entry { cause, event, .. } in entries {
            let kind = event.kind().name();
            *self.discarded.entry(kind).or_default() += 1;
            let fact = format!("{kind} {}", render::words(event));
            if is_command(event) {
                self.answered.push((cause.seq, (!is_refused(kind)).then(|| fact.clone())));
            }
            if let Some(order) = event.about().order {
                self.orders.entry(order.to_string()).or_default().push(fact);
            }
        }
        self.named.extend(keys(seq, entries));
    }

    /// Adds the facts that the rows know from records after the sequence `after`, and that the tape does not hold.
    /// `commands` is what the command inbox holds: a command that is in it is decided again.
    pub(super) async fn add_rows(
        &mut self,
        client: &Client,
        partition: u16,
        after: u64,
        commands: &HeldCommands,
    ) -> Result<(), HistoryError> {
        let (lost, held): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.answered).into_iter().partition(|(seq, _)| commands.lost.contains(seq));
        self.commands.extend(lost.into_iter().filter_map(|(_, fact)| fact));
        let mut of_rows = Vec::new();
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        for row in client.query(LOST_ROWS, &[&i64::from(partition), &after]).await? {
            let (seq, index): (i64, i64) = (row.get(0), row.get(1));
            let (kind, order, detail): (&str, Option<&str>, &str) = (row.get(2), row.get(3), row.get(4));
            let about = order.map_or_else(|| place(seq, index), String::from);
            if self.named.contains(&(kind.into(), about)) {
                continue;
            }
            let fact = format!("{kind} {detail}");
            match order {
                Some(order) => self.orders.entry(order.into()).or_default().push(fact),
                None => of_rows.push((kind.to_string(), fact)),
            }
        }
        // The rows do not say which message a command was: if the inbox holds as many, none is lost.
        if commands.held.saturating_sub(held.len() as u64) < of_rows.len() as u64 {
            self.commands.extend(of_rows.into_iter().filter(|(kind, _)| !is_refused(kind)).map(|(_, fact)| fact));
        }
        Ok(())
    }
}

/// Kind and order of the facts about orders, kind and place of the commands.
fn keys(seq: u64, entries: &[Entry]) -> impl Iterator<Item = (String, String)> {
    (0u64..).zip(entries).filter_map(move |(index, Entry { event, .. })| {
        let about = match event.about().order {
            Some(order) => order.to_string(),
            None if is_command(event) => place(seq, index),
            None => return None,
        };
        Some((event.kind().name().into(), about))
    })
}

fn place(seq: impl Display, index: impl Display) -> String {
    format!("{seq}.{index}")
}

/// What the command inbox holds after the last message on which a trusted record rests.
#[derive(Debug)]
pub(super) struct HeldCommands {
    /// The messages on which records rest, and which the inbox does not hold.
    pub(super) lost: RangeInclusive<u64>,
    /// The number of messages.
    pub(super) held: u64,
}

/// Whether the fact answers a command.
fn is_command(event: &Event) -> bool {
    event.kind().writer() == Some(Writer::Control)
}

fn is_refused(kind: &str) -> bool {
    kind == Kind::CommandRefused.name()
}
