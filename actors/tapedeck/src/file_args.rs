//! What is said of files of market data, and the words about what was assumed of them and left out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tapedeck_feeds::{FeedError, Selection, SkippedCounts, Summary, UnreadableCounts, Zone};
use tapedeck_schemas::ids::{InstrumentId, Token};

/// What is said of files of market data, where their format does not state it.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Market")]
pub struct FileArgs {
    /// Instrument of data that do not name one, such as oanda.EURUSD
    #[arg(long, value_name = "VENUE.SYMBOL")]
    pub instrument: Option<InstrumentId>,
    /// Venue of files whose format does not state it, such as oanda
    #[arg(long, value_name = "NAME")]
    pub venue: Option<Token>,
    /// Time zone of files with local times, if their format does not state it: UTC, an offset such as -05:00, or a name
    /// such as America/New_York
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub tz: Option<Zone>,
    /// Stops at the first entry that cannot be read, before anything is published
    #[arg(long)]
    pub strict: bool,
}

impl FileArgs {
    /// The selection of these files; none select the synthetic market.
    pub fn selection(&self, files: Vec<PathBuf>) -> Selection {
        let Self { instrument, venue, tz, strict } = self.clone();
        Selection { files, instrument, venue, zone: tz, is_strict: strict, ..Selection::default() }
    }

    /// Fails if something is said of files, and there are none.
    pub fn check(&self, files: &[PathBuf]) -> anyhow::Result<()> {
        let says = self.instrument.is_some() || self.venue.is_some() || self.tz.is_some() || self.strict;
        anyhow::ensure!(
            !says || !files.is_empty(),
            "--instrument, --venue, --tz and --strict are about files: give some"
        );
        Ok(())
    }
}

/// Entries of the files that are not published, and what was taken as given or assumed of the files.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct FileReport {
    /// Entries of kinds that are not published, by kind.
    pub left_out: SkippedCounts,
    /// Entries that cannot be read, by the kind of their defect.
    pub unreadable: UnreadableCounts,
    /// Entries of instruments without a definition, which are not published, by instrument.
    pub undefined: BTreeMap<InstrumentId, u64>,
    /// What was taken as given or assumed.
    pub assumed: Vec<String>,
}

impl From<&Summary> for FileReport {
    fn from(summary: &Summary) -> Self {
        let Summary { skipped, unreadable, undefined, assumed, .. } = summary.clone();
        Self { left_out: skipped, unreadable, undefined, assumed }
    }
}

impl FileReport {
    /// Whether every entry can be read, and is of a defined instrument.
    pub fn is_whole(&self) -> bool {
        self.unreadable.is_empty() && self.undefined.is_empty()
    }

    /// Prints words.
    pub fn print(&self) {
        for statement in &self.assumed {
            println!("  assumed: {statement}");
        }
        if !self.left_out.is_empty() {
            let kinds: Vec<String> = self.left_out.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            println!("  lines of kinds that are not published: {}", kinds.join(", "));
        }
        for (kind, entries) in &self.unreadable {
            let first = &entries.first;
            println!(
                "  {} not readable ({kind}); first: {}:{}: {}, in {}",
                entries.count, first.file, first.line, first.detail, first.excerpt
            );
        }
        if !self.undefined.is_empty() {
            let instruments: Vec<InstrumentId> = self.undefined.keys().copied().collect();
            let count: u64 = self.undefined.values().sum();
            println!("  {count} not published: {}", FeedError::NoDefinition(instruments));
        }
    }
}
