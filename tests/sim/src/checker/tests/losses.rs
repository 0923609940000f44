//! Violations of the rules about losses, and what is no violation: the same messages stored again.

use std::collections::BTreeMap;

use tapedeck_kernel::driver::{FencedBy, Stop};
use tapedeck_kernel::guard::StreamLoss;
use tapedeck_schemas::record::Writer;

use super::super::{Author, Checker, Loss, LostMessages, Rule, Survivor};
use super::bench::{Outcome, created};
use super::tampers::Tamper;
use crate::message::{Headers, Message};

const TAPE: &str = "TAPE_0_G1";
const INBOX: &str = "INBOX_0_G1";
/// The writer of each record, and the subjects of the messages that are stored.
const RISK: &str = "tape.0.g1.risk";
const MARKET: &str = "md.demo.ACME.quote";
/// The last sequence that each stream keeps, and the one that it had.
const KEPT: u64 = 10;
const LAST: u64 = 12;

/// The tape and the inbox have lost two messages, which nobody knows.
fn unwitnessed() -> Loss {
    let lost = |subject: &str| {
        let content = |seq: u64| (subject.to_string(), seq.to_string().into_bytes().into());
        LostMessages { kept: KEPT, lost: (KEPT + 1..=LAST).map(content).collect(), is_replaced: false }
    };
    Loss {
        streams: BTreeMap::from([(TAPE, lost(RISK)), (INBOX, lost(MARKET))]),
        projected: (TAPE, KEPT),
        witness_answers: true,
        survivors: Vec::new(),
        causes: BTreeMap::new(),
    }
}

fn projected() -> Loss {
    Loss { projected: (TAPE, LAST), ..unwitnessed() }
}

/// Node 1 has read the lost messages of the tape, and node 2 those of the inbox.
fn read() -> Loss {
    let reader = Survivor { node: 1, tape: (TAPE, LAST), inbox: None, knows_streams: true };
    let of_inbox = Survivor { node: 2, tape: (TAPE, KEPT), inbox: Some((INBOX, LAST)), knows_streams: true };
    Loss { survivors: vec![reader, of_inbox], ..unwitnessed() }
}

/// A record of ingest rests on a lost message.
fn decided() -> Loss {
    Loss { causes: BTreeMap::from([(Writer::Ingest, (INBOX, LAST))]), ..unwitnessed() }
}

/// The tape was created again, and node 1 knows when it was created before.
fn replaced() -> Loss {
    let mut loss = read();
    loss.survivors[0].tape = (TAPE, KEPT);
    loss.streams.values_mut().for_each(|stream| stream.is_replaced = true);
    loss
}

fn after(loss: Loss) -> Checker {
    let mut checker = Checker::new(created());
    checker.lost(loss);
    checker
}

/// A node appends to the subject of risk, or to that of ingest.
fn append(checker: &mut Checker, node: u64, writer: Writer, seq: u64) -> Outcome {
    store(checker, TAPE, &format!("tape.0.g1.{writer}"), seq, b"new", Author::Node(node))
}

/// A message is stored again as it was.
fn restore(checker: &mut Checker, stream: &str, subject: &str, seq: u64, author: Author) -> Outcome {
    store(checker, stream, subject, seq, seq.to_string().as_bytes(), author)
}

fn store(checker: &mut Checker, stream: &str, subject: &str, seq: u64, payload: &[u8], author: Author) -> Outcome {
    let (subject, headers, payload) = (subject.to_string(), Headers::default(), payload.into());
    checker.stored(stream, &Message { seq, subject, headers, payload, stamp: 0 }, author)
}

fn short() -> Stop {
    StreamLoss::TapeShort { known: LAST, last: KEPT }.into()
}

fn fenced() -> Stop {
    Stop::Fenced { seq: LAST + 1, by: FencedBy::Owner }
}

