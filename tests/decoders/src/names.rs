//! Names, ids, offsets and subjects: what parses is printed as it came, or in a form that parses to the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use tapedeck_schemas::bar::{self, BARS_MAX, BarSpec};
use tapedeck_schemas::event::{Aggressor, Scope};
use tapedeck_schemas::ids::{FillId, InstrumentId, OrderId, TOKEN_BYTES_MAX, TapeId, Token};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::{self, MarketKind};

/// The input is a text.
pub fn check(input: &[u8]) {
    let text = &String::from_utf8_lossy(input);
    if exactly::<Token>(text) {
        assert!((1..=TOKEN_BYTES_MAX).contains(&text.len()), "{text:?}");
        assert!(!text.contains(['.', '*', '>', ' ']), "{text:?} is no single token of a subject");
    }
    exactly::<InstrumentId>(text);
    exactly::<OrderId>(text);
    exactly::<FillId>(text);
    exactly::<TapeId>(text);
    exactly::<Scope>(text);
    exactly::<MarketKind>(text);
    exactly::<Aggressor>(text);
    somehow::<Offset>(text);
    somehow::<BarSpec>(text);
    if let Ok(bars) = bar::parse_list(text) {
        assert!(bars.len() <= BARS_MAX, "{bars:?}");
        assert_eq!(bar::parse_list(&bar::list(&bars)), Ok(bars));
    }
    if let Some((instrument, kind)) = subject::parse_market_subject(text) {
        assert_eq!(subject::market_subject(&instrument, kind), **text);
    }
    if let Some(source) = subject::parse_status_subject(text) {
        assert_eq!(format!("md-status.{source}"), **text);
    }
}

/// Whether it parses; then it is printed as it came.
fn exactly<T: FromStr + Display>(text: &str) -> bool {
    let read = text.parse::<T>().ok();
    read.iter().for_each(|one| assert_eq!(one.to_string(), text));
    read.is_some()
}

fn somehow<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(one) = text.parse::<T>() {
        assert_eq!(one.to_string().parse::<T>().ok(), Some(one), "{text:?}");
    }
}
