//! The first element of an event: its kind and version, and how its cause follows that of the event before.

use super::Entry;
use crate::event::Kind;
use crate::offset::{Offset, TapeTime};

/// Cause, index and tape time of the event before; zeros before the first event of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) cause: Offset,
    pub(super) index: u32,
    pub(super) at: TapeTime,
}

impl From<&Entry> for Previous {
    fn from(entry: &Entry) -> Self {
        Self { cause: entry.cause, index: entry.index, at: entry.at }
    }
}

/// How cause and index of an event follow those of the event before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    /// The next fact on the same cause.
    SameCause = 0,
    /// The first fact on the first event of the next message.
    NextMessage = 1,
    /// The first fact on the next event of the same message.
    NextEvent = 2,
    /// Any other: cause and index stand in the event.
    Other = 3,
}

impl Step {
    /// The step that the encoding uses: the first that applies.
    pub(super) fn between(previous: &Previous, entry: &Entry) -> Self {
        let follows = |step: &Self| step.after(previous) == Some((entry.cause, entry.index));
        [Self::SameCause, Self::NextMessage, Self::NextEvent].into_iter().find(follows).unwrap_or(Self::Other)
    }

    /// The step with this number: the two low bits of `head`.
    pub(super) fn of(head: u64) -> Self {
        match head & 3 {
            0 => Self::SameCause,
            1 => Self::NextMessage,
            2 => Self::NextEvent,
            _ => Self::Other,
        }
    }

    /// Cause and index after this step; `None` if they stand in the event, or do not exist.
    pub(super) fn after(self, previous: &Previous) -> Option<(Offset, u32)> {
        let Previous { cause, index, .. } = *previous;
        match self {
            Self::SameCause => Some((cause, index.checked_add(1)?)),
            Self::NextMessage => Some((Offset::new(cause.seq.checked_add(1)?, 0), 0)),
            Self::NextEvent => Some((Offset::new(cause.seq, cause.index.checked_add(1)?), 0)),
            Self::Other => None,
        }
    }

    /// Number of elements of the event that give cause and index.
    pub(super) const fn elements(self) -> usize {
        if matches!(self, Self::Other) { 3 } else { 0 }
    }
}

/// The first element of an event.
pub(super) fn head(kind: Kind, step: Step) -> u64 {
    (u64::from(kind.version()) - 1) << 10 | (kind as u64) << 2 | step as u64
}

/// Number and version of the kind in the first element of an event.
pub(super) fn kind_and_version(head: u64) -> (u64, u64) {
    (head >> 2 & 0xff, (head >> 10) + 1)
}
