//! Scripts for the behaviours of JetStream that the system depends on, each named for its behaviour.

use std::time::Duration;

use tapedeck_sim::broker::{StreamConfig, stored_bytes};
use tapedeck_sim::message::Headers;

use crate::purges;
use crate::real::Real;
use crate::script::{Step, With as _, compare, config, publish};

pub(crate) type Script = (Vec<StreamConfig>, Vec<Step>);

/// Runs all scripts; returns the differences.
pub(crate) async fn run(real: &Real) -> Vec<String> {
    let mut differences = Vec::new();
    for (streams, steps) in scripts().into_iter().chain(purges::scripts()) {
        differences.extend(compare(real, streams, |at, _| steps.get(at).cloned()).await.err());
    }
    differences
}

fn scripts() -> Vec<Script> {
    vec![
        retries_with_id_and_expectation(),
        a_subject_is_fenced(),
        the_stream_is_fenced(),
        both_fences(),
        an_id_is_remembered_for_its_window(),
        an_empty_id_is_none(),
        a_large_message_is_rejected(),
        every_check_at_once(),
        full_of_messages(),
        full_of_bytes(),
        limits_that_shrink(),
        a_subject_without_a_stream(),
        two_streams(),
        a_new_leader_answers_the_same(),
    ]
}

pub(crate) fn last(subject: &str) -> Step {
    Step::Last(subject.into())
}

fn retries_with_id_and_expectation() -> Script {
    let a = || publish("RETRY.a", "x");
    let steps = vec![
        a().id("m1").after(0).step(),
        a().id("m1").after(0).step(),
        a().id("m1").after(1).step(),
        a().id("m1").step(),
        a().id("m1").at_end(0).step(),
        a().id("m1").at_end(1).step(),
        a().id("m2").after(0).step(),
        a().id("m2").after(1).step(),
        publish("RETRY.b", "other").id("m2").step(),
        last("RETRY.a"),
    ];
    (vec![config("RETRY")], steps)
}

fn a_subject_is_fenced() -> Script {
    let (a, b) = (|| publish("FENCE.a", "a"), || publish("FENCE.b", "b"));
    let steps = vec![
        last("FENCE.a"),
        a().after(1).step(),
        a().after(0).step(),
        a().after(0).step(),
        b().after(1).step(),
        b().after(0).step(),
        b().step(),
        b().after(2).step(),
        b().after(3).step(),
        a().after(4).step(),
        a().after(1).step(),
        a().after(99).step(),
        last("FENCE.a"),
        last("FENCE.b"),
        Step::Bounds,
    ];
    (vec![config("FENCE")], steps)
}

fn the_stream_is_fenced() -> Script {
    let a = || publish("TOTAL.a", "a");
    let steps = vec![
        a().at_end(1).step(),
        a().at_end(0).step(),
        publish("TOTAL.b", "b").at_end(1).step(),
        a().at_end(1).step(),
        a().at_end(2).step(),
        Step::Purge(3),
        a().at_end(0).step(),
        a().at_end(3).step(),
        Step::Purge(5),
        a().at_end(4).step(),
    ];
    (vec![config("TOTAL")], steps)
}

/// Two wrong expectations, of which one is named in the answer.
fn both_fences() -> Script {
    let a = || publish("BOTH.a", "a");
    let steps = vec![
        a().step(),
        publish("BOTH.b", "b").step(),
        publish("BOTH.b", "b").step(),
        a().after(7).at_end(8).step(),
        a().after(1).at_end(8).step(),
        a().after(7).at_end(3).step(),
        a().after(1).at_end(3).step(),
    ];
    (vec![config("BOTH")], steps)
}

fn an_id_is_remembered_for_its_window() -> Script {
    let a = || publish("WINDOW.a", "a");
    let steps = vec![
        a().id("m").step(),
        a().id("m").step(),
        Step::Sleep(Duration::from_millis(1_500)),
        a().id("m").step(),
        a().id("m").step(),
    ];
    (vec![StreamConfig { duplicate_window: 400_000_000, ..config("WINDOW") }], steps)
}

fn an_empty_id_is_none() -> Script {
    let a = || publish("EMPTY.a", "");
    (vec![config("EMPTY")], vec![a().id("").step(), a().id("").step(), last("EMPTY.a"), Step::Get(1), Step::Get(3)])
}

fn a_large_message_is_rejected() -> Script {
    let sized = |bytes: usize| publish("LARGE.a", vec![7; bytes]);
    let mut odd = sized(50);
    odd.headers.others = vec![("Some-Name".into(), "some value".into()), ("X".into(), "y".into())];
    let mut fits = odd.clone();
    fits.payload = vec![7; 49].into();
    let steps = vec![
        sized(100).step(),
        sized(101).step(),
        // A header block counts: "NATS/1.0\r\n" 10, "Nats-Msg-Id: m\r\n" 16, "\r\n" 2.
        sized(72).id("m").step(),
        sized(73).id("n").step(),
        odd.step(),
        fits.step(),
        Step::Get(3),
    ];
    (vec![StreamConfig { max_message_bytes: Some(100), ..config("LARGE") }], steps)
}

