//! Commands that are repeated.

use crate::common::System;

#[test]
fn a_setup_that_is_edited_and_applied_again_repeats_no_payment() {
    let system = System::new();
    let up = system.up();
    system.wait_quiet();
    let built_in = include_str!("../../actors/feeds/setup/default.toml");
    let apply = |text: &str| {
        let file = system.path().join("edited.toml");
        std::fs::write(&file, text).unwrap();
        let output = system.ok(&["control", "apply", file.to_str().unwrap()]);
        system.wait_quiet();
        output
    };
    let count = |kind: &str| system.ok(&["tape", "--json", "--kind", kind]).lines().count();
    let (funded, limits) = (count("AccountFunded"), count("LimitsSet"));
    assert!(funded > 0 && limits > 0);

    assert!(
        apply(&format!("{built_in}# a remark\n")).contains(": 0 request(s)"),
        "an unchanged setup sends no request"
    );
    let edited = format!("{built_in}\n[[limits]]\nscope = \"all\"\nvalues = {{ \"risk.max_loss\" = \"12345\" }}\n");
    apply(&edited);
    apply(built_in);
    assert_eq!(count("AccountFunded"), funded);
    assert!(count("LimitsSet") > limits, "each change of limits is applied");

    let richer = built_in.replace("amount = \"1000000\"", "amount = \"2000000\"");
    assert_ne!(richer, built_in);
    apply(&richer);
    assert_eq!(count("AccountFunded"), funded);
    assert_eq!(count("CommandRefused"), funded, "a payment of the same reference is refused");
    apply(&richer.replace("amount = \"2000000\"", "amount = \"2000000\"\nreference = \"second\""));
    assert_eq!(count("AccountFunded"), 2 * funded);
    system.ok(&["verify"]);
    assert_eq!(up.terminate(), Some(0));
}
