//! Violations of the rules on the tape: a valid history, and then one change.

use tapedeck_schemas::event::{Event, Progress};
use tapedeck_schemas::record::{self, Entry, Writer};

use super::super::{Author, Rule};
use super::bench::{Bench, Outcome, Put, SUBJECT, fence, funding};

/// The violated rule, the change, and the history with it.
pub(super) type Tamper = (Rule, &'static str, fn() -> Outcome);

/// Violations by streams, records and owners.
pub(super) const OF_RECORDS: &[Tamper] = &[
    (Rule::SequencesAreContiguous, "a sequence is skipped", || {
        let mut bench = Bench::begun();
        *bench.seqs.entry("TAPE_0_G1".into()).or_default() += 1;
        bench.quote()?;
        bench.append(Writer::Ingest).map(drop)
    }),
    (Rule::AuthorsKeepToTheirStreams, "a publisher appends to the tape", || {
        let mut bench = Bench::begun();
        bench.quote()?;
        let (due, author) = (bench.due(Writer::Ingest), Author::Publisher);
        bench.put(Put { author, ..bench.record(Writer::Ingest, due) })
    }),
    (Rule::AuthorsKeepToTheirStreams, "an operator publishes market data", || {
        let mut bench = Bench::begun();
        let message = bench.message("INBOX_0_G1", SUBJECT, fence(0), vec![0x80]);
        bench.deliver(&message, Author::Operator)
    }),
    (Rule::TapeBeginsAsCreated, "the first record is that of another tape", || {
        let mut bench = Bench::new();
        let mut first = bench.keeper();
        if let Event::TapeCreated(created) = &mut first.entries[0].event {
            created.partition = 3;
        }
        bench.put(first)
    }),
    (Rule::OwnRecordsAreValid, "a record does not continue the chain", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.record(Writer::Ingest, due);
        put.header.prev_hash.0[0] ^= 1;
        bench.put(put)
    }),
    (Rule::RecordsCarryTheInbox, "a record carries another digest of the inbox", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.record(Writer::Ingest, due);
        if let Some(inbox) = &mut put.header.inbox {
            inbox.digest.0[0] ^= 1;
        }
        bench.put(put)
    }),
    (Rule::OwnRecordsAreValid, "a record of a machine that reads the tape names an inbox", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.record(Writer::Ingest, due);
        let inbox = put.header.inbox;
        bench.put(put)?;
        put = bench.begin(Writer::Risk, 50, Vec::new());
        put.header.inbox = inbox;
        bench.put(put)
    }),
    (Rule::OwnRecordsAreValid, "a record is empty", || {
        let (mut bench, _) = due(Writer::Ingest, "Quote");
        bench.put(bench.record(Writer::Ingest, Vec::new()))
    }),
    (Rule::OwnRecordsAreValid, "a record is on another's subject", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let payload = record::encode(&put.header, &put.entries);
        let message = bench.message("TAPE_0_G1", "tape.0.g1.risk", put.headers, payload);
        bench.checker.stored("TAPE_0_G1", &message, put.author)
    }),
    (Rule::OwnRecordsAreValid, "a record is not encoded canonically", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let payload = [&[0xdc, 0, 7], &record::encode(&put.header, &put.entries)[1..]].concat();
        let message = bench.message("TAPE_0_G1", "tape.0.g1.ingest", put.headers, payload);
        bench.checker.stored("TAPE_0_G1", &message, put.author)
    }),
    (Rule::ForeignIsInvalid, "a foreign message is a valid record", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        bench.put(Put { author: Author::Foreign, ..bench.record(Writer::Ingest, due) })
    }),
    (Rule::AppendsAreFenced, "an append has no fence", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let headers = crate::message::Headers::default();
        bench.put(Put { headers, ..bench.record(Writer::Ingest, due) })
    }),
    (Rule::AppendsAreFenced, "an append carries a message id", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.record(Writer::Ingest, due);
        put.headers.message_id = Some("1".into());
        bench.put(put)
    }),
    (Rule::EpochStandsFirst, "a node appends without an Epoch", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        bench.put(Put { node: 50, author: Author::Node(50), ..put })
    }),
    (Rule::EpochStandsFirst, "an Epoch stands within a record", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.begin(Writer::Ingest, 50, due);
        put.entries.rotate_left(1);
        bench.put(put)
    }),
    (Rule::EpochsCountUp, "an epoch number is skipped", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.begin(Writer::Ingest, 50, due);
        if let Event::Epoch(epoch) = &mut put.entries[0].event {
            epoch.number += 1;
        }
        bench.put(put)
    }),
    (Rule::EpochsCountUp, "a record is of another epoch", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let mut put = bench.record(Writer::Ingest, due);
        put.header.epoch += 1;
        bench.put(put)
    }),
    (Rule::NonceNamesNode, "a node begins with the nonce of another", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.begin(Writer::Ingest, Writer::Ingest as u64, due);
        bench.put(Put { node: 50, author: Author::Node(50), ..put })
    }),
    (Rule::NonceNamesNode, "a node begins again with a new nonce", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let (put, node) = (bench.begin(Writer::Ingest, 50, due), Writer::Ingest as u64);
        bench.put(Put { node, author: Author::Node(node), ..put })
    }),
    (Rule::OnlyTheOwnerAppends, "an older owner appends", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let old = bench.record(Writer::Ingest, Vec::new());
        bench.put(bench.begin(Writer::Ingest, 50, due))?;
        bench.quote()?;
        let due = bench.due(Writer::Ingest);
        let put = bench.record(Writer::Ingest, due);
        bench.put(Put { node: old.node, author: old.author, ..put })
    }),
    (Rule::OnlyTheOwnerAppends, "a node appends after it was fenced", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let (put, node) = (bench.record(Writer::Ingest, due), Writer::Ingest as u64);
        let seq = bench.intrude(Writer::Ingest, b"garbage")?;
        bench.checker.fenced(node, Writer::Ingest, seq)?;
        bench.put(Put { headers: fence(seq), ..put })
    }),
];

