//! Names, ids, offsets and subjects: a parsed value prints as its input, or as a text that parses to an equal value.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use tapedeck_schemas::bar::{self, BARS_MAX, BarSpec};
use tapedeck_schemas::calendar::Calendar;
use tapedeck_schemas::event::{Aggressor, MalformedDetail, Scope};
use tapedeck_schemas::ids::{FillId, InstrumentId, OrderId, Symbol, TOKEN_BYTES_MAX, TapeId, Token};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::{self, MarketKind};

/// The input is a text.
pub fn check(input: &[u8]) {
    let text = &String::from_utf8_lossy(input);
    if round_trips_exactly::<Token>(text) {
        assert!((1..=TOKEN_BYTES_MAX).contains(&text.len()), "{text:?}");
        assert!(!text.contains(['.', '*', '>', ' ']), "{text:?} is not a single token of a subject");
    }
    if let Ok(symbol) = text.parse::<Symbol>() {
        assert_eq!(Symbol::from_subject_token(&symbol.subject_token().to_string()), Ok(symbol));
    }
    round_trips_exactly::<Symbol>(text);
    round_trips_exactly::<InstrumentId>(text);
    round_trips_exactly::<OrderId>(text);
    round_trips_exactly::<FillId>(text);
    round_trips_exactly::<TapeId>(text);
    round_trips_exactly::<Scope>(text);
    round_trips_exactly::<MarketKind>(text);
    round_trips_exactly::<Aggressor>(text);
    round_trips::<Offset>(text);
    round_trips::<BarSpec>(text);
    round_trips::<Calendar>(text);
    if let Ok(bars) = bar::parse_list(text) {
        assert!(bars.len() <= BARS_MAX, "{bars:?}");
        assert_eq!(bar::parse_list(&bar::list(&bars)), Ok(bars));
    }
    match subject::parse_market_subject(text) {
        Ok((instrument, kind)) => {
            let own = match subject::subject_source(text) {
                Some(source) => subject::sourced_subject(source, &instrument, kind),
                None => subject::market_subject(&instrument, kind),
            };
            assert_eq!(own, **text);
        }
        Err(MalformedDetail::WrongEscape { instrument, kind }) => {
            let right = subject::market_subject(&instrument, kind);
            assert_ne!(right, **text);
            assert_eq!(subject::parse_market_subject(&right), Ok((*instrument, kind)));
        }
        Err(other) => assert_eq!(other, MalformedDetail::NotAMarketSubject),
    }
    if let Some(source) = subject::parse_status_subject(text) {
        assert_eq!(format!("md-status.{source}"), **text);
    }
}

/// Whether the text parses; then the value must print as the text.
fn round_trips_exactly<T: FromStr + Display>(text: &str) -> bool {
    let read = text.parse::<T>().ok();
    read.iter().for_each(|one| assert_eq!(one.to_string(), text));
    read.is_some()
}

fn round_trips<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(one) = text.parse::<T>() {
        assert_eq!(one.to_string().parse::<T>().ok(), Some(one), "{text:?}");
    }
}
