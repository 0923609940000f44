//! Market data files of any format: they yield the announced items, the same twice, or one error with file and line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tapedeck_feeds::{FeedError, Item, Payload, Selection, Setup};
use tapedeck_schemas::market;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// The name and packing of a file, selected by the first byte of an input.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Not packed, with this name.
    Plain(&'static str),
    /// Packed with gzip.
    Gzip,
    /// In a zip, with this name.
    Zip(&'static str),
    /// Not packed; the first line of the content is the name.
    Named,
    /// In a zip; the first line of the content is the name.
    ZipNamed,
}

/// The shapes, by the first byte of an input.
pub const SHAPES: [Shape; 10] = [
    Shape::Plain("market"),
    Shape::Plain("BTCUSDT-aggTrades-2024-08-08.csv"),
    Shape::Plain("oanda.zip"),
    Shape::Plain("market.gz"),
    Shape::Gzip,
    Shape::Zip("20140508_eurusd_tick_quote.csv"),
    Shape::Zip("BTCUSDT-trades-2024-08-08.csv"),
    Shape::Named,
    Shape::ZipNamed,
    Shape::Plain("BTCUSDT-1m-2024-08-08.csv"),
];

/// Most items to read of a file: a small gzip file can unpack to many.
const ITEMS_MAX: usize = 20_000;
/// Longest error without the path, in bytes.
const ERROR_BYTES_MAX: usize = 4096;

/// An instrument of Coinbase, so that its frames become events.
const COINBASE: &str = r#"
[[instrument]]
id = "coinbase.BTC-USD"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00000001"
min_notional = "0"
"#;

static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let text = Setup::default_toml().to_string() + COINBASE;
    Setup::parse("fuzz", &text).expect("the default setup with one more instrument")
});

/// The first byte selects the shape, the rest is the content.
pub fn check(input: &[u8]) {
    let Some((first, content)) = input.split_first() else { return };
    let folder = folder();
    let path = write(&folder, SHAPES[usize::from(*first) % SHAPES.len()], content);
    let mut selection = Selection { files: vec![path.clone()], ..Selection::default() };
    let mut read = read_items(&selection);
    // Some formats do not state the venue or the zone.
    for (venue, zone) in [("binance", ""), ("binance", "America/New_York")] {
        if matches!(read, Err(FeedError::NotStated { .. })) {
            selection = Selection { venue: venue.parse().ok(), zone: zone.parse().ok(), ..selection };
            read = read_items(&selection);
        }
    }
    let items = match read {
        Ok(items) => items,
        Err(error) => return assert_clear_error(&error, &path),
    };
    for item in &items {
        let Payload::Event(event) = &item.payload else { panic!("raw bytes from a file") };
        assert!(item.injected.is_none() && event.ts_recv > 0, "{item:?}");
        let read = market::decode(event.body.kind(), &market::encode(event));
        assert_eq!(read, [Ok(event.clone())], "the published event decodes differently");
    }
    assert_eq!(read_items(&selection).expect("it was read before"), items, "a second read differs");
}

/// A folder, in memory if possible.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("cannot create a folder")
}

fn write(folder: &TempDir, shape: Shape, content: &[u8]) -> PathBuf {
    let (name, bytes) = packed(shape, content);
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("cannot write a file");
    path
}

/// Name and bytes of a file of this shape.
pub fn packed(shape: Shape, content: &[u8]) -> (String, Vec<u8>) {
    match shape {
        Shape::Plain(name) => (name.to_string(), content.to_vec()),
        Shape::Gzip => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(content).expect("memory is written");
            ("market".into(), packer.finish().expect("memory is written"))
        }
        Shape::Zip(name) => ("market".into(), zipped(name, content)),
        Shape::Named | Shape::ZipNamed => {
            let (name, content) = split_name(content);
            let is_zip = matches!(shape, Shape::ZipNamed);
            if is_zip { ("market".into(), zipped(&name, content)) } else { (name, content.to_vec()) }
        }
    }
}

/// The first line, reduced to a valid file name, and the rest.
fn split_name(content: &[u8]) -> (String, &[u8]) {
    let end = content.iter().position(|byte| *byte == b'\n').unwrap_or(content.len());
    let text = String::from_utf8_lossy(&content[..end]);
    let legal = |c: &char| c.is_ascii_graphic() && *c != '/';
    let name: String = text.chars().filter(legal).take(80).collect();
    let is_empty = name.trim_matches('.').is_empty();
    let name = if is_empty { "market".into() } else { name };
    (name, content.get(end + 1..).unwrap_or_default())
}

fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).expect("it is a name");
    writer.write_all(content).expect("memory is written");
    writer.finish().expect("memory is written").into_inner()
}

/// The items of the file, up to [`ITEMS_MAX`]; their number must be the announced one.
fn read_items(selection: &Selection) -> Result<Vec<Item>, FeedError> {
    let (_, mut feed, announced) = tapedeck_feeds::open(selection, &SETUP)?;
    let items: Result<Vec<_>, _> = feed.by_ref().take(ITEMS_MAX).collect();
    let items = items.unwrap_or_else(|error| panic!("an error that open did not find: {error}"));
    assert_eq!(items.len() as u64, announced.min(ITEMS_MAX as u64), "announced {announced}");
    let summary = feed.summary();
    assert_eq!(summary.items, announced);
    for (kind, entries) in &summary.unreadable {
        let first = &entries.first;
        let is_plain = !first.excerpt.chars().any(char::is_control) && !first.detail.contains('\u{1b}');
        assert!(first.detail.len() + first.excerpt.len() <= ERROR_BYTES_MAX && is_plain, "{kind}: {first:?}");
    }
    Ok(items)
}

/// The error has the path and is bounded plain text.
fn assert_clear_error(error: &FeedError, path: &Path) {
    let text = error.to_string();
    let shown = path.display().to_string();
    assert!(text.len() <= ERROR_BYTES_MAX + shown.len(), "an error of {} bytes", text.len());
    let has_path = matches!(error, FeedError::NoDefinition(_)) || text.contains(&shown);
    let is_plain = !text.chars().any(|c| c.is_control() && c != '\n');
    assert!(has_path && is_plain, "{text:?}");
    if let FeedError::Malformed { detail, excerpt, .. } = error {
        assert!(!detail.is_empty() && !excerpt.is_empty(), "{text}");
    }
}
