//! Files of market data as one feed: merged by receive time and numbered, after the definitions of their instruments.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::{MESSAGE_EVENTS_MAX, MarketBody};

use crate::defect::{self, UnreadableCounts};
use crate::error::names;
use crate::formats::{self, Content, FormatReader, ParsedMarket};
use crate::input::{GivenFacts, InputFile};
use crate::item::{Item, Numberer, SkippedCounts, Summary, definitions};
use crate::{Feed, FeedError, Selection, Setup};

/// Greatest number of statements about the files; further ones are counted.
const ASSUMED_MAX: usize = 32;

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
    /// Opens the files of a selection and reads them once to the end, so that an error is found before anything is
    /// published.
    pub fn open(selection: &Selection, setup: &Setup, session: Token) -> Result<Self, FeedError> {
        let mut instruments = BTreeMap::new();
        let mut summary = Summary::default();
        let mut scan = MergedFiles::open(selection)?;
        let first_received = scan.first_received().unwrap_or_default();
        for market in scan.by_ref() {
            let market = market?;
            let defines = matches!(market.body, MarketBody::Definition(_));
            if let Entry::Vacant(entry) = instruments.entry(market.instrument) {
                entry.insert(defines);
                match setup.definition(&market.instrument).filter(|_| !defines) {
                    Some(definition) => summary.totals.add_body(market.instrument, &definition),
                    None if defines => {}
                    None if selection.is_strict => return Err(FeedError::NoDefinition(vec![market.instrument])),
                    None => drop(summary.undefined.insert(market.instrument, 0)),
                }
            }
            if let Some(count) = summary.undefined.get_mut(&market.instrument) {
                *count += 1;
                continue;
            }
            summary.items += 1;
            summary.totals.add_body(market.instrument, &market.body);
        }
        let source = selection.source.unwrap_or_else(|| scan.source.parse().expect("a format's source is a token"));
        let mut numberer = Numberer::new(source, session);
        if summary.items == 0 {
            return Err(FeedError::NoDefinition(summary.undefined.into_keys().collect()));
        }
        instruments.retain(|instrument, _| !summary.undefined.contains_key(instrument));
        let by_setup = instruments.iter().filter(|(_, defined)| !**defined).map(|(instrument, _)| *instrument);
        let by_setup: Vec<InstrumentId> = by_setup.collect();
        let definitions = definitions(setup, by_setup.iter().copied(), &mut numberer, first_received)?;
        summary.items += definitions.len() as u64;
        summary.instruments = instruments.keys().copied().collect();
        summary.assumed = scan.assumed();
        if setup.is_built_in() && !by_setup.is_empty() {
            let names = names(&by_setup);
            summary.assumed.push(format!("terms as in the built-in setup, as --setup gives no other: {names}"));
        }
        summary.skipped = scan.counts.skipped;
        summary.unreadable = scan.counts.unreadable;
        let merge = MergedFiles::open(selection)?;
        Ok(Self { definitions: definitions.into(), merge, numberer, instruments, summary })
    }
}

impl Iterator for Files {
    type Item = Result<Item, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(definition) = self.definitions.pop_front() {
            return Some(Ok(definition));
        }
        let undefined = &self.summary.undefined;
        let published = |one: &Result<ParsedMarket, FeedError>| {
            one.as_ref().map_or(true, |market| !undefined.contains_key(&market.instrument))
        };
        let market = match self.merge.find(published)? {
            Ok(market) => market,
            Err(error) => return Some(Err(error)),
        };
        let ParsedMarket { received, instrument, ts_event, body } = market;
        if !self.instruments.contains_key(&instrument) {
            // Possible only if the file has changed since it was opened.
            self.merge.stop();
            return Some(Err(FeedError::NoDefinition(vec![instrument])));
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
    is_strict: bool,
    counts: EntryCounts,
    failed: Option<FeedError>,
}

/// Counts of the entries that are not published.
#[derive(Default)]
struct EntryCounts {
    skipped: SkippedCounts,
    unreadable: UnreadableCounts,
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
    fn open(selection: &Selection) -> Result<Self, FeedError> {
        Self::new(selection.files.iter().map(|path| InputFile::open(path)), selection)
    }

