//! A lane: one publisher's way into an inbox on one subject, exactly once and resumable.
//!
//! Each message says in a header up to which of the publisher's items it reaches, and is fenced by the subject's
//! last sequence, as on the tape. So a publisher that died reads the last message and goes on behind it: a
//! message of its former life that lands late fails at the fence, or makes the next one fail.

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use tapedeck_kernel::Answer;

use crate::bus::{Bus, BusError};
use crate::shell::back_off;

/// Header: the session that publishes.
const SESSION: &str = "Tapedeck-Session";
/// Header: how many items of the session have been published on this subject, with this message.
const THROUGH: &str = "Tapedeck-Through";
/// Header: whether the session is the only one that ever published on this subject.
const ALONE: &str = "Tapedeck-Alone";
/// Refusals in a row after which a publisher gives up (the broker is full, or forbids it).
const REFUSALS_MAX: u32 = 8;

/// One subject, and how far this session is on it.
#[derive(Debug)]
pub struct Lane {
    bus: Bus,
    stream: String,
    subject: String,
    session: String,
    expected: u64,
    through: u64,
    alone: bool,
}

impl Lane {
    /// Finds where the session stands on the subject.
    pub async fn open(bus: &Bus, subject: String, session: String) -> Result<Self, BusError> {
        let stream = bus.context().stream_by_subject(&subject).await.map_err(|error| {
            BusError::request(
                format!("no stream takes {subject}"),
                format!("{error}; place it on a partition with `tapedeck provision`"),
            )
        })?;
        let mut lane = Self { bus: bus.clone(), stream, subject, session, expected: 0, through: 0, alone: true };
        let last = lane.last().await?;
        lane.adopt(last.as_ref());
        Ok(lane)
    }

    /// The stream that takes the subject.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many items of the session are stored: the next to send is the one after.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// The subject's last sequence, as far as known.
    pub fn last_seq(&self) -> u64 {
        self.expected
    }

    /// Whether no other session ever published on the subject.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Sends the message that reaches through item number `through`; repeats it until it is known to be stored.
    pub async fn send(&mut self, through: u64, payload: Bytes) -> Result<u64, BusError> {
        assert!(through > self.through, "items are sent in order");
        let mut failures = 0;
        let mut refusals = 0;
        loop {
            let mut headers = HeaderMap::new();
            headers.insert(SESSION, self.session.as_str());
            headers.insert(THROUGH, through.to_string().as_str());
            headers.insert(ALONE, if self.alone { "yes" } else { "no" });
            let answer = self.bus.append(&self.stream, &self.subject, self.expected, headers, payload.clone()).await;
            match answer {
                Answer::Committed(seq) => {
                    (self.expected, self.through) = (seq, through);
                    return Ok(seq);
                }
                Answer::WrongLast(_) => {
                    let last = self.last().await?;
                    self.adopt(last.as_ref());
                    if self.through >= through {
                        return Ok(self.expected); // the answer was lost, not the message
                    }
                }
                Answer::Refused(why) => {
                    refusals += 1;
                    if refusals == REFUSALS_MAX {
                        return Err(BusError::request(format!("publishing on {}", self.subject), why));
                    }
                }
                Answer::Unknown => {}
            }
            failures += 1;
            tokio::time::sleep(back_off(failures)).await;
        }
    }

    async fn last(&self) -> Result<Option<StreamMessage>, BusError> {
        let mut failures = 0;
        loop {
            match self.bus.last_message_on(&self.stream, &self.subject).await {
                Err(error) if failures == REFUSALS_MAX => return Err(error),
                Err(_) => failures += 1,
                Ok(last) => return Ok(last),
            }
            tokio::time::sleep(back_off(failures)).await;
        }
    }

    /// Stands behind the subject's last message; if that is this session's, behind what it reaches.
    fn adopt(&mut self, last: Option<&StreamMessage>) {
        let Some(last) = last else { return };
        self.expected = last.sequence;
        let header = |name: &str| last.headers.get(name).map(|value| value.as_str());
        if header(SESSION) == Some(self.session.as_str()) {
            self.through = header(THROUGH).and_then(|text| text.parse().ok()).unwrap_or(self.through);
            self.alone &= header(ALONE) == Some("yes");
        } else {
            self.alone = false;
        }
    }
}
