//! A lane: one publisher's way into an inbox on one subject, exactly once and resumable. Sans-IO.
//!
//! Each message says in a header up to which of the publisher's items it reaches, and is fenced by the subject's
//! last sequence, as on the tape. So a publisher that died reads the last message and goes on behind it: a
//! message of its former life that lands late fails at the fence, or makes the next one fail.

use crate::protocol::Answer;
use crate::reply::append_headers;

/// Header: the session that publishes.
pub const SESSION: &str = "Tapedeck-Session";
/// Header: how many items of the session have been published on this subject, with this message.
pub const THROUGH: &str = "Tapedeck-Through";
/// Header: whether the session is the only one that ever published on this subject.
pub const ALONE: &str = "Tapedeck-Alone";
/// Refusals in a row after which a publisher gives up (the broker is full, or the message too large for it).
pub const REFUSALS_MAX: u32 = 8;

/// How far a session is on a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    session: String,
    expected: u64,
    through: u64,
    alone: bool,
    failures: u32,
    refusals: u32,
}

/// What to do about a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicationStep {
    /// It is stored.
    Stored,
    /// Read the subject's last message, [`Publication::adopt`] it, and send again what is not stored.
    Look,
    /// Send the same again, after a while.
    Again,
    /// Give up: the broker refuses, in these words.
    GiveUp(String),
}

impl Publication {
    /// Before anything is known of the subject.
    pub fn new(session: String) -> Self {
        Self { session, expected: 0, through: 0, alone: true, failures: 0, refusals: 0 }
    }

    /// How many items of the session are stored: the next to send is the one after.
    pub fn through(&self) -> u64 {
        self.through
    }
    /// The subject's last sequence, as far as known.
    pub fn expected(&self) -> u64 {
        self.expected
    }
    /// Whether no other session ever published on the subject.
    pub fn is_alone(&self) -> bool {
        self.alone
    }
    /// How many attempts at the present message failed: back off accordingly.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The headers of the message that reaches through this item.
    pub fn headers(&self, through: u64) -> Vec<(&'static str, String)> {
        assert!(through > self.through, "items are sent in order");
        let mut headers = append_headers(self.expected).to_vec();
        headers.push((SESSION, self.session.clone()));
        headers.push((THROUGH, through.to_string()));
        headers.push((ALONE, if self.alone { "yes" } else { "no" }.into()));
        headers
    }

    /// Takes in the answer to the message that reaches through this item.
    pub fn answer(&mut self, through: u64, answer: Answer) -> PublicationStep {
        let next = match answer {
            Answer::Committed(seq) => {
                (self.expected, self.through, self.failures, self.refusals) = (seq, through, 0, 0);
                return PublicationStep::Stored;
            }
            Answer::WrongLast(_) => PublicationStep::Look,
            Answer::Unknown => PublicationStep::Again,
            Answer::Refused(why) if self.refusals + 1 >= REFUSALS_MAX => PublicationStep::GiveUp(why),
            Answer::Refused(_) => {
                (self.refusals, self.failures) = (self.refusals + 1, self.failures.saturating_add(1));
                return PublicationStep::Again;
            }
        };
        (self.refusals, self.failures) = (0, self.failures.saturating_add(1));
        next
    }

    /// Stands behind the subject's last message (its sequence, and its headers by name); if that is this session's,
    /// behind what it reaches. Whether that is news: then a message that was on its way may hold what is stored
    /// already (by a former life, whose message landed late), and must be made anew from where the publication is.
    pub fn adopt<'a>(&mut self, seq: u64, header: impl Fn(&str) -> Option<&'a str>) -> bool {
        let before = self.through;
        self.expected = seq;
        if header(SESSION) == Some(self.session.as_str()) {
            // Less than is known: another process of the session has begun again. What is stored stays stored.
            self.through = header(THROUGH).and_then(|text| text.parse().ok()).unwrap_or(0).max(self.through);
            self.alone &= header(ALONE) == Some("yes");
        } else {
            self.alone = false;
        }
        self.through != before
    }

    /// Stands at the beginning of a subject that holds no message, or none any more.
    pub fn adopt_none(&mut self) {
        self.expected = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says<'a>(session: &'a str, through: &'a str) -> impl Fn(&str) -> Option<&'a str> {
        move |name| match name {
            SESSION => Some(session),
            THROUGH => Some(through),
            ALONE => Some("yes"),
            _ => None,
        }
    }

    #[test]
    fn what_is_stored_stays_stored_whoever_begins_again() {
        let mut publication = Publication::new("s".into());
        assert!(publication.adopt(7, says("s", "100")));
        assert!(!publication.adopt(8, says("other", "900")), "another's is no news of mine");
        assert!(!publication.is_alone());
        assert!(!publication.adopt(9, says("s", "5")), "a process of my session that knew nothing of me");
        assert!(!publication.adopt(10, says("s", "no number")));
        assert_eq!((publication.through(), publication.expected()), (100, 10));
        assert!(publication.adopt(11, says("s", "101")));
    }

    #[test]
    fn a_subject_that_holds_nothing_any_more_expects_nothing() {
        let mut publication = Publication::new("s".into());
        publication.adopt(7, says("s", "100"));
        publication.adopt_none();
        assert_eq!((publication.through(), publication.expected()), (100, 0));
    }

    #[test]
    fn only_refusals_in_a_row_make_it_give_up() {
        let mut publication = Publication::new("s".into());
        for answer in [Answer::Unknown, Answer::WrongLast(None)] {
            for _ in 1..REFUSALS_MAX {
                assert_eq!(publication.answer(1, Answer::Refused("full".into())), PublicationStep::Again);
            }
            publication.answer(1, answer);
        }
        let failures = publication.failures();
        for _ in 1..REFUSALS_MAX {
            assert_eq!(publication.answer(1, Answer::Refused("full".into())), PublicationStep::Again);
        }
        assert_eq!(publication.failures(), failures + REFUSALS_MAX - 1);
        assert_eq!(publication.answer(1, Answer::Refused("full".into())), PublicationStep::GiveUp("full".into()));
    }
}