/// Violations after a loss.
pub(super) const OF_LOSSES: &[Tamper] = &[
    (Rule::ProjectedLossStopsAll, "a process that knows nothing appends", || {
        append(&mut after(projected()), 9, Writer::Risk, KEPT + 1)
    }),
    (Rule::ProjectedLossStopsAll, "a process does not stop", || {
        after(projected()).finish_after_loss(&[(9, Writer::Risk)])
    }),
    (Rule::ProjectedLossStopsAll, "a process appends when one of two lost records is stored again", || {
        let mut checker = after(projected());
        checker.stored(TAPE, &again(KEPT + 1), Author::Keeper)?;
        append(&mut checker, 9, Writer::Risk, KEPT + 2)
    }),
    (Rule::LostRecordStopsItsReader, "a process that has read lost records appends", || {
        append(&mut after(read()), 1, Writer::Risk, KEPT + 1)
    }),
    (Rule::LostRecordStopsItsReader, "a process that has read lost records does not stop", || {
        let mut checker = after(read());
        checker.stopped(2, Writer::Ingest, &short())?;
        checker.finish_after_loss(&[(1, Writer::Risk)])
    }),
    (Rule::LostRecordStopsItsReader, "it is fenced, so that its group starts again", || {
        let mut checker = after(read());
        checker.stopped(1, Writer::Risk, &fenced())?;
        checker.stopped(2, Writer::Ingest, &short())?;
        checker.finish_after_loss(&[])
    }),
    (Rule::LostRecordStopsItsReader, "the tape was created again, and its reader appends", || {
        append(&mut after(replaced()), 1, Writer::Risk, KEPT + 1)
    }),
    (Rule::LostMessageStopsItsReader, "a process that has read lost messages appends", || {
        append(&mut after(read()), 2, Writer::Ingest, KEPT + 1)
    }),
    (Rule::LostMessageStopsItsReader, "a process that has read lost messages does not stop", || {
        let mut checker = after(read());
        checker.stopped(1, Writer::Risk, &short())?;
        checker.finish_after_loss(&[(2, Writer::Ingest)])
    }),
    (Rule::LostMessageStopsItsReader, "other messages are stored in their place, and it appends", || {
        let mut checker = after(read());
        store(&mut checker, INBOX, MARKET, KEPT + 1, b"new", Author::Publisher)?;
        restore(&mut checker, INBOX, MARKET, LAST, Author::Publisher)?;
        append(&mut checker, 2, Writer::Ingest, KEPT + 1)
    }),
    (Rule::LostCauseStopsItsWriter, "a process that knows nothing appends", || {
        append(&mut after(decided()), 9, Writer::Ingest, KEPT + 1)
    }),
    (Rule::LostCauseStopsItsWriter, "a process does not stop", || {
        after(decided()).finish_after_loss(&[(9, Writer::Ingest)])
    }),
    (Rule::ProjectorRefusesALoss, "the projector continues", || after(projected()).projector_opened(None)),
    (Rule::OnlyAWitnessStops, "a process that knows nothing stops", || {
        after(read()).stopped(9, Writer::Risk, &short())
    }),
    (Rule::OnlyAWitnessStops, "another writer stops", || after(decided()).stopped(9, Writer::Risk, &short())),
    (Rule::OnlyAWitnessStops, "rows are of lost records, and no witness answers", || {
        after(Loss { witness_answers: false, ..projected() }).stopped(9, Writer::Risk, &short())
    }),
    (Rule::OnlyAWitnessStops, "the projector refuses a tape that has what is projected", || {
        after(unwitnessed()).projector_opened(Some("why"))
    }),
];

fn again(seq: u64) -> Message {
    let (subject, headers, payload) = (RISK.to_string(), Headers::default(), seq.to_string().into_bytes().into());
    Message { seq, subject, headers, payload, stamp: 0 }
}

/// All who know of a loss stop, and a process of another writer continues if no row is lost.
pub(super) fn valid_aftermath(checker: &mut Checker) -> Outcome {
    checker.lost(Loss { causes: decided().causes, ..read() });
    append(checker, 9, Writer::Risk, KEPT + 1)?;
    checker.stopped(1, Writer::Risk, &short())?;
    checker.stopped(2, Writer::Ingest, &short())?;
    checker.stopped(3, Writer::Ingest, &short())?;
    checker.projector_opened(None)?;
    checker.finish_after_loss(&[(9, Writer::Risk)])?;
    checker.lost(projected());
    checker.projector_opened(Some("why"))?;
    checker.stopped(9, Writer::Risk, &fenced())?;
    checker.finish_after_loss(&[])
}

#[test]
fn the_same_messages_stored_again_are_no_loss() {
    let loss = Loss { projected: (TAPE, LAST), causes: decided().causes, ..read() };
    let mut checker = after(Loss { witness_answers: false, ..loss });
    for seq in KEPT + 1..=LAST {
        restore(&mut checker, INBOX, MARKET, seq, Author::Publisher).unwrap();
        restore(&mut checker, TAPE, RISK, seq, Author::Node(8)).unwrap();
    }
    append(&mut checker, 1, Writer::Risk, LAST + 1).unwrap();
    append(&mut checker, 2, Writer::Ingest, LAST + 2).unwrap();
    checker.projector_opened(None).unwrap();
    checker.finish_after_loss(&[(1, Writer::Risk), (2, Writer::Ingest)]).unwrap();
}

#[test]
fn who_knows_of_a_loss() {
    let known =
        |loss: Loss| (loss.is_witnessed_by_rows(), loss.is_witnessed_by_a_reader(), loss.is_witnessed_by_a_digest());
    assert_eq!(known(unwitnessed()), (false, false, false));
    assert_eq!(known(projected()), (true, false, false));
    assert_eq!(known(Loss { witness_answers: false, ..projected() }), (false, false, false));
    assert_eq!(known(read()), (false, true, false));
    assert_eq!(known(replaced()), (false, true, false));
    assert_eq!(known(decided()), (false, false, true));
}
