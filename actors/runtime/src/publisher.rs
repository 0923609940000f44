//! Publishes the messages of a session on one subject exactly once, as [`tapedeck_kernel::publication`] decides.

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use tapedeck_kernel::publication::{Publication, PublicationStep, REJECTIONS_MAX};

use crate::bus::{Bus, BusError};
use crate::shell::back_off;

/// A publisher of one session on one subject.
#[derive(Debug)]
pub struct FencedPublisher {
    bus: Bus,
    stream: String,
    subject: String,
    publication: Publication,
}

impl FencedPublisher {
    /// Opens the subject and reads how much of the session is stored.
    pub async fn open(bus: &Bus, subject: String, session: String) -> Result<Self, BusError> {
        let stream = bus.context().stream_by_subject(&subject).await.map_err(|error| {
            BusError::request(
                format!("no stream stores {subject}"),
                format!("{error}; place the subject on a partition with `tapedeck provision`"),
            )
        })?;
        let mut publisher = Self { bus: bus.clone(), stream, subject, publication: Publication::new(session) };
        publisher.adopt_last().await?;
        Ok(publisher)
    }

    /// The stream that stores the subject.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// Number of items of the session that are stored; the next to send has this number plus 1.
    pub fn through(&self) -> u64 {
        self.publication.through()
    }

    /// The subject's last known sequence.
    pub fn last_seq(&self) -> u64 {
        self.publication.expected()
    }

    /// Whether no other session has published on the subject.
    pub fn is_alone(&self) -> bool {
        self.publication.is_alone()
    }

    /// Sends the message whose last item has number `through`, and retries it until it is known to be stored. Returns
    /// early if a part of it was stored before: then the caller builds a new message from
    /// [`FencedPublisher::through`] on.
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
                    if self.adopt_last().await? {
                        return Ok(());
                    }
                }
                PublicationStep::Retry => {
                    let failures = self.publication.failures();
                    tracing::warn!(subject = self.subject, failures, "publish not acknowledged; retrying with backoff");
                }
                PublicationStep::GiveUp(why) => {
                    return Err(BusError::request(format!("publishing on {}", self.subject), why));
                }
            }
            tokio::time::sleep(back_off(self.publication.failures())).await;
        }
    }

    /// Continues after the subject's last message; `true` if more of the session is stored than was known.
    async fn adopt_last(&mut self) -> Result<bool, BusError> {
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
                Err(error) if failures == REJECTIONS_MAX => return Err(error),
                Err(_) => failures += 1,
                Ok(last) => return Ok(last),
            }
            tokio::time::sleep(back_off(failures)).await;
        }
    }
}
