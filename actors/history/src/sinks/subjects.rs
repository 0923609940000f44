//! Subjects that replayed facts are published on, with a bound on the messages that are not confirmed.
//!
//! A publish without JetStream has no reply. Therefore, after at most `UNCONFIRMED_MAX` messages, the sink sends one
//! message to itself: when it arrives over the same connection, the broker has received every message before it. After
//! a reconnect, the unconfirmed messages are sent again: delivery is at least once, in order within each attempt.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tapedeck_runtime::{Bus, BusError};

use crate::error::HistoryError;
use crate::render::Rendered;

/// Most unconfirmed messages.
const UNCONFIRMED_MAX: usize = 256;
/// Most bytes of unconfirmed messages.
const UNCONFIRMED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Timeout of one confirmation.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most attempts at a confirmation.
const ATTEMPTS_MAX: u64 = 12;
/// First tokens of the subjects that a running system uses: it would take a replayed message for a new one.
const RESERVED: [&str; 7] = ["md", "in", "md-status", "md-rejects", "tape", "cmd", "rpt"];
/// Longest prefix, in bytes.
const PREFIX_BYTES_MAX: usize = 128;

/// Publishes replayed facts under a prefix.
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
    /// Opens the subjects under `prefix`. Fails if `prefix` does not pass [`check_prefix`].
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

    /// Publishes the next fact. Waits for a confirmation if too many messages are unconfirmed.
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

    /// Waits until the broker has received every message. Fails after 12 attempts of 5 s.
    pub async fn confirm(&mut self) -> Result<(), HistoryError> {
        for attempt in 0..ATTEMPTS_MAX {
            if self.unconfirmed.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tracing::warn!(messages = self.unconfirmed.len(), "messages not confirmed by NATS; sending them again");
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

    /// Resolves when the last message that the sink sent to itself arrives; never if the subscription has ended.
    async fn echo(&mut self) {
        while let Some(message) = self.echoes.next().await {
            if message.payload == self.asked.to_string().as_bytes() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn publish(&self, subject: String, payload: Bytes) -> Result<(), HistoryError> {
        let failed = |error| BusError::request("publishing a replayed fact", error);
        Ok(self.client.publish(subject, payload).await.map_err(failed)?)
    }
}

/// Number of times that the client has connected. If it is unchanged, so is the connection.
fn connects(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::SeqCst)
}

/// Checks a prefix to publish under: at most 128 bytes, plain tokens, and not a prefix that a running system uses.
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
        return bad(format!("a running system would take messages on {first}.> for new ones"));
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
        for own in ["md", "md.kraken", "in.feed", "tape.0", "cmd.0", "rpt", "_INBOX.x", "md-rejects.feed"] {
            assert!(check_prefix(own).unwrap_err().to_string().contains("for new"), "{own}");
        }
        assert!(check_prefix(&"a".repeat(129)).is_err());
    }
}
