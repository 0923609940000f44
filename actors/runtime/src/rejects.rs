//! Brings ingest's refusals from the tape to their publishers: an edge, exactly once, resumable. It judges nothing.
//!
//! Each refusal becomes one message of `REJECTS_<p>`, which the server repeats on `md-rejects.<source>`. The message
//! names the refusal's offset, so that whoever comes next goes on behind the last one; a fence over the stream keeps
//! two from writing the same.

use std::time::Duration;

use async_nats::HeaderMap;
use serde::Serialize;
use tapedeck_kernel::{Answer, TapeRead, TapeReader};
use tapedeck_schemas::event::{Event, Rejected, TapeCreated};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{RecordHash, Writer};
use tapedeck_schemas::subject;

use crate::bus::{Bus, BusError};
use crate::shell::{back_off, writer_of};
use crate::tail::{StoredMessage, Tail};

/// Header: where on the tape the refusal stands.
const OFFSET: &str = "Tapedeck-Offset";

/// A refusal, as its publisher reads it.
#[derive(Serialize)]
struct PublishedReject<'a> {
    offset: String,
    reason: &'static str,
    detail: &'a str,
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
    /// The last refusal that is in it.
    after: Offset,
}

/// Brings refusals for ever; ends only on what cannot be mended by asking again.
pub async fn run(bus: &Bus, tape: &TapeCreated) -> Result<(), BusError> {
    let partition = tape.partition;
    let stream = subject::rejects_stream(partition);
    let mut publisher = RejectsPublisher { bus: bus.clone(), partition, stream, expected: 0, after: Offset::START };
    while let Err(error) = publisher.find_place().await {
        tracing::warn!(partition, %error, "cannot find the last refusal yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let (own, stored) = (subject::tape_subject(partition, Writer::Ingest), subject::tape_stream(partition));
    let mut tail = Tail::new(bus, stored, own, publisher.after.seq.max(1));
    let mut reader = TapeReader::filtered(tape.tape);
    loop {
        let stored = tail.next().await;
        if stored.seq == publisher.after.seq {
            // It was read to its refusal before, so it is valid: what follows chains to it.
            let hash = RecordHash::of(&stored.payload);
            reader = TapeReader::filtered_after(tape.tape, Writer::Ingest, stored.seq, hash);
            let decoded = tapedeck_schemas::record::decode(&stored.payload);
            let entries = decoded.map(|(_, entries)| entries).unwrap_or_default();
            publisher.bring(stored.seq, entries.iter().map(|entry| &entry.event)).await;
            continue;
        }
        match read(&mut reader, partition, &stored)? {
            TapeRead::Record(record) => {
                publisher.bring(record.seq, record.entries.iter().map(|entry| &entry.event)).await
            }
            TapeRead::Invalid { .. } => {} // the group that reads it has raised the alarm
        }
    }
}

fn read(reader: &mut TapeReader, partition: u16, stored: &StoredMessage) -> Result<TapeRead, BusError> {
    let read = reader.read(stored.seq, writer_of(partition, &stored.subject), &stored.payload);
    read.map_err(|fault| BusError::request(format!("reading refusals of partition {partition}"), fault))
}

impl RejectsPublisher {
    async fn find_place(&mut self) -> Result<(), BusError> {
        if let Some(last) = self.bus.last_message(&self.stream).await? {
            self.expected = last.sequence;
            let offset = last.headers.get(OFFSET).and_then(|value| value.as_str().parse().ok());
            self.after = self.after.max(offset.unwrap_or(self.after));
        }
        Ok(())
    }

    async fn bring(&mut self, seq: u64, events: impl Iterator<Item = &Event>) {
        for (index, event) in (0..).zip(events) {
            let at = Offset::new(seq, index);
            if let Event::Rejected(rejected) = event {
                self.store(at, rejected).await;
            }
        }
    }

    /// Repeats until the refusal is known to be there.
    async fn store(&mut self, at: Offset, rejected: &Rejected) {
        let message = PublishedReject {
            offset: at.in_partition(self.partition),
            reason: rejected.reason.as_str(),
            detail: &rejected.detail,
            subject: &rejected.subject,
            seq: rejected.seq,
            instrument: rejected.instrument.map(|instrument| instrument.to_string()),
        };
        let payload = serde_json::to_vec(&message).expect("writing a refusal to memory cannot fail");
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
            if let Err(error) = self.find_place().await {
                tracing::warn!(stream = self.stream, %error, "cannot look for the last refusal");
            }
        }
    }
}
