//! Subjects that take what is replayed, by plain NATS publishes of which only so many are on their way at once.
//!
//! A publish without JetStream has no answer of its own. So after every so many the publisher sends one message to
//! itself: when that comes back over the same connection, the broker has had all before it. If the connection was lost
//! meanwhile, what was not confirmed is sent again: at least once, in order within each attempt.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tapedeck_runtime::{Bus, BusError};

use crate::error::HistoryError;
use crate::render::Rendered;

/// Most messages that wait for a confirmation.
const UNCONFIRMED_MAX: usize = 256;
/// Most bytes of them.
const UNCONFIRMED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long one confirmation is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for.
const ATTEMPTS_MAX: u64 = 12;
/// First tokens of the subjects that mean something to a running system: what is replayed must not be taken for new.
const RESERVED: [&str; 6] = ["md", "md-status", "md-rejects", "tape", "cmd", "rpt"];
/// Longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 128;

/// Publishes under a prefix.
pub struct SubjectSink {
    client: Client,
    prefix: String,
    inbox: String,
    echoes: Subscriber,
    asked: u64,
    connects: u64,
    unconfirmed: Vec<(String, Bytes)>,
    unconfirmed_bytes: usize,
}

impl SubjectSink {
    /// Publishes under `prefix`, which must pass [`check_prefix`].
    pub async fn open(bus: &Bus, prefix: &str) -> Result<Self, HistoryError> {
        check_prefix(prefix)?;
        let client = bus.context().client();
        let inbox = client.new_inbox();
        let echoes = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| BusError::request("subscribing to an inbox", error))?;
        let connects = connects(&client);
        let prefix = prefix.to_string();
        let (unconfirmed, unconfirmed_bytes) = (Vec::new(), 0);
        Ok(Self { client, prefix, inbox, echoes, asked: 0, connects, unconfirmed, unconfirmed_bytes })
    }

    /// Takes the next fact; waits where too many are on their way.
    pub async fn put(&mut self, rendered: &Rendered) -> Result<(), HistoryError> {
        let (subject, payload) = rendered.message(&self.prefix);
        let payload = Bytes::from(payload);
        self.unconfirmed_bytes += payload.len();
        self.unconfirmed.push((subject.clone(), payload.clone()));
        self.publish(subject, payload).await?;
        if self.unconfirmed.len() >= UNCONFIRMED_MAX || self.unconfirmed_bytes >= UNCONFIRMED_BYTES_MAX {
            self.confirm().await?;
        }
        Ok(())
    }

    /// Waits until the broker has had everything.
    pub async fn confirm(&mut self) -> Result<(), HistoryError> {
        for attempt in 0..ATTEMPTS_MAX {
            if self.unconfirmed.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tracing::warn!(messages = self.unconfirmed.len(), "sending again what nats did not confirm");
                self.connects = connects(&self.client);
                for (subject, payload) in self.unconfirmed.clone() {
                    self.publish(subject, payload).await?;
                }
            }
            self.asked += 1;
            self.publish(self.inbox.clone(), self.asked.to_string().into()).await?;
            if tokio::time::timeout(PATIENCE, self.echo()).await.is_ok() && self.connects == connects(&self.client) {
                self.unconfirmed.clear();
                self.unconfirmed_bytes = 0;
            }
        }
        match self.unconfirmed.is_empty() {
            true => Ok(()),
            false => Err(HistoryError::Unconfirmed(PATIENCE.as_secs() * ATTEMPTS_MAX)),
        }
    }

    /// Resolves when the last message to ourselves is back; never, if the connection is gone for good.
    async fn echo(&mut self) {
        while let Some(message) = self.echoes.next().await {
            if message.payload == self.asked.to_string().as_bytes() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn publish(&self, subject: String, payload: Bytes) -> Result<(), HistoryError> {
        let failed = |error| BusError::request("publishing what is replayed", error);
        Ok(self.client.publish(subject, payload).await.map_err(failed)?)
    }
}

/// How often the client has connected: unchanged, the connection has been one and the same.
fn connects(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::SeqCst)
}

/// Whether one may publish under a prefix: plain tokens, and none of a running system's own subjects.
pub fn check_prefix(prefix: &str) -> Result<(), HistoryError> {
    let bad = |why: String| Err(HistoryError::Prefix { prefix: prefix.chars().take(PREFIX_BYTES_MAX).collect(), why });
    if prefix.len() > PREFIX_BYTES_MAX {
        return bad(format!("it has {} bytes, at most {PREFIX_BYTES_MAX} are allowed", prefix.len()));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !prefix.split('.').all(|token| !token.is_empty() && token.chars().all(legal)) {
        return bad("want tokens of A-Z a-z 0-9 - _ with single dots between them".into());
    }
    let first = prefix.split('.').next().unwrap_or_default();
    if RESERVED.contains(&first) || first == "_INBOX" {
        return bad(format!("a running system takes what comes on {first}.> for new"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_plain_tokens_outside_the_systems_own_subjects() {
        for good in ["replay", "replay.r1", "mds.x", "a-b.c_d.E9"] {
            check_prefix(good).unwrap();
        }
        for bad in ["", ".", "replay.", ".r", "a..b", "a b", "a.*", "a.>", "$JS.API", "é"] {
            assert!(check_prefix(bad).unwrap_err().to_string().contains("want tokens"), "{bad}");
        }
        for own in ["md", "md.kraken", "tape.0", "cmd.0", "rpt", "_INBOX.x", "md-rejects.feed"] {
            assert!(check_prefix(own).unwrap_err().to_string().contains("for new"), "{own}");
        }
        assert!(check_prefix(&"a".repeat(129)).is_err());
    }
}
