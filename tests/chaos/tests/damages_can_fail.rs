//! The verdicts on damaged rounds detect faults: a loss that no group notices, a stop for another reason, a metric or
//! an exit status that contradicts the stop, a stop without a loss, a recovery that overlooks one.

use std::collections::BTreeMap;

use tapedeck_chaos::damage::{Damage, Harm, Index, Killed, Store};
use tapedeck_chaos::observe::{GroupState, Observed};
use tapedeck_chaos::plan::Nemesis;
use tapedeck_chaos::stores::Contents;
use tapedeck_chaos::verdict::{self, Class, Loss, READ_AFTER};
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::{RecordHash, Writer};

const AT: u64 = 1_000 * READ_AFTER;

fn damage(stores: &[Store], killed: Killed) -> Damage {
    Damage {
        nemesis: Nemesis::LostTail,
        harm: Some(Harm::Truncate(100)),
        stores: stores.to_vec(),
        index: Index::AsKilled,
        is_database_old: false,
        killed,
        held_ms: 0,
        kills_publishers: true,
        recovers_under_load: false,
        before_ms: 0,
        after_ms: 0,
    }
}

/// The tape lost its record 9, which was stored at `stamp`, and is projected up to `projected`.
fn lost_record(stamp: u64, projected: u64) -> Loss {
    let messages: BTreeMap<u64, (RecordHash, u64)> = (1..=8).map(|seq| (seq, (RecordHash::default(), 0))).collect();
    let after = Contents { exists: true, last: 8, messages, decided: BTreeMap::from([(Writer::Ingest, 5)]) };
    Loss {
        lost: BTreeMap::from([(Store::Tape, BTreeMap::from([(9, stamp)]))]),
        after: BTreeMap::from([(Store::Tape, after)]),
        projected: (projected, projected),
        at: AT,
    }
}

fn observed(state: GroupState) -> BTreeMap<&'static str, Observed> {
    let alerts = match state {
        GroupState::Stopped(reason) => vec![reason.to_string()],
        GroupState::Ready | GroupState::Waiting(_) => Vec::new(),
    };
    let one = Observed { state, text: String::new(), is_live: true, alerts };
    tapedeck_groups::names().map(|group| (group, one.clone())).collect()
}

fn has(problems: &[String], part: &str) -> bool {
    problems.iter().any(|problem| problem.contains(part))
}

#[test]
fn a_loss_that_a_group_a_row_or_a_digest_shows_must_be_noticed() {
    let ready = observed(GroupState::Ready);
    let class = |damage: &Damage, loss: &Loss| verdict::classify(damage, loss, &ready);
    let tape = |killed| damage(&[Store::Tape], killed);

    // A group that ran has read the record; a row was projected from it; a later record is left.
    let (found, problems) = class(&tape(Killed::None), &lost_record(0, 8));
    assert!(found == Class::Unnoticed && has(&problems, "was not noticed"), "{problems:?}");
    assert_eq!(class(&tape(Killed::All), &lost_record(0, 9)).0, Class::Unnoticed);
    let mut hole = lost_record(0, 8);
    hole.after.get_mut(&Store::Tape).unwrap().last = 10;
    assert_eq!(class(&tape(Killed::All), &hole).0, Class::Unnoticed);
    // None of them: the groups were killed, or the record was stored at the moment of the damage.
    assert_eq!(class(&tape(Killed::All), &lost_record(0, 8)), (Class::Unwitnessed, Vec::new()));
    assert_eq!(class(&tape(Killed::None), &lost_record(AT, 8)), (Class::Unwitnessed, Vec::new()));

    // The tape has a decision on a message that the inbox lost, or has none.
    for (message, expected) in [(5, Class::Unnoticed), (6, Class::Unwitnessed)] {
        let mut loss = lost_record(0, 8);
        loss.lost = BTreeMap::from([(Store::Market, BTreeMap::from([(message, 0)]))]);
        loss.after.insert(Store::Market, Contents { exists: true, last: message - 1, ..Contents::default() });
        assert_eq!(class(&damage(&[Store::Market], Killed::All), &loss).0, expected, "{message}");
    }

    // A running projector has committed more than the rows of an older database.
    let mut old = Loss { projected: (9, 5), at: AT, ..Loss::default() };
    let mut replaced = damage(&[], Killed::None);
    (replaced.harm, replaced.is_database_old) = (None, true);
    assert_eq!(class(&replaced, &old).0, Class::Unnoticed);
    replaced.killed = Killed::All;
    assert_eq!(class(&replaced, &old), (Class::NothingLost, Vec::new()));
    old.projected = (5, 5);
    replaced.killed = Killed::None;
    assert_eq!(class(&replaced, &old), (Class::NothingLost, Vec::new()));
}

