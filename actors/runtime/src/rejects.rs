//! Publishes the `Rejected` facts of ingest to the publishers of the market events, exactly once. It decides nothing.
//!
//! Each fact becomes one message of the stream `REJECTS_<p>`, which the server republishes on `md-rejects.<source>`. A
//! header holds the fact's offset, from which the next process resumes; the fence on the stream's last sequence
//! prevents two processes from storing the same fact.

use std::time::Duration;

use async_nats::HeaderMap;
use serde::Serialize;
use tapedeck_kernel::{Answer, TapeFault, TapeRead, TapeReader};
use tapedeck_schemas::event::{Event, Rejected, TapeCreated};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{RecordHash, Writer};
use tapedeck_schemas::subject::{self, TapeSubject};

use crate::bus::{Bus, BusError};
use crate::shell::back_off;
use crate::tail::Tail;

/// Header: the offset of the fact on the tape.
const OFFSET: &str = "Tapedeck-Offset";

/// The message to a publisher.
#[derive(Serialize)]
struct PublishedReject<'a> {
    offset: String,
    reason: &'static str,
    /// The detail in words: rendered here, so that rewording changes no fact.
    detail: String,
    code: &'static str,
    subject: &'a str,
    seq: Option<u64>,
    instrument: Option<String>,
}

struct RejectsPublisher {
    bus: Bus,
    partition: u16,
    stream: String,
    /// The stream's last sequence.
    expected: u64,
    /// Offset of the last stored fact.
    after: Offset,
}

/// Publishes rejections until the tape cannot be read.
pub async fn run(bus: &Bus, tape: &TapeCreated) -> Result<(), TapeFault> {
    let partition = tape.partition;
    let stream = subject::rejects_stream(partition);
    let mut publisher = RejectsPublisher { bus: bus.clone(), partition, stream, expected: 0, after: Offset::START };
    while let Err(error) = publisher.read_last().await {
        tracing::warn!(partition, %error, "cannot read the last stored rejection; retrying");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let ingest = subject::tape_subject(partition, Writer::Ingest);
    let mut tail = Tail::new(bus, subject::tape_stream(partition), ingest, publisher.after.seq.max(1));
    let mut reader = TapeReader::filtered(tape.tape);
    loop {
        let stored = tail.next().await;
        if stored.seq == publisher.after.seq {
            // An earlier process has found this record valid, so the next one must chain to it.
            let hash = RecordHash::of(&stored.payload);
            reader = TapeReader::filtered_after(tape.tape, Writer::Ingest, stored.seq, hash);
            let decoded = tapedeck_schemas::record::decode(&stored.payload);
            let entries = decoded.map(|(_, entries)| entries).unwrap_or_default();
            publisher.publish(stored.seq, entries.iter().map(|entry| &entry.event)).await;
            continue;
        }
        match reader.read(stored.seq, TapeSubject::parse(partition, &stored.subject), &stored.payload)? {
            TapeRead::Record(record) => {
                publisher.publish(record.seq, record.entries.iter().map(|entry| &entry.event)).await
            }
            TapeRead::Invalid { .. } => {} // logged by the groups that read the tape
        }
    }
}

impl RejectsPublisher {
    /// Reads the stream's last sequence and the offset of its last fact.
    async fn read_last(&mut self) -> Result<(), BusError> {
        if let Some(last) = self.bus.last_message(&self.stream).await? {
            self.expected = last.sequence;
            let offset = last.headers.get(OFFSET).and_then(|value| value.as_str().parse().ok());
            self.after = self.after.max(offset.unwrap_or(self.after));
        }
        Ok(())
    }

    async fn publish(&mut self, seq: u64, events: impl Iterator<Item = &Event>) {
        for (index, event) in (0..).zip(events) {
            let at = Offset::new(seq, index);
            if let Event::Rejected(rejected) = event {
                self.store(at, rejected).await;
            }
        }
    }

    /// Stores one rejection; retries until it is known to be stored.
    async fn store(&mut self, at: Offset, rejected: &Rejected) {
        let message = PublishedReject {
            offset: at.in_partition(self.partition),
            reason: rejected.reason.as_str(),
            detail: rejected.detail.words(),
            code: rejected.detail.rule(),
            subject: &rejected.subject,
            seq: rejected.seq,
            instrument: rejected.instrument.map(|instrument| instrument.to_string()),
        };
        let payload = serde_json::to_vec(&message).expect("serializing to memory cannot fail");
        let subject = subject::rejects_subject(self.partition, rejected.source);
        let mut failures = 0;
        while at > self.after {
            let mut headers = HeaderMap::new();
            headers.insert(OFFSET, at.to_string().as_str());
            let answer = self.bus.append_to_stream(&subject, self.expected, headers, payload.clone().into()).await;
            if let Answer::Committed(seq) = answer {
                (self.expected, self.after) = (seq, at);
                return;
            }
            failures += 1;
            tokio::time::sleep(back_off(failures)).await;
            if let Err(error) = self.read_last().await {
                tracing::warn!(stream = self.stream, %error, "cannot read the last stored rejection; retrying");
            }
        }
    }
}
