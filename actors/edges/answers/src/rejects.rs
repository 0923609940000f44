//! Publishes the `Rejected` and `RejectedMany` facts of ingest to the publishers of the market events, exactly once. It
//! decides nothing.
//!
//! Each fact becomes one message of the stream `REJECTS_<p>`, which the server republishes on `md-rejects.<source>`. A
//! header holds the fact's offset, from which the next process resumes; the fence on the stream's last sequence
//! prevents two processes from storing the same fact.

use std::time::Duration;

use async_nats::HeaderMap;
use tapedeck_kernel::{Answer, ChainEnd, TapeFault, TapeRead, TapeReader};
use tapedeck_runtime::tail::Tail;
use tapedeck_runtime::{Bus, BusError, back_off};
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::generation::{Lineage, TapeName};
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, RecordHash, RecordRead, Writer};
use tapedeck_schemas::subject::{self, TapeSubject};

use crate::reject::PublishedReject;

/// Header: the offset of the fact on the tape, `p0g1:1234.5`.
const OFFSET: &str = "Tapedeck-Offset";

struct RejectsPublisher {
    bus: Bus,
    partition: u16,
    stream: String,
    /// The stream's last sequence.
    expected: u64,
    /// Offset of the last stored fact.
    after: Offset,
    lineage: Lineage,
}

/// Publishes rejections until the tape cannot be read.
pub async fn run(bus: &Bus, tape: &TapeCreated) -> Result<(), TapeFault> {
    let partition = tape.partition;
    let stream = subject::rejects_stream(partition);
    let (lineage, after) = (tape.lineage(), Offset::START);
    let mut publisher = RejectsPublisher { bus: bus.clone(), partition, stream, expected: 0, after, lineage };
    while let Err(error) = publisher.read_last().await {
        tracing::warn!(partition, %error, "cannot read the last stored rejection; retrying");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let ingest = bus.generations().tape_subject(partition, Writer::Ingest);
    // After copies, the whole chain is read: the last copied record need not be one of ingest.
    let from = if publisher.after.index == u32::MAX { 1 } else { publisher.after.seq.max(1) };
    let mut tail = Tail::new(bus, bus.generations().tape_stream(partition), ingest, from);
    let mut reader = TapeReader::filtered(tape);
    loop {
        let stored = tail.next().await;
        if stored.seq == publisher.after.seq {
            // An earlier process has found this record valid, so the next one must chain to it.
            let RecordRead { outer, entries, .. } = record::read(&stored.payload);
            let (hash, epoch) = (RecordHash::of(&stored.payload), outer.map_or(0, |outer| outer.epoch));
            let end = ChainEnd { seq: stored.seq, hash, epoch, build: None };
            reader = TapeReader::filtered_after(tape, Writer::Ingest, end);
            publisher.publish(stored.seq, entries.iter().map(|entry| &entry.event)).await;
            continue;
        }
        let subject = TapeSubject::parse(partition, tape.generation, &stored.subject);
        match reader.read(stored.seq, subject, &stored.payload)? {
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
        let (expected, last) = self.bus.last_message(&self.stream).await?;
        self.expected = expected;
        if let Some(last) = last {
            let offset = last.headers.get(OFFSET).and_then(|value| resume_after(&self.lineage, value.as_str()));
            self.after = self.after.max(offset.unwrap_or(self.after));
        }
        Ok(())
    }

    async fn publish(&mut self, seq: u64, events: impl Iterator<Item = &Event>) {
        for (index, event) in (0..).zip(events) {
            let at = Offset::new(seq, index);
            let offset = self.lineage.print(self.partition, at);
            match event {
                Event::Rejected(fact) => self.store(at, fact.source, PublishedReject::new(offset, fact)).await,
                Event::RejectedMany(fact) => self.store(at, fact.source, PublishedReject::many(offset, fact)).await,
                _ => {}
            }
        }
    }

    /// Stores one message; retries until it is known to be stored.
    async fn store(&mut self, at: Offset, source: Option<SourceId>, message: PublishedReject) {
        let payload = serde_json::to_vec(&message).expect("serializing to memory cannot fail");
        let subject = subject::rejects_subject(self.partition, source);
        let mut failures = 0;
        while at > self.after {
            let mut headers = HeaderMap::new();
            headers.insert(OFFSET, self.lineage.print(self.partition, at).as_str());
            let answer = self.bus.append_to_stream(&subject, self.expected, headers, payload.clone().into()).await;
            if let Answer::Committed(seq) = answer {
                (self.expected, self.after) = (seq, at);
                return;
            }
            failures += 1;
            tracing::info!(stream = self.stream, ?answer, "rejection not acknowledged; retrying");
            tokio::time::sleep(back_off(failures)).await;
            if let Err(error) = self.read_last().await {
                tracing::warn!(stream = self.stream, %error, "cannot read the last stored rejection; retrying");
            }
        }
    }
}

/// The offset on this tape up to which every fact is stored, from the printed offset of the last stored one. A fact of
/// an earlier generation that was not copied is on this tape no more: the facts that follow the copies are new.
fn resume_after(lineage: &Lineage, stored: &str) -> Option<Offset> {
    let (tape, offset) = stored.split_once(':')?;
    let generation = TapeName::parse(tape)?.generation?;
    let offset: Offset = offset.parse().ok()?;
    if lineage.generation_of(offset.seq) == generation {
        return Some(offset);
    }
    let kept = lineage.copied.iter().filter(|copied| copied.generation <= generation);
    kept.map(|copied| Offset::new(copied.last, u32::MAX)).next_back()
}

#[cfg(test)]
mod tests {
    use tapedeck_schemas::event::CopiedRecords;
    use tapedeck_schemas::generation::Generation;
    use tapedeck_schemas::ids::TapeId;
    use tapedeck_schemas::record::RecordHash;

    use super::*;

    #[test]
    fn rejections_of_a_lost_future_do_not_hide_those_of_the_next_generation() {
        let hash = RecordHash::default();
        let copied = vec![CopiedRecords { generation: Generation::FIRST, last: 10, hash }];
        let second = Lineage { generation: Generation::new(2).unwrap(), copied, ..TapeId([1; 16]).into() };
        let copies_end = Offset::new(10, u32::MAX);
        for (stored, after) in [
            ("p0g1:9.1", Some(Offset::new(9, 1))),
            ("p0g1:30.0", Some(copies_end)),
            ("p0g2:30.0", Some(Offset::new(30, 0))),
            ("p0:30.0", None),
            ("30.0", None),
        ] {
            assert_eq!(resume_after(&second, stored), after, "{stored}");
        }
    }
}
