//! The forms in which replayed facts are written and published.

use tapedeck_history::render::{OutputFormat, Rendered, Renderer};
use tapedeck_history::{Filter, RangeBounds};
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::{self, MarketEvent, Unnumbered};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::parse_market_subject;

use crate::common::*;

fn rendered() -> Vec<Rendered> {
    let ingest = Writer::Ingest;
    let tape = [
        record(1, ingest, &[(10, definition(BTC, "0.01", &["1m", "5t"], 9)), (10, heartbeat(BTC, 10))]),
        record(2, ingest, &[(20, quote(BTC, "5", 20)), (30, trade(ETH, "6", 29))]),
        record(3, ingest, &[(40, bar(BTC, Some("feed"), 40)), (40, bar(BTC, None, 40))]),
        record(4, Writer::Risk, &[(20, approved(BTC, "sim-p0", "zscore"))]),
    ];
    let mut renderer = Renderer::new(n("r1"));
    let all = replayed(&tape, RangeBounds::default(), &Filter::default());
    all.into_iter().map(|one| renderer.render(one)).collect()
}

const BUILT: &str = concat!(
    r#"{"offset":"p0g1:3.1","writer":"ingest","epoch":1,"cause":"inbox.g1:103.0","index":1,"at":"40","stamp":"3000","#,
    r#""kind":"Bar","version":1,"body":{"instrument":"binance.BTCUSDT","bar":"1m","open":"10","high":"12","#,
    r#""low":"9","close":"11","volume":"3","#,
    r#""count":4,"late":0,"opened":"1","closed":"2","part":0,"source":null,"ts_recv":"40","ts_event":null}}"#
);

#[test]
fn lines_are_the_publishers_own_with_a_source_a_session_and_numbers_per_instrument() {
    let lines: Vec<_> = rendered()
        .iter()
        .map(|one| String::from_utf8(one.bytes(OutputFormat::JsonLines(JsonTimes::Text))).unwrap())
        .collect();
    let head = |instrument, kind, seq, ts| {
        let who = r#""source":"replay","session":"r1""#;
        format!(r#"{{"instrument":"{instrument}","kind":"{kind}",{who},"seq":{seq},"ts_recv":"{ts}","#)
    };
    let with = |head: String, rest: &str| format!("{head}{rest}\n");
    let grid =
        r#""base":"BTC","quote":"USDT","tick_size":"0.01","lot_size":"0.001","min_notional":"5","bars":"1m,5t"}"#;
    assert_eq!(lines[0], with(head(BTC, "definition", 1, 9), grid));
    let beat = head(BTC, "heartbeat", 2, 10);
    assert_eq!(lines[1], with(beat, r#""ts_event":"8"}"#));
    let sides = r#""bid":"5","bid_size":"1.5","ask":"999999","ask_size":"0","update_id":77}"#;
    assert_eq!(lines[2], with(head(BTC, "quote", 3, 20), sides));
    let print = r#""ts_event":"28","price":"6","quantity":"0.01","aggressor":"seller","trade_id":12}"#;
    assert_eq!(lines[3], with(head(ETH, "trade", 1, 29), print));
    let ohlc = concat!(
        r#""bar":"1m","open":"10","high":"12","low":"9","close":"11","volume":"3","count":4,"#,
        r#""opened":"1","closed":"2","part":0}"#
    );
    assert_eq!(lines[4], with(head(BTC, "bar", 4, 40), ohlc));
    assert_eq!(lines[5], format!("{BUILT}\n"));
    assert_eq!(lines.len(), 7);
}

#[test]
fn a_message_under_the_prefix_reads_as_one_on_md() {
    for one in rendered() {
        let (subject, payload) = one.message("replay.r1");
        match one {
            Rendered::Market(instrument, event) => {
                let own = subject.replacen("replay.r1.", "md.", 1);
                assert_eq!(parse_market_subject(&own), Ok((instrument, event.body.kind())));
                assert_eq!(market::decode(event.body.kind(), &payload), [Ok(event)]);
            }
            Rendered::Fact(fact) => {
                let kind = fact.event.kind().name();
                assert_eq!(subject, format!("replay.r1-facts.{}.{kind}", fact.writer));
                assert_eq!(payload, one_line(&fact.printed_offset(), &rendered()));
            }
        }
    }
}

/// The line of the fact at an offset, without its end.
fn one_line(offset: &str, all: &[Rendered]) -> Vec<u8> {
    let at = |one: &&Rendered| matches!(one, Rendered::Fact(fact) if fact.printed_offset() == offset);
    let mut line = all.iter().find(at).unwrap().bytes(OutputFormat::JsonLines(JsonTimes::Text));
    assert_eq!(line.pop(), Some(b'\n'));
    line
}

#[test]
fn messagepack_says_what_the_lines_say() {
    for one in rendered() {
        let (packed, line) =
            (one.bytes(OutputFormat::MessagePack), one.bytes(OutputFormat::JsonLines(JsonTimes::Number)));
        match one {
            Rendered::Market(instrument, event) => {
                let MarketEvent { ts_recv, ts_event, body, .. } = event;
                let said = [Ok((Some(instrument), Unnumbered { ts_recv, ts_event, body }))];
                assert_eq!(
                    (market::decode_unnumbered(&packed), market::decode_unnumbered(&line)),
                    (said.to_vec(), said.to_vec())
                );
            }
            Rendered::Fact(_) => {
                let packed: serde_json::Value = rmp_serde::from_slice(&packed).unwrap();
                assert_eq!(packed, serde_json::from_slice::<serde_json::Value>(&line).unwrap());
            }
        }
    }
}
