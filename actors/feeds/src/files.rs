//! Files of market data as one feed: merged by receive time and numbered, after the definitions of their instruments.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::market::MarketBody;

use crate::formats::{self, Content, FormatReader, ParsedMarket};
use crate::input::InputFile;
use crate::item::{Item, Numberer, SkippedCounts, Summary, definitions};
use crate::{Feed, FeedError, Setup};

/// The merge of one or more files.
///
/// Events are ordered by receive time, ties by the order of the files. The events of one file are never reordered: if
/// its clock steps back, the merge uses the greatest receive time before. (`ts_recv` stays as recorded.)
pub struct Files {
    definitions: VecDeque<Item>,
    merge: MergedFiles,
    numberer: Numberer,
    /// Whether the instrument's first event in the files is a definition.
    instruments: BTreeMap<InstrumentId, bool>,
    summary: Summary,
}

impl Files {
    /// Opens files and reads them once to the end, so that an error is found before anything is published.
    ///
    /// `instrument` applies to events that do not name one. `source` defaults to that of the first file's format.
    pub fn open(
        files: &[PathBuf],
        setup: &Setup,
        session: Token,
        instrument: Option<InstrumentId>,
        source: Option<SourceId>,
    ) -> Result<Self, FeedError> {
        let mut instruments = BTreeMap::new();
        let mut summary = Summary::default();
        let mut scan = MergedFiles::open(files, instrument)?;
        let first_received = scan.first_received().unwrap_or_default();
        for market in scan.by_ref() {
            let market = market?;
            let defines = matches!(market.body, MarketBody::Definition(_));
            let defined = *instruments.entry(market.instrument).or_insert(defines);
            if !defined && setup.definition(&market.instrument).is_none() {
                return Err(FeedError::NoDefinition(market.instrument));
            }
            summary.items += 1;
            summary.totals.add_body(market.instrument, &market.body);
        }
        let source = source.unwrap_or_else(|| scan.source.parse().expect("a format's source is a token"));
        let mut numberer = Numberer::new(source, session);
        let undefined = instruments.iter().filter(|(_, defined)| !**defined).map(|(instrument, _)| *instrument);
        let definitions = definitions(setup, undefined, &mut numberer, first_received)?;
        summary.items += definitions.len() as u64;
        summary.instruments = instruments.keys().copied().collect();
        summary.skipped = scan.skipped;
        let merge = MergedFiles::open(files, instrument)?;
        Ok(Self { definitions: definitions.into(), merge, numberer, instruments, summary })
    }
}

impl Iterator for Files {
    type Item = Result<Item, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(definition) = self.definitions.pop_front() {
            return Some(Ok(definition));
        }
        let market = match self.merge.next()? {
            Ok(market) => market,
            Err(error) => return Some(Err(error)),
        };
        let ParsedMarket { received, instrument, ts_event, body } = market;
        if !self.instruments.contains_key(&instrument) {
            // Possible only if the file has changed since it was opened.
            self.merge.stop();
            return Some(Err(FeedError::NoDefinition(instrument)));
        }
        Some(Ok(self.numberer.item(instrument, received, ts_event, body)))
    }
}

impl Feed for Files {
    fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// The open files, each with its next event.
struct MergedFiles {
    files: Vec<FileCursor>,
    /// The source that the first file's format implies.
    source: &'static str,
    skipped: SkippedCounts,
    failed: Option<FeedError>,
}

struct FileCursor {
    path: PathBuf,
    is_empty: bool,
    format: Box<dyn FormatReader>,
    /// Greatest receive time so far, ns.
    latest: u64,
    next: Option<ParsedMarket>,
}

impl MergedFiles {
    fn open(files: &[PathBuf], instrument: Option<InstrumentId>) -> Result<Self, FeedError> {
        Self::new(files.iter().map(|path| InputFile::open(path)), instrument)
    }

    fn new(
        inputs: impl Iterator<Item = Result<InputFile, FeedError>>,
        instrument: Option<InstrumentId>,
    ) -> Result<Self, FeedError> {
        let mut merge = Self { files: Vec::new(), source: "", skipped: SkippedCounts::new(), failed: None };
        for input in inputs {
            let input = input?;
            let (path, is_empty) = (input.path.clone(), input.head.is_empty());
            let (source, format) = formats::open(input, instrument)?;
            if merge.files.is_empty() {
                merge.source = source;
            }
            merge.files.push(FileCursor { path, is_empty, format, latest: 0, next: None });
        }
        for file in &mut merge.files {
            let mut skipped = SkippedCounts::new();
            file.advance(&mut skipped)?;
            if file.next.is_none() {
                return Err(FeedError::Empty { path: file.path.clone(), detail: content(file.is_empty, &skipped) });
            }
            for (kind, count) in skipped {
                *merge.skipped.entry(kind).or_default() += count;
            }
        }
        Ok(merge)
    }

    /// Receive time of the next event, ns.
    fn first_received(&self) -> Option<u64> {
        let next = self.files.iter().min_by_key(|file| file.latest)?.next.as_ref()?;
        Some(next.received)
    }

    fn stop(&mut self) {
        self.files.clear();
    }
}

impl Iterator for MergedFiles {
    type Item = Result<ParsedMarket, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.stop();
            return Some(Err(error));
        }
        // `min_by_key` returns the first of equals, so ties are broken by the order of the files.
        let unfinished = self.files.iter_mut().filter(|file| file.next.is_some());
        let file = unfinished.min_by_key(|file| file.latest)?;
        let market = file.next.take();
        // An error of the next line is returned after this event.
        self.failed = file.advance(&mut self.skipped).err();
        market.map(Ok)
    }
}

impl FileCursor {
    /// Reads up to and including the next market event.
    fn advance(&mut self, skipped: &mut SkippedCounts) -> Result<(), FeedError> {
        while let Some(entry) = self.format.next()? {
            self.latest = self.latest.max(entry.received);
            match entry.content {
                Content::Market(market) => {
                    self.next = Some(market);
                    return Ok(());
                }
                Content::Skipped(kind) => *skipped.entry(kind).or_default() += 1,
            }
        }
        Ok(())
    }
}

/// The content of a file without market events.
fn content(is_empty: bool, skipped: &SkippedCounts) -> String {
    let counts: Vec<String> = skipped.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    match (is_empty, counts.is_empty()) {
        (true, _) => "the file is empty".into(),
        (false, true) => "the file has no line of data".into(),
        (false, false) => format!("all lines are of kinds that are not published ({})", counts.join(", ")),
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
