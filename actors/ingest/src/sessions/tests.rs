//! The bounds of sessions, sources, instruments and missing numbers.

use super::*;
use crate::instruments::INSTRUMENTS_MAX;

const SECOND: u64 = 1_000_000_000;
/// The start of the stamps, ns.
const START: u64 = 1_700_000_000 * SECOND;

fn token(text: &str) -> Token {
    text.parse().unwrap()
}

fn instrument(n: usize) -> InstrumentId {
    format!("v.I{n}").parse().unwrap()
}

/// Arrives `tape` seconds after the start of tape time and `stamp` seconds after that of the stamps.
fn after(tape: u64, stamp: u64) -> Arrival {
    Arrival { now: START + tape * SECOND, stamp: START + stamp * SECOND }
}

/// Records number `seq` of instrument 0, which is defined; the greatest number before it, or the reason.
fn record(
    numberings: &mut Numberings,
    (source, session): (&str, &str),
    seq: u64,
    arrival: Arrival,
) -> Result<u64, RejectReason> {
    let recorded = numberings.record((token(source), token(session), instrument(0)), seq, arrival, true);
    recorded.map(|number| number.last_seq).map_err(|rejection| rejection.reason)
}

#[test]
fn no_number_of_sessions_displaces_a_live_session_or_another_source() {
    let mut numberings = Numberings::default();
    assert_eq!(record(&mut numberings, ("honest", "s"), 7, after(0, 0)), Ok(0));
    let sessions = (0..2_000).map(|n| record(&mut numberings, ("hostile", &format!("n{n}")), 7, after(0, 1)));
    let refused = sessions.filter(|one| *one == Err(RejectReason::TooManySessions)).count();
    assert_eq!(refused, 2_000 - SESSIONS_MAX);
    assert_eq!(record(&mut numberings, ("honest", "s"), 8, after(0, 2)), Ok(7));
    for session in ["n0", "n3"] {
        assert_eq!(record(&mut numberings, ("hostile", session), 8, after(0, 2)), Ok(7), "it is live");
    }
    assert_eq!(numberings.iter().count(), 1 + SESSIONS_MAX);
}

#[test]
fn a_source_may_restart_any_number_of_times() {
    for by_tape in [true, false] {
        let mut numberings = Numberings::default();
        for n in 0..3 * ENDED_SESSIONS_MAX as u64 {
            let seconds = n * SESSION_LIVE_NS / SECOND;
            let arrival = if by_tape { after(seconds, 0) } else { after(0, seconds) };
            let session = format!("n{n}");
            assert_eq!(record(&mut numberings, ("s", &session), 1, arrival), Ok(0), "session {n}");
            assert_eq!(record(&mut numberings, ("s", &session), 1, arrival), Ok(1), "session {n}");
        }
        assert_eq!(numberings.iter().count(), SESSIONS_MAX);
        assert_eq!(numberings.sources[&token("s")].ended.len(), ENDED_SESSIONS_MAX);
    }
}

#[test]
fn a_session_ends_some_time_after_a_newer_one_began() {
    let mut numberings = Numberings::default();
    let minute = SESSION_LIVE_NS / SECOND;
    for n in 4..SESSIONS_MAX {
        assert_eq!(record(&mut numberings, ("s", &format!("f{n}")), 1, after(0, 0)), Ok(0));
    }
    for session in ["a", "b", "c", "d"] {
        assert_eq!(record(&mut numberings, ("s", session), 1, after(0, 0)), Ok(0));
    }
    assert_eq!(record(&mut numberings, ("s", "e"), 1, after(minute - 1, 0)), Err(RejectReason::TooManySessions));
    // The oldest has published since, so the next one makes room: it was idle longest of those that ended.
    assert_eq!(record(&mut numberings, ("s", "a"), 2, after(minute, 1)), Ok(1));
    assert_eq!(record(&mut numberings, ("s", "e"), 1, after(minute, 1)), Ok(0));
    assert_eq!(record(&mut numberings, ("s", "a"), 3, after(minute, 1)), Ok(2));
    assert_eq!(record(&mut numberings, ("s", "d"), 2, after(minute, 1)), Ok(1), "d was the newest until now");
}

#[test]
fn an_event_of_a_replaced_session_is_not_new() {
    let mut numberings = Numberings::default();
    let minute = SESSION_LIVE_NS / SECOND;
    for n in 0..=SESSIONS_MAX as u64 {
        assert_eq!(record(&mut numberings, ("s", &format!("n{n}")), 1, after(n * minute, 0)), Ok(0));
    }
    let later = after(9 * minute, 0);
    assert_eq!(record(&mut numberings, ("s", "n0"), 1, later), Err(RejectReason::EndedSession));
    let elsewhere = numberings.record((token("s"), token("n0"), instrument(1)), 1, later, true);
    assert_eq!(elsewhere.unwrap_err().reason, RejectReason::EndedSession);
    assert_eq!(record(&mut numberings, ("other", "n0"), 1, later), Ok(0), "another source, another session");
}

