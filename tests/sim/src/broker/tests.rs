//! Properties that `tests/honest` cannot observe: proposals lost one by one, stale reads, times to the nanosecond.

use super::*;
use crate::message::Headers;

const WINDOW: u64 = DUPLICATE_WINDOW_MIN;

fn broker(replicas: Replicas) -> Broker {
    let config = |name: &str, subjects: &[&str]| StreamConfig {
        name: name.into(),
        subjects: subjects.iter().map(|subject| subject.to_string()).collect(),
        max_bytes: None,
        max_messages: None,
        max_message_bytes: None,
        duplicate_window: WINDOW,
    };
    Broker::new(replicas, vec![config("TAPE_0_G1", &["tape.0.g1.*"]), config("COMMAND_0_G1", &["cmd.0.>"])])
}

fn publish(subject: &str, expected: Option<u64>, id: Option<&str>) -> Publish {
    let message_id = id.map(str::to_string);
    let headers = Headers { message_id, expected_last_subject_sequence: expected, ..Headers::default() };
    Publish { subject: subject.into(), headers, payload: (*b"payload").into() }
}

fn ack(seq: u64, duplicate: bool) -> Reply {
    Reply::Ack { stream: "TAPE_0_G1".into(), seq, duplicate }
}

fn proposed(broker: &mut Broker, now: u64, publish: Publish) -> Ticket {
    match broker.publish(now, publish) {
        Arrived::Proposed(ticket) => ticket,
        Arrived::Answered(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn a_proposal_is_neither_stored_nor_visible_until_it_is_agreed_on() {
    let mut broker = broker(Replicas::Three);
    let first = proposed(&mut broker, 5, publish("tape.0.g1.risk", Some(0), None));
    let second = proposed(&mut broker, 6, publish("tape.0.g1.paper", Some(0), None));
    assert_eq!((broker.proposed("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (2, 0));
    assert_eq!(broker.last_on("TAPE_0_G1", "tape.0.g1.risk"), Ok(None));
    let again = broker.publish(7, publish("tape.0.g1.risk", Some(0), None));
    assert_eq!(again, Arrived::Answered(refusal::in_flight()));

    assert_eq!(broker.agree(9, "TAPE_0_G1"), Some((first, ack(1, false))));
    assert_eq!(broker.last_on("TAPE_0_G1", "tape.0.g1.risk").unwrap().unwrap().stamp, 5, "the time of its proposal");
    let again = broker.publish(9, publish("tape.0.g1.risk", Some(0), None));
    assert_eq!(again, Arrived::Answered(refusal::wrong_last_sequence(1)));
    assert_eq!(broker.agree(9, "TAPE_0_G1"), Some((second, ack(2, false))));
    assert_eq!(broker.agree(9, "TAPE_0_G1"), None);
    assert_eq!(broker.agree(9, "COMMAND_0_G1"), None);
}

#[test]
fn a_lost_leader_loses_the_proposals_that_were_not_replicated() {
    for kept in 0..=3 {
        let mut broker = broker(Replicas::Three);
        for id in ["a", "b", "c"] {
            proposed(&mut broker, 1, publish("tape.0.g1.risk", None, Some(id)));
        }
        broker.lose_leader(2, "TAPE_0_G1", kept);
        assert!(!broker.has_leader("TAPE_0_G1") && broker.has_leader("COMMAND_0_G1"));
        assert_eq!((broker.proposed("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (0, kept as u64));
        assert_eq!(broker.last_on("TAPE_0_G1", "tape.0.g1.risk"), Err(NoLeader));
        let unanswered = broker.publish(2, publish("tape.0.g1.risk", None, Some("a")));
        assert_eq!(unanswered, Arrived::Answered(Reply::NoResponders));

        broker.elect("TAPE_0_G1");
        // An id is remembered if its message was kept.
        for (i, id) in ["a", "b", "c"].iter().enumerate() {
            let again = broker.publish(3, publish("tape.0.g1.risk", None, Some(id)));
            match i < kept {
                true => assert_eq!(again, Arrived::Answered(ack(i as u64 + 1, true)), "kept {kept}"),
                false => assert!(matches!(again, Arrived::Proposed(_)), "kept {kept}"),
            }
        }
    }
}

#[test]
fn tickets_are_unique() {
    let mut broker = broker(Replicas::Three);
    let lost = proposed(&mut broker, 1, publish("tape.0.g1.risk", None, None));
    broker.lose_leader(1, "TAPE_0_G1", 0);
    broker.elect("TAPE_0_G1");
    let next = proposed(&mut broker, 1, publish("tape.0.g1.risk", None, None));
    assert!(next > lost);
}

#[test]
fn an_id_is_remembered_for_its_window_to_the_nanosecond() {
    for replicas in [Replicas::One, Replicas::Three] {
        let mut broker = broker(replicas);
        let request = || publish("tape.0.g1.risk", None, Some("id"));
        broker.publish(10, request());
        broker.agree(11, "TAPE_0_G1");
        assert_eq!(broker.publish(9 + WINDOW, request()), Arrived::Answered(ack(1, true)));
        let later = broker.publish(10 + WINDOW, request());
        assert_ne!(later, Arrived::Answered(ack(1, true)));
    }
}

#[test]
fn a_stale_read_is_the_answer_of_a_few_messages_ago() {
    let mut broker = broker(Replicas::One);
    for subject in ["tape.0.g1.risk", "tape.0.g1.paper", "tape.0.g1.risk", "tape.0.g1.paper"] {
        broker.publish(1, publish(subject, None, None));
    }
    let stale = |broker: &Broker, behind| broker.stale_last_on("TAPE_0_G1", "tape.0.g1.risk", behind).map(|m| m.seq);
    assert_eq!(
        [0, 1, 2, 3, 4, 99].map(|behind| stale(&broker, behind)),
        [Some(3), Some(3), Some(1), Some(1), None, None]
    );
    broker.purge("TAPE_0_G1", 2);
    assert_eq!([0, 1, 2].map(|behind| stale(&broker, behind)), [Some(3), Some(3), None]);
}

#[test]
fn a_subject_belongs_to_the_stream_whose_filter_matches_it() {
    let broker = broker(Replicas::One);
    let cases = [
        ("tape.0.g1.risk", Some("TAPE_0_G1")),
        ("tape.0.g1", None),
        ("tape.0.g1.risk.x", None),
        ("tape.1.g1.risk", None),
        ("cmd.0", None),
        ("cmd.0.x", Some("COMMAND_0_G1")),
        ("cmd.0.x.y", Some("COMMAND_0_G1")),
    ];
    for (subject, stream) in cases {
        assert_eq!(broker.stream_of(subject), stream, "{subject}");
    }
}

#[test]
#[should_panic(expected = "no stream TAPE_1_G1")]
fn an_unknown_stream_panics() {
    broker(Replicas::One).last_seq("TAPE_1_G1");
}

#[test]
fn a_lost_tail_is_forgotten_with_its_ids_and_its_sequences_are_used_again() {
    let mut broker = broker(Replicas::One);
    for (subject, id) in [("tape.0.g1.risk", "a"), ("tape.0.g1.paper", "b"), ("tape.0.g1.risk", "c")] {
        broker.publish(1, publish(subject, None, Some(id)));
    }
    broker.lose_tail("TAPE_0_G1", 1);
    let last_on = |broker: &Broker, subject| broker.last_on("TAPE_0_G1", subject).unwrap().map(|message| message.seq);
    assert_eq!((broker.first_seq("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (1, 1));
    assert_eq!((last_on(&broker, "tape.0.g1.risk"), last_on(&broker, "tape.0.g1.paper")), (Some(1), None));
    assert_eq!(broker.publish(2, publish("tape.0.g1.risk", Some(1), Some("a"))), Arrived::Answered(ack(1, true)));
    assert_eq!(broker.publish(2, publish("tape.0.g1.risk", Some(1), Some("c"))), Arrived::Answered(ack(2, false)));
    broker.lose_tail("TAPE_0_G1", 0);
    assert_eq!((broker.first_seq("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (0, 0));
    assert_eq!(broker.publish(3, publish("tape.0.g1.risk", Some(0), None)), Arrived::Answered(ack(1, false)));
}

#[test]
fn a_lost_tail_takes_the_open_proposals_with_it() {
    let mut broker = broker(Replicas::Three);
    proposed(&mut broker, 1, publish("tape.0.g1.risk", Some(0), None));
    broker.agree(1, "TAPE_0_G1");
    proposed(&mut broker, 2, publish("tape.0.g1.risk", Some(1), None));
    broker.lose_tail("TAPE_0_G1", 1);
    assert_eq!((broker.proposed("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (0, 1));
    proposed(&mut broker, 3, publish("tape.0.g1.risk", Some(1), None));
}

#[test]
fn a_stream_that_is_created_again_is_empty_and_another() {
    let mut broker = broker(Replicas::One);
    broker.publish(1, publish("tape.0.g1.risk", None, Some("a")));
    assert_eq!((broker.created("TAPE_0_G1"), broker.created("COMMAND_0_G1")), (1, 1));
    broker.replace("TAPE_0_G1");
    assert_eq!((broker.created("TAPE_0_G1"), broker.created("COMMAND_0_G1")), (2, 1));
    assert_eq!((broker.first_seq("TAPE_0_G1"), broker.last_seq("TAPE_0_G1")), (0, 0));
    assert_eq!(broker.publish(1, publish("tape.0.g1.risk", Some(0), Some("a"))), Arrived::Answered(ack(1, false)));
}
