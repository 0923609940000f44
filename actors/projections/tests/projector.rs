//! Projections whose progress differs: one that is new, or whose last transaction failed, reads on from its own.

use tapedeck_kernel::TapeRecord;
use tapedeck_projections::projector::{Batch, ProjectionCursor, advances};
use tapedeck_projections::{RowOp, all};
use tapedeck_schemas::event::{MarketHeartbeat, SignalRaised};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::record::{Entry, Header, RecordHash, Writer};
use tapedeck_schemas::{Offset, Ratio};

/// A record that projections make rows of.
fn record(seq: u64) -> TapeRecord {
    let signal = SignalRaised {
        account: "acc".parse().unwrap(),
        strategy: "strat".parse().unwrap(),
        instrument: "venue.SYM".parse().unwrap(),
        target: Ratio::ZERO,
        confidence: Ratio::ZERO,
        reasons: Vec::new(),
    };
    let heartbeat = MarketHeartbeat { instrument: "venue.SYM".parse().unwrap(), ts_recv: 1, ts_event: None };
    let entry = |(index, event)| Entry { cause: Offset::new(seq - 1, 0), index, at: 1, event };
    TapeRecord {
        seq,
        generation: Generation::FIRST,
        header: Header { writer: Writer::Signal, epoch: 1, prev_hash: RecordHash::default(), inbox: None },
        hash: RecordHash::default(),
        entries: [(0, signal.into()), (1, heartbeat.into())].map(entry).into(),
    }
}

fn rows(cursors: &[ProjectionCursor], record: &TapeRecord) -> Vec<RowOp> {
    let mut batch = Batch::default();
    batch.take(cursors, 0, record, 5);
    batch.ops
}

#[test]
fn a_record_is_projected_by_the_projections_that_have_not_committed_it() {
    let cursor = |seq| {
        move |projection: &&'static dyn tapedeck_projections::Projection| ProjectionCursor {
            projection: *projection,
            seq,
        }
    };
    let behind: Vec<_> = all().iter().map(cursor(6)).collect();
    let level: Vec<_> = all().iter().map(cursor(7)).collect();
    let whole = rows(&behind, &record(7));
    assert!(whole.len() > 1 && rows(&level, &record(7)).is_empty());
    let signals = all().iter().position(|projection| projection.name() == "signals_v1").unwrap();
    let mut cursors = level.clone();
    cursors[signals] = behind[signals];
    let of_signals = rows(&cursors, &record(7));
    assert!(!of_signals.is_empty() && of_signals.len() < whole.len());
    let advanced: Vec<_> =
        advances(&cursors, 7).map(|advance| (advance.projection, advance.old, advance.new)).collect();
    assert_eq!(advanced, [("signals_v1", 6, 7)]);
}
