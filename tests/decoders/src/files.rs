//! Files of market data in any format: read whole as promised, twice the same, or refused with one error that says
//! which file and which line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tapedeck_feeds::{FeedError, Item, Payload, Selection, Setup};
use tapedeck_schemas::market;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// What a file is named and wrapped in, as the first byte of an input picks it.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// As it is, by this name.
    Plain(&'static str),
    /// Packed with gzip.
    Gzip,
    /// In a zip, by this name.
    Zip(&'static str),
    /// As it is, by the name in its own first line.
    Named,
    /// In a zip, by the name in its own first line.
    ZipNamed,
}

/// The shapes in order.
pub const SHAPES: [Shape; 9] = [
    Shape::Plain("market"),
    Shape::Plain("BTCUSDT-aggTrades-2024-08-08.csv"),
    Shape::Plain("oanda.zip"),
    Shape::Plain("market.gz"),
    Shape::Gzip,
    Shape::Zip("20140508_eurusd_tick_quote.csv"),
    Shape::Zip("BTCUSDT-trades-2024-08-08.csv"),
    Shape::Named,
    Shape::ZipNamed,
];

/// Most items that are drawn of a file; gzip makes many of few bytes.
const ITEMS_MAX: usize = 20_000;
/// Longest error without the path, in bytes.
const ERROR_BYTES_MAX: usize = 4096;

static SETUP: LazyLock<Setup> = LazyLock::new(Setup::built_in);

/// The first byte picks the shape, the rest is the content.
pub fn check(input: &[u8]) {
    let Some((first, content)) = input.split_first() else { return };
    let folder = folder();
    let path = write(&folder, SHAPES[usize::from(*first) % SHAPES.len()], content);
    let selection = Selection { files: vec![path.clone()], ..Selection::default() };
    let items = match draw(&selection) {
        Ok(items) => items,
        Err(error) => return is_clear(&error, &path),
    };
    for item in &items {
        let Payload::Event(event) = &item.payload else { panic!("raw bytes from a file") };
        assert!(item.injected.is_none() && event.ts_recv > 0, "{item:?}");
        let read = market::decode(event.body.kind(), &market::encode(event));
        assert_eq!(read, [Ok(event.clone())], "what is published is not read back");
    }
    assert_eq!(draw(&selection).expect("it was read before"), items, "otherwise the second time");
}

/// A folder in memory where there is one; its path names one of LEAN's markets.
fn folder() -> TempDir {
    let mut builder = tempfile::Builder::new();
    let named = builder.prefix("oanda-");
    named.tempdir_in("/dev/shm").or_else(|_| named.tempdir()).expect("a folder can be made")
}

fn write(folder: &TempDir, shape: Shape, content: &[u8]) -> PathBuf {
    let (name, bytes) = wrapped(shape, content);
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the folder is ours");
    path
}

/// A file's name and bytes.
pub fn wrapped(shape: Shape, content: &[u8]) -> (String, Vec<u8>) {
    match shape {
        Shape::Plain(name) => (name.to_string(), content.to_vec()),
        Shape::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(content).expect("memory is written");
            ("market".into(), packer.finish().expect("memory is written"))
        }
        Shape::Zip(name) => ("market".into(), zipped(name, content)),
        Shape::Named | Shape::ZipNamed => {
            let (name, content) = own_name(content);
            let wrapped = matches!(shape, Shape::ZipNamed);
            if wrapped { ("market".into(), zipped(&name, content)) } else { (name, content.to_vec()) }
        }
    }
}

/// The first line as far as it can be a file's name, and the rest.
fn own_name(content: &[u8]) -> (String, &[u8]) {
    let end = content.iter().position(|byte| *byte == b'\n').unwrap_or(content.len());
    let text = String::from_utf8_lossy(&content[..end]);
    let legal = |c: &char| c.is_ascii_graphic() && *c != '/';
    let name: String = text.chars().filter(legal).take(80).collect();
    let unfit = name.trim_matches('.').is_empty();
    let name = if unfit { "market".into() } else { name };
    (name, content.get(end + 1..).unwrap_or_default())
}

fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).expect("it is a name");
    writer.write_all(content).expect("memory is written");
    writer.finish().expect("memory is written").into_inner()
}

/// What the file holds, up to a bound; as many as it promised, if it holds fewer.
fn draw(selection: &Selection) -> Result<Vec<Item>, FeedError> {
    let (_, mut feed, promised) = tapedeck_feeds::open(selection, &SETUP)?;
    let items: Result<Vec<_>, _> = feed.by_ref().take(ITEMS_MAX).collect();
    let items = items.unwrap_or_else(|error| panic!("right when opened, then: {error}"));
    assert_eq!(items.len() as u64, promised.min(ITEMS_MAX as u64), "promised {promised}");
    assert_eq!(feed.summary().items, promised);
    Ok(items)
}

/// One error: which file, and where in it.
fn is_clear(error: &FeedError, path: &Path) {
    let text = error.to_string();
    let shown = path.display().to_string();
    assert!(text.len() <= ERROR_BYTES_MAX + shown.len(), "an error of {} bytes", text.len());
    let names_it = matches!(error, FeedError::NoDefinition(_)) || text.contains(&shown);
    let plain = !text.chars().any(|c| c.is_control() && c != '\n');
    assert!(names_it && plain, "{text:?}");
    if let FeedError::Malformed { detail, excerpt, .. } = error {
        assert!(!detail.is_empty() && !excerpt.is_empty(), "{text}");
    }
}
