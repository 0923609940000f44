//! `schema`: prints a document made from the code. Needs no server.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use tapedeck_schemas::describe::{asyncapi, market, record, tape};

use crate::cli::{Document, SchemaArgs};

/// Prints.
pub fn run(args: &SchemaArgs) -> Result<ExitCode> {
    std::io::stdout().write_all(text(args.document).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The document as it is printed, and kept under `schemas/docs`.
pub fn text(document: Document) -> String {
    match document {
        Document::Asyncapi => format!("{:#}\n", asyncapi::document()),
        Document::Market => format!("{:#}\n", market::document()),
        Document::Tape => format!("{:#}\n", tape::document()),
        Document::Record => record::document(),
    }
}
