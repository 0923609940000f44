//! The stored messages of a stream, with contiguous sequences and an index by subject.

use std::collections::{BTreeMap, VecDeque};

use crate::message::{Message, Publish};

use super::admission::stored_bytes;

#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    messages: VecDeque<Message>,
    first: u64,
    last: u64,
    bytes: u64,
    by_subject: BTreeMap<String, VecDeque<u64>>,
}

impl Store {
    /// Stores a message; returns its sequence.
    pub(super) fn push(&mut self, stamp: u64, publish: Publish) -> u64 {
        let Publish { subject, headers, payload } = publish;
        self.bytes += stored_bytes(&subject, &headers, payload.len());
        self.last += 1;
        if self.messages.is_empty() {
            self.first = self.last;
        }
        match self.by_subject.get_mut(&subject) {
            Some(seqs) => seqs.push_back(self.last),
            None => {
                self.by_subject.insert(subject.clone(), VecDeque::from([self.last]));
            }
        }
        self.messages.push_back(Message { seq: self.last, subject, headers, payload, stamp });
        self.last
    }

    /// Removes the messages before `seq`; returns their number. Past the end, the next sequence is `seq`.
    pub(super) fn purge(&mut self, seq: u64) -> u64 {
        let mut count = 0;
        while self.messages.front().is_some_and(|message| message.seq < seq) {
            let message = self.messages.pop_front().expect("just seen");
            self.bytes -= stored_bytes(&message.subject, &message.headers, message.payload.len());
            let seqs = self.by_subject.get_mut(&message.subject).expect("indexed");
            seqs.pop_front();
            if seqs.is_empty() {
                self.by_subject.remove(&message.subject);
            }
            count += 1;
        }
        match self.messages.front() {
            Some(message) => self.first = message.seq,
            None if seq > self.last && seq > 1 => (self.first, self.last) = (seq, seq - 1),
            None => {}
        }
        count
    }

    /// Removes the messages after `last`, as a crash before they were synced to the disk does.
    pub(super) fn truncate(&mut self, last: u64) {
        while self.messages.back().is_some_and(|message| message.seq > last) {
            let message = self.messages.pop_back().expect("just seen");
            self.bytes -= stored_bytes(&message.subject, &message.headers, message.payload.len());
            let seqs = self.by_subject.get_mut(&message.subject).expect("indexed");
            seqs.pop_back();
            if seqs.is_empty() {
                self.by_subject.remove(&message.subject);
            }
        }
        self.last = self.last.min(last);
        if self.messages.is_empty() {
            self.first = if self.last == 0 { 0 } else { self.last + 1 };
        }
    }

    /// Puts back purged messages, the last of which directly precedes the first stored one.
    pub(super) fn put_back(&mut self, messages: Vec<Message>) {
        for message in messages.into_iter().rev() {
            assert!(
                self.messages.is_empty() || message.seq + 1 == self.first,
                "the messages that are put back leave a gap"
            );
            self.bytes += stored_bytes(&message.subject, &message.headers, message.payload.len());
            self.first = message.seq;
            self.by_subject.entry(message.subject.clone()).or_default().push_front(message.seq);
            self.messages.push_front(message);
        }
    }

    /// Removes all messages; returns their number. With `marks`, the first sequence of a store that never held one
    /// is set, too.
    pub(super) fn clear(&mut self, marks: bool) -> u64 {
        let count = self.purge(self.last + 1);
        if marks {
            self.first = self.last + 1;
        }
        count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Message> {
        let first = self.messages.front()?.seq;
        self.messages.get(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    pub(super) fn last_on(&self, subject: &str) -> Option<&Message> {
        self.get(*self.by_subject.get(subject)?.back()?)
    }

    /// The last message on a subject up to the sequence `until`.
    pub(super) fn last_on_until(&self, subject: &str, until: u64) -> Option<&Message> {
        let seqs = self.by_subject.get(subject)?;
        let count = seqs.partition_point(|seq| *seq <= until);
        self.get(seqs[count.checked_sub(1)?])
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.last
    }

    pub(super) fn len(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
