//! Replay of execution: following recorded decisions gives the same state, and the decisions of a script are pinned.

mod common;

use common::*;
use proptest::prelude::*;
use tapedeck_execution::Execution;
use tapedeck_kernel::Fact;
use tapedeck_kernel::testing::{Stepper, assert_decisions, run_and_follow};
use tapedeck_schemas::event::{CloseReason, Event, HaltLevel, OrderStatus, Scope, TimeInForce};
use tapedeck_schemas::offset::Offset;

fn any_fact() -> impl Strategy<Value = Fact> {
    let n = 0u8..6;
    prop_oneof![
        3 => (0u64..20_000).prop_map(clock),
        4 => (n.clone(), 0u64..20_000, any::<bool>()).prop_map(|(n, at, ioc)| {
            let mut order = order(n);
            order.time_in_force = if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
            approved(at, order)
        }),
        2 => n.clone().prop_map(accepted),
        1 => n.clone().prop_map(rejected),
        4 => (n.clone(), 0u8..30, 1i64..6).prop_map(|(n, fill, quantity)| filled(n, fill, quantity)),
        1 => n.clone().prop_map(|n| closed(n, CloseReason::Canceled)),
        1 => n.clone().prop_map(|n| closed(n, CloseReason::IocRemainder)),
        1 => n.clone().prop_map(cancel_rejected),
        1 => n.prop_map(cancel),
        1 => Just(halt(Scope::All, HaltLevel::Halted)),
        1 => Just(resume(Scope::All)),
        1 => (0i64..9_000).prop_map(|ms| limit("execution.order_timeout_ms", &ms.to_string())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn following_recorded_decisions_gives_the_same_state_as_deciding(
        facts in prop::collection::vec(any_fact(), 1..120),
    ) {
        run_and_follow(Execution::new, &facts, |_, _| {});
    }

    #[test]
    fn status_changes_follow_the_table_end_once_and_never_lose_a_fill(
        facts in prop::collection::vec(any_fact(), 1..120),
    ) {
        let mut machine = Stepper::new(Execution::new());
        let mut statuses = std::collections::BTreeMap::new();
        for (seq, fact) in (1..).zip(&facts) {
            for event in machine.step(Offset::new(seq, 0), fact).events {
                match event {
                    Event::OrderSubmitted(submitted) => {
                        let is_new = statuses.insert(submitted.order.id, (OrderStatus::Submitted, 0)).is_none();
                        prop_assert!(is_new, "submitted twice");
                    }
                    Event::OrderStatusChanged(change) => {
                        let before = statuses.get(&change.order).copied();
                        let (status, filled) = before.unwrap_or((OrderStatus::Approved, 0));
                        prop_assert_eq!(change.from, status);
                        prop_assert!(!change.from.is_terminal(), "changed after its end");
                        prop_assert!(tapedeck_execution::transitions::TRANSITIONS
                            .iter()
                            .any(|row| row.0 == change.from && row.2 == change.to));
                        prop_assert!(change.filled.units() >= filled, "a fill was lost");
                        statuses.insert(change.order, (change.to, change.filled.units()));
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn decisions_are_as_pinned() {
    let script = [
        approved(900, order(9)),
        clock(1_000),
        approved(1_000, order(1)),
        approved(1_000, order(2)),
        accepted(1),
        filled(1, 1, 4),
        filled(1, 1, 4),
        cancel(2),
        cancel_rejected(2),
        clock(4_100),
        filled(1, 2, 1),
        closed(1, CloseReason::Canceled),
        accepted(1),
        rejected(2),
        approved(4_100, order(3)),
        halt(Scope::All, HaltLevel::Halted),
        approved(4_100, order(4)),
        resume(Scope::All),
        clock(9_200),
        approved(4_100, order(5)),
        cancel(7),
    ];
    let pinned = "63077427aea311dcd4813cb2734589389d298debe192cc7ffe76bf67772932bb";
    assert_decisions(
        Execution::new(),
        &script,
        pinned,
        "e49282b5afe8b712238d0f122d79e5e4a104bcc002e91a442225d1f4969f4f83",
    );
}
