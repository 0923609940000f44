//! The checks enforce what the contract says of each field. A new kind is under test as soon as it is in the index.

mod common;

use common::*;
use tapedeck_schemas::describe::market::example;
use tapedeck_schemas::market::contract::{FIELDS, KINDS};
use tapedeck_schemas::market::{MarketEvent, decode};
use tapedeck_schemas::subject::MarketKind;

/// Whether the example of a kind is rejected after that of a definition, with one field changed.
fn is_rejected(kind: MarketKind, changed: Option<(&str, &str)>) -> bool {
    let mut harness = Harness::default();
    let mut feed = |seq, kind, changed: Option<(&str, &str)>| {
        let mut map = example(kind);
        if let Some((field, value)) = changed {
            map[field] = value.into();
        }
        let event = decode(kind, map.to_string().as_bytes()).remove(0).unwrap();
        rejection(&harness.feed(&entry(SYMBOL, MarketEvent { seq, ..event }))).is_some()
    };
    assert!(!feed(1, MarketKind::Definition, None));
    feed(2, kind, changed)
}

#[test]
fn the_example_of_every_kind_is_accepted() {
    for kind in KINDS {
        assert!(!is_rejected(*kind, None), "{kind}");
    }
}

#[test]
fn every_bound_and_grid_of_a_number_in_the_contract_is_enforced() {
    let terms = example(MarketKind::Definition);
    assert_eq!((terms["tick_size"].as_str(), terms["lot_size"].as_str()), (Some("0.01"), Some("0.00001")));
    let mut tried = 0;
    for kind in KINDS {
        for field in FIELDS.iter().filter(|field| field.kinds.contains(kind) && field.ty.decimal().is_some()) {
            let says = |rule: &str| field.range.contains(rule);
            for (applies, outside) in [
                (says("above"), "0"),
                (says("above") || says("from 0"), "-1"),
                (says("on the tick grid"), "0.005"),
                (says("on the lot grid"), "0.000005"),
            ] {
                let is_enforced = !applies || is_rejected(*kind, Some((field.name, outside)));
                assert!(is_enforced, "{kind} with {} {outside} is accepted", field.name);
                tried += u32::from(applies);
            }
        }
    }
    assert!(tried >= 30, "{tried} values");
}