#[test]
fn the_sessions_of_all_instruments_of_a_source_are_bounded_and_each_instrument_has_one() {
    let mut numberings = Numberings::default();
    let mut begin = |source: &str, n: usize, session: usize| {
        let key = (token(source), token(&format!("n{session}")), instrument(n));
        numberings.record(key, 1, after(0, 0), true).map_err(|rejection| rejection.reason)
    };
    let instruments = 1 + FURTHER_SESSIONS_MAX / (SESSIONS_MAX - 1);
    let mut begun = 0;
    for n in 0..instruments {
        begun += (0..SESSIONS_MAX).filter(|session| begin("s", n, *session).is_ok()).count();
    }
    assert_eq!(begun, FURTHER_SESSIONS_MAX + instruments);
    assert!(begin("s", instruments, 0).is_ok(), "the first of an instrument");
    assert_eq!(begin("s", instruments, 1), Err(RejectReason::TooManySessions));
    assert!(begin("t", 0, 0).is_ok() && begin("t", 0, 1).is_ok(), "another source has its own bound");
}

#[test]
fn a_further_source_is_admitted_when_another_was_idle_for_a_day() {
    let mut numberings = Numberings::default();
    for n in 0..SOURCES_MAX as u64 {
        assert_eq!(record(&mut numberings, (&format!("s{n}"), "a"), 1, after(0, n)), Ok(0));
    }
    let day = SOURCE_IDLE_NS / SECOND;
    let refused = Err(RejectReason::TooManySources);
    assert_eq!(record(&mut numberings, ("new", "a"), 1, after(0, day - 1)), refused);
    assert_eq!(record(&mut numberings, ("s0", "a"), 2, after(0, day)), Ok(1), "known sources are not affected");
    assert_eq!(record(&mut numberings, ("new", "a"), 1, after(0, day)), refused, "1 was idle for a second less");
    assert_eq!(record(&mut numberings, ("new", "a"), 1, after(0, day + 1)), Ok(0));
    assert!(!numberings.knows(&token("s1")) && numberings.knows(&token("s0")));
    assert_eq!(numberings.sources.len(), SOURCES_MAX);
}

#[test]
fn the_operator_has_a_place_beside_the_sources() {
    let mut numberings = Numberings::default();
    for n in 0..SOURCES_MAX {
        assert_eq!(record(&mut numberings, (&format!("s{n}"), "s"), 1, after(0, 0)), Ok(0));
    }
    assert_eq!(record(&mut numberings, ("more", "s"), 1, after(0, 1)), Err(RejectReason::TooManySources));
    assert_eq!(record(&mut numberings, ("operator", "s"), 1, after(0, 1)), Ok(0));
    assert_eq!(record(&mut numberings, ("more", "s"), 1, after(0, 2)), Err(RejectReason::TooManySources));
}

#[test]
fn one_source_numbers_every_instrument_and_repetitions_are_known() {
    for count in [1_500, INSTRUMENTS_MAX] {
        let mut numberings = Numberings::default();
        let mut record = |n: usize, seq, is_defined| {
            let number = numberings.record((token("s"), token("a"), instrument(n)), seq, after(0, 0), is_defined);
            numberings.define(&instrument(n));
            number.unwrap().last_seq
        };
        for seq in 1..4 {
            assert!((0..count).all(|n| record(n, seq, seq > 1) == seq - 1), "no number is skipped");
        }
        assert!((0..count).all(|n| record(n, 3, true) == 3 && record(n, 1, true) == 3), "all are known");
    }
}

#[test]
fn undefined_instruments_are_bounded_and_leave_the_defined_ones_alone() {
    let mut numberings = Numberings::default();
    let mut record = |n: usize, seq, is_defined| {
        let arrival = after(0, n as u64);
        numberings.record((token("s"), token("a"), instrument(n)), seq, arrival, is_defined).unwrap().last_seq
    };
    record(0, 5, true);
    for n in 1..=UNDEFINED_INSTRUMENTS_MAX + 1 {
        record(n, 3, false);
    }
    assert_eq!((record(0, 6, true), record(1, 4, false)), (5, 0), "1 was idle longest");
    assert_eq!(record(UNDEFINED_INSTRUMENTS_MAX, 4, false), 3);
    numberings.define(&instrument(UNDEFINED_INSTRUMENTS_MAX));
    let own = &numberings.sources[&token("s")];
    assert_eq!((own.defined.len(), own.undefined.len()), (2, UNDEFINED_INSTRUMENTS_MAX - 1));
    assert_eq!(own.ranges, numberings.iter().map(|(_, one)| one.missing.len()).sum::<usize>());
}

#[test]
fn missing_ranges_are_bounded_over_all_instruments_of_a_source() {
    let mut numberings = Numberings::default();
    let mut record = |n: usize, seq| {
        numberings.record((token("s"), token("a"), instrument(n)), seq, after(0, 0), true).unwrap().was_missing
    };
    let full = SOURCE_RANGES_MAX / 2;
    (0..full).for_each(|n| assert!(!record(n, 2) && !record(n, 4)));
    record(full, 3);
    assert!(!record(full, 2), "a new range was dropped");
    record(0, 6);
    assert!(record(0, 5) && record(0, 3) && !record(0, 1), "it replaced the oldest one of its own");
    let own = &numberings.sources[&token("s")];
    assert_eq!(own.ranges, numberings.iter().map(|(_, one)| one.missing.len()).sum::<usize>());
    assert!(own.ranges <= SOURCE_RANGES_MAX);
}
