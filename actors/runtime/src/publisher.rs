//! Publishes the messages of a session on one subject exactly once, as [`tapedeck_kernel::publication`] decides.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DirectGetErrorKind;
use async_nats::{HeaderMap, StatusCode};
use bytes::Bytes;
use tapedeck_kernel::publication::{Publication, PublicationStep, REJECTIONS_MAX};
use tapedeck_schemas::subject::subject_source;

use crate::bus::{Bus, BusError};
use crate::retry::back_off;

/// How long a publisher tries to store a message, or to read the last one of its subject, until it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How the attempts to store a message ended.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Stored,
    /// The last message of the subject is another than expected.
    OtherLast,
}

/// A publisher of one session on one subject.
#[derive(Debug)]
pub struct FencedPublisher {
    bus: Bus,
    stream: String,
    subject: String,
    publication: Publication,
    patience: Duration,
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
        let publication = Publication::new(session);
        let mut publisher = Self { bus: bus.clone(), stream, subject, publication, patience: PATIENCE };
        publisher.bounded(async |publisher| publisher.adopt_last().await).await?;
        Ok(publisher)
    }

    /// Does this, or fails if it takes longer than the patience: JetStream has then stored nothing meanwhile.
    async fn bounded<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<T, BusError>) -> Result<T, BusError> {
        let (subject, patience) = (self.subject.clone(), self.patience);
        tokio::time::timeout(patience, work(self)).await.unwrap_or_else(|_| {
            let key = if self.bus.is_client() { ", unless the key has no right to publish there" } else { "" };
            let why =
                format!("JetStream has acknowledged nothing for {} s; run the command again{key}", patience.as_secs());
            Err(BusError::request(format!("publishing on {subject}"), why))
        })
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
    /// [`FencedPublisher::through`] on. Fails after [`PATIENCE`].
    pub async fn send(&mut self, through: u64, payload: Bytes) -> Result<(), BusError> {
        self.bounded(async |publisher| publisher.send_first(through, payload).await).await
    }

    async fn send_first(&mut self, through: u64, payload: Bytes) -> Result<(), BusError> {
        loop {
            let headers = self.publication.headers(through);
            if self.attempt(through, headers, &payload).await? == Attempt::Stored || self.adopt_last().await? {
                return Ok(());
            }
            tokio::time::sleep(back_off(self.publication.failures())).await;
        }
    }

    /// Sends a message with items that were stored before and that the inbox lost, and retries it until it is known to
    /// be stored. What [`FencedPublisher::through`] returns does not change by it.
    pub async fn send_again(&mut self, payload: Bytes) -> Result<(), BusError> {
        self.bounded(async |publisher| publisher.repeat(payload).await).await
    }

    async fn repeat(&mut self, payload: Bytes) -> Result<(), BusError> {
        loop {
            let (through, headers) = (self.publication.through(), self.publication.headers_again());
            if self.attempt(through, headers, &payload).await? == Attempt::Stored {
                return Ok(());
            }
            let last = self.last().await?;
            self.adopt(last.as_ref());
            if last.is_some_and(|last| last.payload == payload) {
                return Ok(()); // its acknowledgement was lost
            }
            tokio::time::sleep(back_off(self.publication.failures())).await;
        }
    }

    /// Sends a message until it is stored, or the last message of the subject is another than expected.
    async fn attempt(
        &mut self,
        through: u64,
        headers: Vec<(&'static str, String)>,
        payload: &Bytes,
    ) -> Result<Attempt, BusError> {
        let mut named = HeaderMap::new();
        headers.into_iter().for_each(|(name, value)| named.insert(name, value));
        loop {
            let answer = self.bus.publish(&self.subject, named.clone(), payload.clone()).await;
            match self.publication.answer(through, answer) {
                PublicationStep::Stored => return Ok(Attempt::Stored),
                PublicationStep::ReadLast => return Ok(Attempt::OtherLast),
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
        let last = self.last().await?;
        Ok(self.adopt(last.as_ref()))
    }

    fn adopt(&mut self, last: Option<&StreamMessage>) -> bool {
        let Some(last) = last else {
            self.publication.adopt_none();
            return false;
        };
        self.publication.adopt(last.sequence, |name| last.headers.get(name).map(|value| value.as_str()))
    }

    async fn last(&self) -> Result<Option<StreamMessage>, BusError> {
        let mut failures = 0;
        loop {
            let last = match subject_source(&self.subject) {
                Some(_) => self.last_own().await,
                None => self.bus.last_message_on(&self.stream, &self.subject).await,
            };
            match last {
                Err(error) if failures == REJECTIONS_MAX => return Err(error),
                Err(_) => failures += 1,
                Ok(last) => return Ok(last),
            }
            tokio::time::sleep(back_off(failures)).await;
        }
    }

    /// The last message of a subject that names its source. A publisher with a key may read no others, so the request
    /// names the subject. Another server than the leader may answer: the fence rejects a message that follows an answer
    /// that is out of date, and the subject is read again.
    async fn last_own(&self) -> Result<Option<StreamMessage>, BusError> {
        let failed = |why: String| BusError::request(format!("reading the last message on {}", self.subject), why);
        let stream = self.bus.context().get_stream_no_info(&self.stream).await.map_err(|e| failed(e.to_string()))?;
        match stream.direct_get_last_for_subject(self.subject.as_str()).await {
            Ok(last) => Ok(Some(last)),
            Err(error) => match error.kind() {
                DirectGetErrorKind::NotFound => Ok(None),
                DirectGetErrorKind::ErrorResponse(StatusCode::NO_RESPONDERS, _) => {
                    Err(failed("no responders: the key may not be that of a publisher of this source".into()))
                }
                _ => Err(failed(error.to_string())),
            },
        }
    }
}
