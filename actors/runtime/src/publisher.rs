//! Runs a publication: sends, asks, and backs off as [`tapedeck_kernel::publication`] says.

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use tapedeck_kernel::publication::{Publication, PublicationStep, REFUSALS_MAX};

use crate::bus::{Bus, BusError};
use crate::shell::back_off;

/// One subject, and how far a session is on it.
#[derive(Debug)]
pub struct FencedPublisher {
    bus: Bus,
    stream: String,
    subject: String,
    publication: Publication,
}

impl FencedPublisher {
    /// Finds where the session stands on the subject.
    pub async fn open(bus: &Bus, subject: String, session: String) -> Result<Self, BusError> {
        let stream = bus.context().stream_by_subject(&subject).await.map_err(|error| {
            BusError::request(
                format!("no stream takes {subject}"),
                format!("{error}; place it on a partition with `tapedeck provision`"),
            )
        })?;
        let mut publisher = Self { bus: bus.clone(), stream, subject, publication: Publication::new(session) };
        publisher.look().await?;
        Ok(publisher)
    }

    /// The stream that takes the subject.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many items of the session are stored: the next to send is the one after.
    pub fn through(&self) -> u64 {
        self.publication.through()
    }

    /// The subject's last sequence, as far as known.
    pub fn last_seq(&self) -> u64 {
        self.publication.expected()
    }

    /// Whether no other session ever published on the subject.
    pub fn is_alone(&self) -> bool {
        self.publication.is_alone()
    }

    /// Sends the message that reaches through item number `through`; repeats it until it is known to be stored, or
    /// until it is found that some of it was stored before. Then it must be made anew, behind [`FencedPublisher::through`].
    pub async fn send(&mut self, through: u64, payload: Bytes) -> Result<(), BusError> {
        loop {
            let mut headers = HeaderMap::new();
            for (name, value) in self.publication.headers(through) {
                headers.insert(name, value);
            }
            let answer = self.bus.publish(&self.subject, headers, payload.clone()).await;
            match self.publication.answer(through, answer) {
                PublicationStep::Stored => return Ok(()),
                PublicationStep::ReadLast => {
                    if self.look().await? {
                        return Ok(());
                    }
                }
                PublicationStep::Retry => {
                    let (subject, failures) = (&self.subject, self.publication.failures());
                    tracing::warn!(subject, failures, "not acknowledged (away, full, or not allowed?); sending again");
                }
                PublicationStep::GiveUp(why) => {
                    return Err(BusError::request(format!("publishing on {}", self.subject), why));
                }
            }
            tokio::time::sleep(back_off(self.publication.failures())).await;
        }
    }

    /// Stands behind the subject's last message; whether more is stored than was known.
    async fn look(&mut self) -> Result<bool, BusError> {
        let Some(last) = self.last().await? else {
            self.publication.adopt_none();
            return Ok(false);
        };
        Ok(self.publication.adopt(last.sequence, |name| last.headers.get(name).map(|value| value.as_str())))
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
}