/// Violations by the answers in a record.
pub(super) const OF_ANSWERS: &[Tamper] = &[
    (Rule::EveryDecisionIsMade, "an input is skipped", || {
        let (mut bench, _) = due(Writer::Ingest, "Quote");
        bench.quote()?;
        bench.append(Writer::Ingest).map(drop)
    }),
    (Rule::EveryDecisionIsMade, "Progress skips a decision that is due", || {
        let (mut bench, _) = due(Writer::Signal, "SignalRaised");
        bench.quote()?;
        bench.append(Writer::Ingest)?;
        let entry = bench.owner(Writer::Signal).and_then(|owner| owner.progress()).unwrap();
        bench.put(bench.record(Writer::Signal, vec![entry]))
    }),
    (Rule::EveryCauseIsAnInput, "an input is answered twice", || {
        let (mut bench, due) = due(Writer::Signal, "SignalRaised");
        bench.put(bench.record(Writer::Signal, due.clone()))?;
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::EveryCauseIsAnInput, "a cause is no input", || {
        let (mut bench, mut due) = due(Writer::Signal, "Progress");
        due.iter_mut().for_each(|entry| entry.cause.index += 1000);
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::DecisionsAsFolded, "a decision differs", || {
        let (mut bench, mut due) = due(Writer::Signal, "SignalRaised");
        if let Event::SignalRaised(signal) = &mut due.last_mut().unwrap().event {
            signal.target = -signal.target;
        }
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::DecisionsAsFolded, "a decision is added", || {
        let (mut bench, mut due) = due(Writer::Signal, "SignalRaised");
        let again = due.last().map(|entry| Entry { index: entry.index + 1, ..entry.clone() });
        due.extend(again);
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::CauseInOneRecord, "a record ends within the answers to one cause", || {
        let (mut bench, mut due) = due(Writer::Portfolio, "LedgerPosted");
        due.truncate(1 + due.iter().position(is("LedgerPosted")).unwrap());
        bench.put(bench.record(Writer::Portfolio, due))
    }),
    (Rule::TimeOfCause, "a decision carries another time", || {
        let (mut bench, mut due) = due(Writer::Signal, "SignalRaised");
        due.iter_mut().for_each(|entry| entry.at += 1);
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::TimeOfCause, "Progress carries another time", || {
        let (mut bench, mut due) = due(Writer::Signal, "Progress");
        due.iter_mut().for_each(|entry| entry.at += 1);
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::ProgressAnswersNoDecision, "Progress replaces a decision", || {
        let (mut bench, mut due) = due(Writer::Signal, "SignalRaised");
        due.iter_mut().for_each(|entry| entry.event = Progress {}.into());
        bench.put(bench.record(Writer::Signal, due))
    }),
    (Rule::EpochRepeatsProgress, "the cause of an Epoch is an unanswered input", || {
        let (mut bench, mut due) = due(Writer::Signal, "SignalRaised");
        let mut put = bench.begin(Writer::Signal, 50, Vec::new());
        put.entries[0].cause = due.pop().unwrap().cause;
        bench.put(put)
    }),
    (Rule::UnansweredIsBounded, "Progress is not sent when it is due", || {
        let (mut bench, _) = due(Writer::Signal, "Progress");
        bench.quote()?;
        bench.append(Writer::Ingest)?;
        let entry = bench.owner(Writer::Signal).and_then(|owner| owner.progress()).unwrap();
        bench.put(bench.record(Writer::Signal, vec![entry]))
    }),
    (Rule::AllIsAnswered, "a command is never answered", || {
        let mut bench = Bench::begun();
        bench.command("fund", funding())?;
        bench.finish()
    }),
    (Rule::AllIsAnswered, "the inputs at the end are not answered", || {
        let (mut bench, _) = due(Writer::Signal, "Progress");
        bench.finish()
    }),
];

/// Violations by the reports of drivers.
pub(super) const OF_CLAIMS: &[Tamper] = &[
    (Rule::CommittedIsStored, "other bytes are stored", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let (seq, payload) = bench.store(&put)?;
        bench.checker.committed(put.node, Writer::Ingest, seq, &payload[1..])
    }),
    (Rule::CommittedIsStored, "nothing is stored", || {
        let mut bench = Bench::begun();
        bench.checker.committed(2, Writer::Ingest, 1000, &[])
    }),
    (Rule::CommittedIsStored, "the record of another node is stored", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let (seq, payload) = bench.store(&put)?;
        bench.checker.committed(50, Writer::Ingest, seq, &payload)
    }),
    (Rule::CommittedIsStored, "a record is reported twice", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let (seq, payload) = bench.store(&put)?;
        bench.checker.committed(put.node, Writer::Ingest, seq, &payload)?;
        bench.checker.committed(put.node, Writer::Ingest, seq, &payload)
    }),
    (Rule::FencedByAnother, "the own record fences", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let put = bench.record(Writer::Ingest, due);
        let (seq, _) = bench.store(&put)?;
        bench.checker.fenced(put.node, Writer::Ingest, seq)
    }),
    (Rule::FencedByAnother, "a message on another subject fences", || {
        let mut bench = Bench::begun();
        let seq = bench.intrude(Writer::Signal, b"garbage")?;
        bench.checker.fenced(Writer::Ingest as u64, Writer::Ingest, seq)
    }),
    (Rule::FencedByAnother, "a message before the last own record fences", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        let seq = bench.intrude(Writer::Ingest, b"garbage")?;
        let node = Writer::Ingest as u64;
        bench.checker.fenced(node, Writer::Ingest, seq)?;
        bench.put(bench.begin(Writer::Ingest, node, due))?;
        bench.checker.fenced(node, Writer::Ingest, seq)
    }),
    (Rule::DrainedLeavesNothing, "an input is not answered", || {
        let (mut bench, due) = due(Writer::Signal, "SignalRaised");
        bench.checker.drained(Writer::Signal as u64, Writer::Signal, due[0].cause, true)
    }),
    (Rule::InvalidRecordsAreInvalid, "a valid record is reported as invalid", || {
        let mut bench = Bench::begun();
        bench.checker.invalid_record(3, 1)
    }),
    (Rule::InvalidRecordsAreReported, "an invalid record before an append is not reported", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        bench.intrude(Writer::Ingest, b"garbage")?;
        bench.put(bench.begin(Writer::Ingest, 50, due))
    }),
    (Rule::InvalidRecordsAreReported, "an invalid record before an input is not reported", || {
        let mut bench = Bench::begun();
        bench.intrude(Writer::Paper, b"garbage")?;
        for _ in 0..30 {
            bench.quote()?;
            bench.append(Writer::Ingest)?;
            bench.append(Writer::Signal)?;
        }
        Ok(())
    }),
    (Rule::InvalidRecordsAreReported, "no node reports an invalid record", || {
        let mut bench = Bench::begun();
        bench.intrude(Writer::Paper, b"garbage")?;
        bench.finish()
    }),
];

fn is(kind: &'static str) -> impl Fn(&Entry) -> bool {
    move |entry| entry.event.kind().name() == kind
}

/// A history up to a fact of this kind that `writer` has to append, and that record.
pub(super) fn due(writer: Writer, kind: &'static str) -> (Bench, Vec<Entry>) {
    let mut bench = Bench::begun();
    for _ in 0..2000 {
        bench.quote().unwrap();
        loop {
            let mut is_idle = true;
            for one in Writer::ALL.iter().copied() {
                let due = bench.due(one);
                if one == writer && due.iter().any(is(kind)) {
                    return (bench, due);
                }
                is_idle &= due.is_empty();
                if !due.is_empty() {
                    bench.put(bench.record(one, due)).unwrap();
                }
            }
            if is_idle {
                break;
            }
        }
    }
    panic!("no {kind} of {writer} in 2000 quotes");
}
