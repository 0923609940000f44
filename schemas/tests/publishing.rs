//! The table of fields in docs/publishing.md equals the one in `market::contract`.
//!
//! `UPDATE_EXPECT=1` rewrites the table.

use tapedeck_schemas::market::contract::{FIELDS, FieldType, KINDS};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/publishing.md");
const BEGIN: &str = "<!-- fields: generated from schemas/src/market/contract.rs -->\n";
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
        let ty = match field.ty {
            FieldType::Token => "token",
            FieldType::Text => "text",
            FieldType::Count => "count",
            FieldType::Time => "time",
            FieldType::Decimal => "decimal",
        };
        let optional = if field.required { "" } else { ", optional" };
        table += &format!(
            "| `{}` | {kinds}{optional} | {ty} | {} | {} | `{}` | {} |\n",
            field.name, field.unit, field.range, field.example, field.doc
        );
    }
    table
}

#[test]
fn the_page_holds_the_table_of_fields() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/publishing.md marks the start of the table of fields");
    let (shown, after) = rest.split_once(END).expect("docs/publishing.md marks the end of the table of fields");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PAGE, [before, BEGIN, &table(), END, after].concat()).unwrap();
    } else {
        assert_eq!(shown, table(), "docs/publishing.md is out of date: run this test with UPDATE_EXPECT=1");
    }
}