/// A message that is too large, a duplicate, wrong in both expectations and over the limits: the order of the answers.
fn every_check_at_once() -> Script {
    let (small, large) = (|| publish("ORDER.a", "a"), || publish("ORDER.a", vec![0; 500]));
    let steps = vec![
        small().id("m").step(),
        large().id("m").after(9).at_end(9).step(),
        large().id("n").after(9).at_end(9).step(),
        large().id("n").after(1).at_end(9).step(),
        large().id("n").after(1).at_end(1).step(),
        large().id("m").step(),
        small().id("m").after(9).at_end(9).step(),
        small().id("m").after(9).at_end(8).step(),
        small().id("n").after(9).at_end(8).step(),
        small().id("m").after(1).at_end(1).step(),
        small().id("n").after(1).at_end(1).step(),
        small().id("m").step(),
        small().after(0).step(),
        small().at_end(0).step(),
        large().step(),
        last("ORDER.a"),
    ];
    let config =
        StreamConfig { max_message_bytes: Some(200), max_messages: Some(1), max_bytes: Some(1_000), ..config("ORDER") };
    (vec![config], steps)
}

fn full_of_messages() -> Script {
    let a = || publish("COUNT.a", "a");
    let steps = vec![
        a().step(),
        a().step(),
        a().step(),
        a().after(2).step(),
        a().id("m").step(),
        Step::Purge(2),
        a().id("m").step(),
        a().id("m").step(),
        a().step(),
    ];
    (vec![StreamConfig { max_messages: Some(2), ..config("COUNT") }], steps)
}

/// The largest message that fits, and one byte more.
fn full_of_bytes() -> Script {
    let headers = Headers { message_id: Some("mm".into()), ..Headers::default() };
    let limit = stored_bytes("BYTES.a", &headers, 100) + stored_bytes("BYTES.long.b", &Headers::default(), 30);
    let steps = vec![
        publish("BYTES.a", vec![1; 100]).id("mm").step(),
        publish("BYTES.long.b", vec![1; 31]).step(),
        publish("BYTES.long.b", vec![1; 30]).step(),
        publish("BYTES.a", "").step(),
        Step::Purge(2),
        publish("BYTES.a", vec![1; 101]).id("nn").step(),
        publish("BYTES.a", vec![1; 100]).id("nn").step(),
        publish("BYTES.a", "").step(),
    ];
    (vec![StreamConfig { max_bytes: Some(limit), ..config("BYTES") }], steps)
}

fn limits_that_shrink() -> Script {
    let a = || publish("SHRINK.a", "a");
    let limits = |max_bytes, max_messages| Step::Limits { max_bytes, max_messages };
    let steps = vec![
        a().step(),
        a().step(),
        a().step(),
        limits(None, Some(1)),
        Step::Bounds,
        a().step(),
        limits(Some(10), None),
        Step::Bounds,
        a().step(),
        a().after(3).step(),
        limits(Some(10), Some(1)),
        a().step(),
        limits(Some(1_000), Some(4)),
        a().step(),
        a().step(),
        limits(None, None),
        a().step(),
    ];
    (vec![config("SHRINK")], steps)
}

fn a_subject_without_a_stream() -> Script {
    let config = StreamConfig {
        subjects: vec!["UNTAKEN.one".into(), "UNTAKEN.*.two".into(), "UNTAKEN.x.y.>".into()],
        ..config("UNTAKEN")
    };
    let subjects = [
        "UNTAKEN",
        "UNTAKEN.one",
        "UNTAKEN.two",
        "UNTAKEN.a.two",
        "UNTAKEN.a.b.two",
        "UNTAKEN.a",
        "UNTAKEN.x.y",
        "UNTAKEN.x.y.z",
        "UNTAKEN.x.y.z.z",
        "UNTAKEN.one.more",
        "untaken.one",
    ];
    (vec![config], subjects.iter().map(|subject| publish(subject, "x").after(0).step()).collect())
}

fn two_streams() -> Script {
    let steps = vec![
        publish("TWO_A.a", "1").id("m").after(0).step(),
        publish("TWO_B.a", "1").id("m").after(0).step(),
        publish("TWO_B.a", "1").at_end(1).step(),
        publish("TWO_A.a", "1").at_end(2).step(),
    ];
    (vec![config("TWO_A"), config("TWO_B")], steps)
}

fn a_new_leader_answers_the_same() -> Script {
    let a = || publish("LEADER.a", "a");
    let steps = vec![
        a().id("m1").after(0).step(),
        a().id("m2").after(1).step(),
        Step::Purge(2),
        Step::Handover,
        a().id("m1").step(),
        a().id("m2").step(),
        a().after(1).step(),
        a().after(2).step(),
        a().at_end(3).step(),
        last("LEADER.a"),
    ];
    (vec![config("LEADER")], steps)
}
