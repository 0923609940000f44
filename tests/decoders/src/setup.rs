//! The setup file: definitions of a valid setup are accepted by ingest, its commands encode, and errors have a text.

use tapedeck_feeds::Setup;
use tapedeck_ingest::Ingest;
use tapedeck_ingest::checks::TIME_NS_MIN;
use tapedeck_ingest::instruments::INSTRUMENTS_MAX;
use tapedeck_kernel::testing::Stepper;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::market::{self, MarketEvent};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::market_subject;

/// The input is the text of the file.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let setup = match Setup::parse("a.toml", text) {
        Ok(setup) => setup,
        Err(error) => return assert!(error.to_string().starts_with("setup a.toml: ") && !error.detail.is_empty()),
    };
    let mut ingest = Stepper::new(Ingest::new());
    for (seq, instrument) in (1..).zip(setup.instruments().take(INSTRUMENTS_MAX)) {
        let body = setup.definition(&instrument).expect("the setup lists the instrument");
        let source = "feed".parse().expect("it is a token");
        let session = "s".parse().expect("it is a token");
        let event = MarketEvent { source, session, seq: 1, ts_recv: TIME_NS_MIN, ts_event: None, body };
        let subject = market_subject(&instrument, event.body.kind());
        let [entry] = &MarketEntry::from_message(&subject, TIME_NS_MIN, &market::encode(&event))[..] else {
            panic!("not one entry")
        };
        let answers = ingest.step(Offset::new(seq, 0), entry).events;
        let defined = |event: &Event| matches!(event, Event::InstrumentDefined(_));
        assert!(answers.iter().any(defined), "ingest rejects a definition of a valid setup: {answers:?}");
    }
    let limits = setup.limits().map(|(scope, values)| Request::Limits { scope, values });
    let weights = std::iter::once(setup.weights()).map(|weights| Request::Weights { weights });
    for request in limits.chain(weights) {
        let command = Command { id: None, by: "setup".into(), reason: "setup".into(), request };
        let encoded = command.encode();
        if encoded.len() <= tapedeck_schemas::command::COMMAND_BYTES_MAX {
            assert_eq!(Command::decode(&encoded), Ok(command));
        }
    }
}
