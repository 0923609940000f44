//! docs/publishing.md and docs/resuming.md: the table of fields equals the one in `market::contract`, the recipes are
//! those in the examples, and the table of spellings is true.
//!
//! `UPDATE_EXPECT=1` rewrites the table of fields and the recipes.

use serde::Serialize;
use tapedeck_schemas::market::contract::{FIELDS, KINDS};
use tapedeck_schemas::market::{MarketBody, decode};
use tapedeck_schemas::subject::MarketKind;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/publishing.md");
const BEGIN: &str = "<!-- fields: generated from schemas/src/market/kinds -->\n";
const END: &str = "<!-- end of fields -->\n";

fn table() -> String {
    let mut table =
        "| field | of | type | unit | accepted | example | meaning |\n|---|---|---|---|---|---|---|\n".to_string();
    for field in FIELDS {
        let kinds = if field.kinds == KINDS {
            "every kind".to_string()
        } else {
            field.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let optional = if field.required { "" } else { ", optional" };
        table += &format!(
            "| `{}` | {kinds}{optional} | {} | {} | {} | `{}` | {} |\n",
            field.name,
            field.ty.as_str(),
            field.unit,
            field.range,
            field.example,
            field.doc
        );
    }
    table
}

/// The examples in `schemas/examples` that hold a recipe, with the name of their language in Markdown.
const RECIPES: [(&str, &str); 5] = [
    ("python/publish.py", "python"),
    ("go/publish.go", "go"),
    ("rust/publish.rs", "rust"),
    ("node/publish.mjs", "js"),
    ("cli/publish.sh", "sh"),
];
const RECIPES_PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/resuming.md");
const BEGIN_OF_RECIPES: &str = "<!-- recipes: generated from schemas/examples -->\n";
const END_OF_RECIPES: &str = "<!-- end of recipes -->\n";

/// The recipe of each example: the lines between its marks.
fn recipes() -> String {
    let recipe = |(file, language): &(&str, &str)| {
        let path = format!("{}/examples/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, rest) = text.split_once("recipe: resume\n").unwrap_or_else(|| panic!("{file} has no recipe"));
        let (recipe, _) = rest.split_once("end of recipe").unwrap_or_else(|| panic!("{file}: the recipe has no end"));
        let recipe = recipe.trim_end_matches(['#', '/', ' ']).trim();
        format!("[{file}](../schemas/examples/{file}):\n\n```{language}\n{recipe}\n```\n\n")
    };
    format!("\n{}", RECIPES.iter().map(recipe).collect::<String>())
}

/// The page with `content` between two marks.
fn with(page: &str, begin: &str, content: &str, end: &str) -> String {
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("the page lacks {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("the page lacks {end}"));
    [before, begin, content, end, after].concat()
}

#[test]
fn the_pages_hold_the_table_of_fields_and_the_recipes() {
    for (path, begin, content, end) in
        [(PAGE, BEGIN, table(), END), (RECIPES_PAGE, BEGIN_OF_RECIPES, recipes(), END_OF_RECIPES)]
    {
        let page = std::fs::read_to_string(path).unwrap();
        let generated = with(&page, begin, &content, end);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, generated).unwrap();
        } else {
            assert!(page == generated, "{path} is out of date: run this test with UPDATE_EXPECT=1");
        }
    }
}

const SPELLINGS: &str = "<!-- spellings -->\n";
const END_OF_SPELLINGS: &str = "<!-- end of spellings -->";

/// A trade with a price in any form.
#[derive(Serialize)]
struct AnyTrade<T> {
    source: &'static str,
    session: &'static str,
    seq: u64,
    ts_recv: u64,
    price: T,
    quantity: u64,
}

fn packed(price: impl Serialize) -> Vec<u8> {
    let trade = AnyTrade { source: "a", session: "b", seq: 1, ts_recv: 1, price, quantity: 1 };
    rmp_serde::to_vec_named(&trade).unwrap()
}

/// The trade in MessagePack, with the value that the JSON text `price` spells; `None` if there is no such value.
fn in_messagepack(price: &str) -> Option<Vec<u8>> {
    if let Ok(float) = price.parse::<f64>() {
        let is_integer = price.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        return match (price.parse::<u64>(), price.parse::<i64>()) {
            _ if price.starts_with('+') || (price.starts_with('0') && is_integer) => None,
            (Ok(integer), _) => Some(packed(integer)),
            (_, Ok(integer)) => Some(packed(integer)),
            _ => Some(packed(float)),
        };
    }
    Some(packed(serde_json::from_str::<serde_json::Value>(price).unwrap()))
}

/// The price that is decoded, or the error.
fn decoded(payload: &[u8]) -> String {
    match &decode(MarketKind::Trade, payload)[..] {
        [Ok(event)] => match &event.body {
            MarketBody::Trade(trade) => trade.price.to_string(),
            other => panic!("{other:?}"),
        },
        [Err(malformed)] => malformed.detail.words(),
        several => panic!("{several:?}"),
    }
}

#[test]
fn every_spelling_of_a_number_is_decoded_as_the_page_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(SPELLINGS).expect("docs/publishing.md marks the start of the spellings");
    let (table, _) = rest.split_once(END_OF_SPELLINGS).expect("docs/publishing.md marks the end of the spellings");
    let mut rows = 0;
    for row in table.lines().skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [price, in_json, in_packed] = cells[..] else { panic!("not three cells: {row}") };
        let price = price.trim_matches('`');
        let json = format!(r#"{{"source":"a","session":"b","seq":1,"ts_recv":1,"price":{price},"quantity":1}}"#);
        let holds = |found: &str, expected: &str| match expected.parse::<f64>() {
            Ok(_) => found == expected,
            Err(_) => found.contains(expected),
        };
        let found = decoded(json.as_bytes());
        assert!(holds(&found, in_json), "{price} in JSON: {found}, not {in_json}");
        match in_messagepack(price) {
            None => assert_eq!(in_packed, "—", "{price}"),
            Some(payload) => {
                let found = decoded(&payload);
                assert!(holds(&found, in_packed), "{price} in MessagePack: {found}, not {in_packed}");
            }
        }
        rows += 1;
    }
    assert!(rows > 40, "{rows} rows");
}