    fn new(
        inputs: impl Iterator<Item = Result<InputFile, FeedError>>,
        selection: &Selection,
    ) -> Result<Self, FeedError> {
        let facts = GivenFacts { venue: selection.venue, zone: selection.zone.clone() };
        let (is_strict, counts) = (selection.is_strict, EntryCounts::default());
        let mut merge = Self { files: Vec::new(), source: "", is_strict, counts, failed: None };
        for input in inputs {
            let input = InputFile { facts: facts.clone(), ..input? };
            let (path, is_empty) = (input.path.clone(), input.head.is_empty());
            let (source, format) = formats::open(input, selection.instrument)?;
            if merge.files.is_empty() {
                merge.source = source;
            }
            merge.files.push(FileCursor { path, is_empty, format, latest: 0, next: None });
        }
        merge.refuse_unused(&facts)?;
        for file in &mut merge.files {
            let mut counts = EntryCounts::default();
            file.advance(&mut counts, is_strict)?;
            if file.next.is_none() {
                return Err(file.no_event(counts));
            }
            merge.counts.add(counts);
        }
        Ok(merge)
    }

    /// Fails if the format of every file states what is given.
    fn refuse_unused(&self, facts: &GivenFacts) -> Result<(), FeedError> {
        let Some(first) = self.files.first() else { return Ok(()) };
        let unused = |flag: String, stated| Err(FeedError::Contradicted { path: first.path.clone(), flag, stated });
        let is_used = |uses: fn(formats::NeededFacts) -> bool| self.files.iter().any(|file| uses(file.format.needs()));
        match facts {
            GivenFacts { venue: Some(venue), .. } if !is_used(|needs| needs.venue) => {
                unused(format!("--venue {venue}"), "its format states the venue")
            }
            GivenFacts { zone: Some(zone), .. } if !is_used(|needs| needs.zone) => {
                unused(format!("--tz {zone}"), "its times are counted from the epoch, in UTC")
            }
            _ => Ok(()),
        }
    }

    /// What was taken as given or assumed of the files read so far, with the file if that is not true of all.
    fn assumed(&self) -> Vec<String> {
        let mut statements: Vec<(String, Vec<&FileCursor>)> = Vec::new();
        for file in &self.files {
            for statement in file.format.assumed() {
                match statements.iter().position(|(other, _)| *other == statement) {
                    Some(at) => statements[at].1.push(file),
                    None if statements.len() <= ASSUMED_MAX => statements.push((statement, vec![file])),
                    None => {}
                }
            }
        }
        let with_files = |(statement, of): &(String, Vec<&FileCursor>)| {
            let others = of.len() - 1;
            let name =
                of[0].path.file_name().unwrap_or_default().to_string_lossy().replace(char::is_control, "\u{fffd}");
            match (of.len() == self.files.len(), others) {
                (true, _) => statement.clone(),
                (false, 0) => format!("{statement} ({name})"),
                (false, _) => format!("{statement} ({name} and {others} more)"),
            }
        };
        let mut words: Vec<String> = statements.iter().take(ASSUMED_MAX).map(with_files).collect();
        if statements.len() > ASSUMED_MAX {
            words.push("and more of this kind about the other files".into());
        }
        words
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
        self.failed = file.advance(&mut self.counts, self.is_strict).err();
        market.map(Ok)
    }
}

impl EntryCounts {
    fn add(&mut self, other: Self) {
        for (kind, count) in other.skipped {
            *self.skipped.entry(kind).or_default() += count;
        }
        for (kind, entries) in other.unreadable {
            let before = self.unreadable.get(kind).map_or(0, |known| known.count);
            let all = before + entries.count;
            self.unreadable.entry(kind).or_insert(entries).count = all;
        }
    }
}

impl FileCursor {
    /// Reads up to and including the next market event.
    fn advance(&mut self, counts: &mut EntryCounts, is_strict: bool) -> Result<(), FeedError> {
        let (mut failed_line, mut failures) = (0, 0);
        loop {
            let entry = match self.format.next() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(()),
                Err(error) => {
                    // A line holds at most as many events as a message: more errors would never end.
                    if let FeedError::Malformed { line, .. } = &error {
                        failures = if *line == failed_line { failures + 1 } else { 0 };
                        failed_line = *line;
                    }
                    if is_strict || failures > MESSAGE_EVENTS_MAX {
                        return Err(error);
                    }
                    defect::count(&mut counts.unreadable, error)?;
                    continue;
                }
            };
            self.latest = self.latest.max(entry.received);
            match entry.content {
                Content::Market(market) => {
                    self.next = Some(market);
                    return Ok(());
                }
                Content::Skipped(kind) => *counts.skipped.entry(kind).or_default() += 1,
            }
        }
    }

    /// The error of a file without market events: that of its first entry, if some cannot be read.
    fn no_event(&self, counts: EntryCounts) -> FeedError {
        let EntryCounts { skipped, unreadable } = counts;
        let first = unreadable.into_iter().min_by_key(|(_, entries)| entries.first.line);
        match first {
            Some((kind, entries)) => defect::error_of(kind, entries.first),
            None => FeedError::Empty { path: self.path.clone(), detail: content(self.is_empty, &skipped) },
        }
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
