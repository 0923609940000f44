//! The setup file: the content of the built-in setup, and the error of each mistake.

use tapedeck_feeds::{Setup, synthetic};
use tapedeck_schemas::event::Scope;
use tapedeck_schemas::market::{DefinitionBody, MarketBody, PriceDomain, TradeIdOrder};

const INSTRUMENT: &str = r#"
[[instrument]]
id = "x.AB"
base = "A"
quote = "B"
tick_size = "0.01"
lot_size = "0.1"
min_notional = "5"
"#;

#[test]
fn the_built_in_setup_defines_and_funds_every_instrument() {
    let setup = Setup::built_in();
    assert_eq!(setup.instruments().count(), 8);
    assert_eq!(setup.funds().map(|(_, _, amount)| amount.to_string()).collect::<Vec<_>>(), ["1000000", "1000000"]);
    for id in setup.instruments() {
        let Some(MarketBody::Definition(DefinitionBody { quote, .. })) = setup.definition(&id) else {
            panic!("{id} is not defined")
        };
        assert!(setup.funds().any(|(_, currency, _)| currency == quote), "{id} trades in {quote}, which is not funded");
    }
    synthetic::check(&setup).unwrap();
    let definition = MarketBody::Definition(DefinitionBody {
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        tick_size: "0.01".parse().unwrap(),
        lot_size: "0.00001".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
        bars: ["1m", "1000t-quote"].map(|bar| bar.parse().unwrap()).into(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
    });
    assert_eq!(setup.definition(&"binance.BTCUSDT".parse().unwrap()), Some(definition));
}

#[test]
fn limits_and_weights_are_returned_as_written() {
    let text = format!(
        "{INSTRUMENT}[[limits]]\nscope = \"all\"\nvalues = {{ \"risk.max_position\" = \"50000\" }}\n\
         [[limits]]\nscope = \"x.AB\"\nvalues = {{ \"a.b\" = \"0.5\" }}\n[weights]\nzscore = \"1\"\newma = \"0\"\n"
    );
    let setup = Setup::parse("s.toml", &text).unwrap();
    let limits: Vec<_> = setup.limits().collect();
    let ab = Scope::Instrument("x.AB".parse().unwrap());
    assert_eq!(limits[0], (Scope::All, vec![("risk.max_position".into(), "50000".parse().unwrap())]));
    assert_eq!(limits[1], (ab, vec![("a.b".into(), "0.5".parse().unwrap())]));
    let weights = setup.weights().into_iter().map(|(name, weight)| format!("{name}={weight}"));
    assert_eq!(weights.collect::<Vec<_>>(), ["ewma=0", "zscore=1"]);
}

#[test]
fn the_error_of_every_mistake_has_the_key_and_the_fix() {
    let with = |from: &str, to: &str| INSTRUMENT.replace(from, to);
    let cases = [
        (with("tick_size = \"0.01\"", ""), "missing field `tick_size`"),
        (with("tick_size", "tick"), "unknown field `tick`"),
        (with("\"0.01\"", "0.01"), "numbers with decimals are text, as in tick_size = \"0.01\""),
        (with("\"0.01\"", "\"1e\""), "\"1e\" is not a decimal number"),
        (with("\"0.01\"", "1e-2"), "0.01 is a float; send text"),
        (with("\"0.01\"", "\"0\""), "instrument x.AB: tick_size 0 must be above 0"),
        (with("\"0.1\"", "\"-1\""), "instrument x.AB: lot_size -1 must be above 0"),
        (with("\"5\"", "\"-5\""), "instrument x.AB: min_notional -5 must be 0 or more"),
        (with("base = \"A\"", "base = \"B\""), "instrument x.AB: base and quote are both B"),
        (with("x.AB", "xAB"), "\"xAB\" is not an instrument"),
        (INSTRUMENT.repeat(2), "instrument x.AB: id is given twice"),
        (format!("{INSTRUMENT}bars = [\"1m\", \"1m\"]\n"), "instrument x.AB: bars lists 1m twice"),
        (
            format!("{INSTRUMENT}bars = {:?}\n", [1, 2, 3, 4, 5, 6, 10, 15, 20].map(|length| format!("{length}s"))),
            "bars lists 9; at most 8",
        ),
        (format!("{INSTRUMENT}sources = [\"a b\"]\n"), "\"a b\" is not a name"),
        (
            format!("{INSTRUMENT}sources = {:?}\n", ["a", "b", "c", "d", "e", "f", "g", "h", "i"]),
            "instrument x.AB: sources lists 9; at most 8",
        ),
        ("[[fund]]\ncurrency = \"B\"\namount = \"0\"".into(), "fund B: amount 0 must be above 0"),
        ("[[fund]]\ncurrency = \"B\"\namount = \"1\"\nreference = \"a b\"".into(), "reference must be 1 to 24"),
        ("[[fund]]\ncurrency = \"B\"\namount = \"1\"\n".repeat(2), "fund B: currency is given twice"),
        (
            "[[limits]]\nscope = \"x.AB\"\nvalues = { a = \"1\" }".into(),
            "scope x.AB is not an [[instrument]] of this file",
        ),
        (
            "[[limits]]\nscope = \"any\"\nvalues = { a = \"1\" }".into(),
            "scope \"any\" must be \"all\" or an instrument",
        ),
        ("[[limits]]\nscope = \"all\"\nvalues = { }".into(), "values is empty"),
        ("[weights]\nzscore = \"-1\"".into(), "weights: zscore = -1 must be 0 or more"),
        ("[weight]\nzscore = \"1\"".into(), "unknown field `weight`"),
        ("this is not TOML".into(), "numbers with decimals are text"),
    ];
    for (text, detail) in cases {
        let error = Setup::parse("s.toml", &text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string();
        assert!(error.starts_with("setup s.toml: ") && error.contains(detail), "for {text}: {error}");
    }
}

#[test]
fn a_definition_has_the_terms_of_its_instrument() {
    let more = "sources = [\"two\", \"one\"]\nprices = \"any\"\ntrade_ids = \"consecutive\"\n";
    let setup = Setup::parse("s.toml", &format!("{INSTRUMENT}{more}")).unwrap();
    let Some(MarketBody::Definition(body)) = setup.definition(&"x.AB".parse().unwrap()) else {
        panic!("x.AB is not defined")
    };
    let DefinitionBody { sources, prices, trade_ids, .. } = body;
    assert_eq!((prices, trade_ids), (PriceDomain::Any, TradeIdOrder::Consecutive));
    assert_eq!(sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_setup_is_read_from_its_file() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("setup.toml");
    std::fs::write(&path, INSTRUMENT).unwrap();
    let setup = Setup::read(&path).unwrap();
    assert_eq!(setup, Setup::parse("other name", INSTRUMENT).unwrap());
    let error = Setup::read(&dir.path().join("none.toml")).unwrap_err().to_string();
    assert!(error.contains("none.toml: cannot read the file"), "{error}");
}

#[test]
fn reference_and_currency_identify_a_payment() {
    let fund = |reference: &str| format!("[[fund]]\ncurrency = \"B\"\namount = \"1\"\n{reference}");
    let setup = Setup::parse("a", &(fund("") + &fund("reference = \"top-up_1\"\n"))).unwrap();
    assert_eq!(setup.funds().map(|(reference, ..)| reference).collect::<Vec<_>>(), ["initial", "top-up_1"]);
    let error = Setup::parse("a", &fund("reference = \"x\"\n").repeat(2)).unwrap_err().to_string();
    assert!(error.contains("give each its own reference"), "{error}");
}
