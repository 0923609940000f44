//! `schema`: prints a document that is generated from the code.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use tapedeck_schemas::describe::{asyncapi, market, record, tape};

const EXAMPLES: &str = "\
Examples:
  tapedeck schema asyncapi > asyncapi.json
  tapedeck schema record";

/// Prints a document about the formats: how to publish, how to read a tape
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Document to print
    #[arg(value_enum)]
    pub document: SchemaDocument,
}

/// The documents generated from the code.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaDocument {
    /// Public subjects: AsyncAPI 3.0, JSON
    Asyncapi,
    /// Market messages and JSON lines: JSON Schema 2020-12
    Market,
    /// Record format of the tape, for programs: JSON
    Tape,
    /// Record format of the tape, for people: Markdown
    Record,
}

/// Prints it.
pub async fn run(args: Args) -> Result<ExitCode> {
    print!("{}", text(args.document));
    Ok(ExitCode::SUCCESS)
}

/// The document as `schemas/docs` holds it.
fn text(document: SchemaDocument) -> String {
    match document {
        SchemaDocument::Asyncapi => format!("{:#}\n", asyncapi::document()),
        SchemaDocument::Market => format!("{:#}\n", market::document()),
        SchemaDocument::Tape => format!("{:#}\n", tape::document()),
        SchemaDocument::Record => record::document(),
    }
}
