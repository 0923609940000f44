//! A publisher session on one subject of an inbox: it stores every item exactly once, and resumes after a restart.
//! Sans-IO. An item is one element of a message: a market event.
//!
//! A header of each message has the number of items published so far, and the message is fenced by the last sequence
//! of the subject, as on the tape. A publisher that restarts reads the last message and continues after its items. A
//! message of the former process that arrives late is rejected at the fence, or makes the new process read again.

use crate::protocol::Answer;
use crate::reply::append_headers;

/// Header: the session that publishes.
pub const SESSION: &str = "Tapedeck-Session";
/// Header: number of items that the session has published on this subject, those of this message included.
pub const THROUGH: &str = "Tapedeck-Through";
/// Header: `yes` if no other session ever published on this subject, else `no`.
pub const ALONE: &str = "Tapedeck-Alone";
/// Rejections in a row after which a publisher gives up (the stream is full, or the message too large).
pub const REJECTIONS_MAX: u32 = 8;

/// The progress of a session on a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    session: String,
    expected: u64,
    through: u64,
    alone: bool,
    failures: u32,
    rejections: u32,
}

/// The next step for a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicationStep {
    /// The message is stored.
    Stored,
    /// Read the last message of the subject, [`Publication::adopt`] it, and send the items that are not stored.
    ReadLast,
    /// Send the same message again, after a back-off.
    Retry,
    /// Give up, with the error text of JetStream.
    GiveUp(String),
}

impl Publication {
    /// A session that has not read the subject: nothing is stored as far as known.
    pub fn new(session: String) -> Self {
        Self { session, expected: 0, through: 0, alone: true, failures: 0, rejections: 0 }
    }

    /// Number of items that are stored. The next message begins with the item after them.
    pub fn through(&self) -> u64 {
        self.through
    }
    /// Last known sequence of the subject; the fence of the next message.
    pub fn expected(&self) -> u64 {
        self.expected
    }
    /// Whether no other session ever published on the subject, as far as known.
    pub fn is_alone(&self) -> bool {
        self.alone
    }
    /// Failed attempts at the current message, for back-off.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The headers of the message whose last item is number `through`, counted from 1.
    ///
    /// # Panics
    ///
    /// If that item is stored already.
    pub fn headers(&self, through: u64) -> Vec<(&'static str, String)> {
        assert!(through > self.through, "items are sent in order");
        self.headers_through(through)
    }

    /// The headers of a message with items that were stored before and that the inbox lost: the number of items that
    /// are stored stays as it is. The answer to it is handled as that to a message through [`Publication::through`].
    pub fn headers_again(&self) -> Vec<(&'static str, String)> {
        self.headers_through(self.through)
    }

    fn headers_through(&self, through: u64) -> Vec<(&'static str, String)> {
        let mut headers = append_headers(self.expected).to_vec();
        headers.push((SESSION, self.session.clone()));
        headers.push((THROUGH, through.to_string()));
        headers.push((ALONE, if self.alone { "yes" } else { "no" }.into()));
        headers
    }

    /// Handles the answer to the message whose last item is number `through`.
    pub fn answer(&mut self, through: u64, answer: Answer) -> PublicationStep {
        let next = match answer {
            Answer::Committed(seq) => {
                self.expected = seq;
                self.through = through;
                self.failures = 0;
                self.rejections = 0;
                return PublicationStep::Stored;
            }
            Answer::WrongLast(_) => PublicationStep::ReadLast,
            Answer::Unknown => PublicationStep::Retry,
            Answer::Sealed => PublicationStep::GiveUp("the stream is sealed".into()),
            Answer::Rejected(why) if self.rejections + 1 >= REJECTIONS_MAX => PublicationStep::GiveUp(why),
            Answer::Rejected(_) => {
                self.rejections += 1;
                self.failures = self.failures.saturating_add(1);
                return PublicationStep::Retry;
            }
        };
        self.rejections = 0;
        self.failures = self.failures.saturating_add(1);
        next
    }

    /// Adopts the last message of the subject (its sequence, and its headers by name), and its items if it is of this
    /// session. Returns whether more items are stored than known: a message in flight may then repeat items that a
    /// former process has stored, and must be built again from [`Publication::through`].
    pub fn adopt<'a>(&mut self, seq: u64, header: impl Fn(&str) -> Option<&'a str>) -> bool {
        let before = self.through;
        self.expected = seq;
        if header(SESSION) == Some(self.session.as_str()) {
            // A smaller number is from a process of the session that started again: the known items stay stored.
            self.through = header(THROUGH).and_then(|text| text.parse().ok()).unwrap_or(0).max(self.through);
            self.alone &= header(ALONE) == Some("yes");
        } else {
            self.alone = false;
        }
        self.through != before
    }

    /// Adopts a subject that holds no message, or none any more.
    pub fn adopt_none(&mut self) {
        self.expected = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers_of<'a>(session: &'a str, through: &'a str) -> impl Fn(&str) -> Option<&'a str> {
        move |name| match name {
            SESSION => Some(session),
            THROUGH => Some(through),
            ALONE => Some("yes"),
            _ => None,
        }
    }

    #[test]
    fn stored_items_stay_stored_when_a_process_of_the_session_starts_again() {
        let mut publication = Publication::new("s".into());
        assert!(publication.adopt(7, headers_of("s", "100")));
        assert!(!publication.adopt(8, headers_of("other", "900")), "a message of another session adds no items");
        assert!(!publication.is_alone());
        assert!(!publication.adopt(9, headers_of("s", "5")), "an older message of the session adds no items");
        assert!(!publication.adopt(10, headers_of("s", "no number")));
        assert_eq!((publication.through(), publication.expected()), (100, 10));
        assert!(publication.adopt(11, headers_of("s", "101")));
    }

    #[test]
    fn a_message_that_is_sent_again_names_what_is_stored() {
        let mut publication = Publication::new("s".into());
        publication.adopt(7, headers_of("s", "100"));
        let again = publication.headers_again();
        assert_eq!(again.iter().find(|(name, _)| *name == THROUGH).unwrap().1, "100");
        assert_eq!(publication.answer(publication.through(), Answer::Committed(8)), PublicationStep::Stored);
        assert_eq!((publication.through(), publication.expected()), (100, 8));
        // A process that starts then reads that message, and continues after the same item.
        let of = |name: &str| again.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        let mut restarted = Publication::new("s".into());
        restarted.adopt(8, of);
        assert_eq!((restarted.through(), restarted.is_alone()), (100, true));
    }

    #[test]
    fn an_empty_subject_is_expected_to_be_empty() {
        let mut publication = Publication::new("s".into());
        publication.adopt(7, headers_of("s", "100"));
        publication.adopt_none();
        assert_eq!((publication.through(), publication.expected()), (100, 0));
    }

    #[test]
    fn only_rejections_in_a_row_make_a_publisher_give_up() {
        let mut publication = Publication::new("s".into());
        for answer in [Answer::Unknown, Answer::WrongLast(None)] {
            for _ in 1..REJECTIONS_MAX {
                assert_eq!(publication.answer(1, Answer::Rejected("full".into())), PublicationStep::Retry);
            }
            publication.answer(1, answer);
        }
        let failures = publication.failures();
        for _ in 1..REJECTIONS_MAX {
            assert_eq!(publication.answer(1, Answer::Rejected("full".into())), PublicationStep::Retry);
        }
        assert_eq!(publication.failures(), failures + REJECTIONS_MAX - 1);
        assert_eq!(publication.answer(1, Answer::Rejected("full".into())), PublicationStep::GiveUp("full".into()));
    }
}