#[test]
fn a_stop_must_fit_the_damage_and_be_told_alike_in_every_place() {
    let tape = damage(&[Store::Tape], Killed::None);
    let loss = lost_record(0, 8);
    let stopped = observed(GroupState::Stopped(Reason::TapeLostData));
    assert_eq!(verdict::classify(&tape, &loss, &stopped), (Class::Stopped, Vec::new()));

    let nothing = verdict::classify(&tape, &Loss::default(), &stopped).1;
    assert!(has(&nothing, "although nothing was lost"), "{nothing:?}");
    for reason in [Reason::InboxMismatch, Reason::OtherTape, Reason::DatabaseLostData, Reason::OlderLogic] {
        let problems = verdict::classify(&tape, &loss, &observed(GroupState::Stopped(reason))).1;
        assert!(has(&problems, "stopped for another reason"), "{reason}: {problems:?}");
    }
    let mut unmeasured = stopped.clone();
    unmeasured.get_mut("risk").unwrap().alerts.clear();
    unmeasured.get_mut("paper").unwrap().is_live = false;
    let problems = verdict::classify(&tape, &loss, &unmeasured).1;
    assert!(has(&problems, "risk: the metric says []") && has(&problems, "paper: /livez"), "{problems:?}");
    let mut waiting = stopped;
    waiting.get_mut("signal").unwrap().state = GroupState::Waiting("checking".into());
    assert!(has(&verdict::classify(&tape, &loss, &waiting).1, "signal is neither ready nor stopped: checking"));
}

#[test]
fn a_wrong_exit_status_is_detected() {
    let stopped = observed(GroupState::Stopped(Reason::TapeLostData));
    let expected = Reason::TapeLostData.exit_status().map(i32::from);
    let mut statuses: BTreeMap<&str, Option<i32>> = tapedeck_groups::names().map(|group| (group, expected)).collect();
    assert_eq!(verdict::check_exits(&stopped, &statuses, false), Vec::<String>::new());
    for wrong in [Some(0), Some(1), expected.map(|status| status + 1), None] {
        statuses.insert("risk", wrong);
        let problems = verdict::check_exits(&stopped, &statuses, false);
        assert!(problems.len() == 1 && problems[0].starts_with("risk: exit status"), "{wrong:?}: {problems:?}");
    }
    let ready = observed(GroupState::Ready);
    let zeros = tapedeck_groups::names().map(|group| (group, Some(0))).collect();
    assert_eq!(verdict::check_exits(&ready, &zeros, false), Vec::<String>::new());
    for is_sealed in [false, true] {
        assert_eq!(verdict::check_exits(&stopped, &zeros, is_sealed).len(), tapedeck_groups::names().count());
    }
    // On a sealed tape, a group that did not stop before may stop because of that.
    let other = Reason::OtherTape.exit_status().map(i32::from);
    let sealed = tapedeck_groups::names().map(|group| (group, other)).collect();
    assert_eq!(verdict::check_exits(&ready, &sealed, true), Vec::<String>::new());
    assert!(!verdict::check_exits(&ready, &sealed, false).is_empty());
    assert!(!verdict::check_exits(&stopped, &sealed, true).is_empty());
    let none = tapedeck_groups::names().map(|group| (group, None)).collect();
    assert!(!verdict::check_exits(&ready, &none, true).is_empty(), "each process ends");
}

#[test]
fn a_recovery_must_name_what_the_stores_show_and_nothing_else() {
    assert_eq!(verdict::check_recovery(&lost_record(0, 9), true, ""), Vec::<String>::new());
    assert_eq!(verdict::check_recovery(&lost_record(0, 8), false, ""), Vec::<String>::new());
    assert!(has(&verdict::check_recovery(&lost_record(0, 9), false, ""), "recover says that nothing is lost"));
    assert!(has(&verdict::check_recovery(&Loss::default(), true, ""), "recover says that something is lost"));
}
