//! Raw recordings of cryptofeed: a file for each connection, with the frames as they were received.
//!
//! Format: <https://github.com/bmoscon/cryptofeed>, `raw_data_collection.py`. A line is a frame (`<epoch s>: <frame>`),
//! or it begins with a URL: `<url> <-> <epoch s>` is a connection, `<url> <- <epoch s>: <text>` was sent, `<url> ->
//! <epoch s>: <text>` is a reply over HTTP. The receive time is that of the line, in decimal s since the epoch.
//!
//! Frames of Coinbase Exchange, of Binance's spot market and of its USD-M futures are read ([`super::coinbase`],
//! [`super::binance`]). The venue is that of the last connection in the file. If there is none (a recording continues
//! in further files), the form of a frame tells the venue; the file's name does not. A frame of another venue cannot be
//! read.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tapedeck_schemas::ids::{InstrumentId, Token};

use super::binance::{self, Frame, SPOT, TradeStreams, USD_M};
use super::coinbase::{self, COINBASE};
use super::times::{self, EpochTimes};
use super::{Content, FileEntry, FormatReader, cut, named_or_given, utf8};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;
use crate::lines::Lines;

/// The hosts whose frames are read, each with its venue.
const HOSTS: [(&str, &str); 8] = [
    ("stream.binance.com", SPOT),
    ("data-stream.binance.com", SPOT),
    ("data-stream.binance.vision", SPOT),
    ("fstream.binance.com", USD_M),
    ("ws-feed.exchange.coinbase.com", COINBASE),
    ("ws-direct.exchange.coinbase.com", COINBASE),
    ("ws-feed.pro.coinbase.com", COINBASE),
    ("ws-feed.gdax.com", COINBASE),
];

/// The parts of a line.
enum Line<'a> {
    /// A connection to a URL.
    Connected { url: &'a str },
    /// Neither a frame nor a connection; the name under which it is counted.
    Other(&'static str),
    /// A frame as received.
    Frame(&'a str),
}

/// The venue of the frames that follow.
enum FrameVenue {
    /// There was no connection line.
    Unnamed,
    Known(&'static str),
    /// The URL of a connection to a host that is not in [`HOSTS`].
    Unknown(String),
}

struct Cryptofeed {
    lines: Lines,
    given: Option<InstrumentId>,
    venue: FrameVenue,
    times: EpochTimes,
    streams: TradeStreams,
    /// Venues that no connection line names.
    by_form: BTreeSet<Token>,
}

pub(super) fn is(input: &InputFile) -> bool {
    parse(input.first_line()).is_ok()
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let streams = TradeStreams::new(input.path.clone(), |line| match parse(utf8(line).ok()?) {
        Ok((_, Line::Frame(frame))) => Some(frame),
        _ => None,
    });
    let (venue, times, by_form) = (FrameVenue::Unnamed, EpochTimes::default(), BTreeSet::new());
    Ok(Box::new(Cryptofeed { lines: Lines::new(input), given, venue, times, streams, by_form }))
}

impl FormatReader for Cryptofeed {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let parsed = read(line, &mut self.venue, self.given, &mut self.times);
        let (received, frame) = parsed.map_err(|defect| self.lines.malformed(defect))?;
        let content = self.streams.content(frame)?;
        if let (FrameVenue::Unnamed, Content::Market(market)) = (&self.venue, &content) {
            self.by_form.insert(market.instrument.venue);
        }
        Ok(Some(FileEntry { received, content }))
    }

    fn assumed(&self) -> Vec<String> {
        let told = |venue| format!("venue {venue} by the form of the frames: no line of a connection precedes them");
        self.by_form.iter().map(told).chain(self.times.assumed()).collect()
    }
}

/// The time of a line and its frame; a connection changes the venue.
fn read(
    line: &[u8],
    venue: &mut FrameVenue,
    given: Option<InstrumentId>,
    times: &mut EpochTimes,
) -> Result<(u64, Frame), Defect> {
    let (received, line) = parse(utf8(line)?)?;
    let frame = match line {
        Line::Connected { url } => {
            *venue = venue_of(url);
            Frame::Content(Content::Skipped("connection"))
        }
        Line::Other(kind) => Frame::Content(Content::Skipped(kind)),
        Line::Frame(json) => frame(json, received, venue, times)?,
    };
    if let Some(market) = frame.market() {
        named_or_given(Some(market.instrument), given)?;
    }
    Ok((received, frame))
}

/// The time of a line in ns since the epoch (0 if it has none), and its parts.
fn parse(line: &str) -> Result<(u64, Line<'_>), Defect> {
    const WANTED: &str = "want <epoch s>: <frame>, or <url> and one of <->, <-, ->";
    if line.starts_with("configuration: ") {
        return Ok((0, Line::Other("configuration")));
    }
    if let Some((url, rest)) = line.split_once(' ').filter(|(url, _)| url.contains("://")) {
        let (direction, rest) = rest.split_once(' ').ok_or(WANTED)?;
        let (time, line) = match direction {
            "<->" => (rest, Line::Connected { url }),
            "<-" => (rest.split_once(": ").ok_or(WANTED)?.0, Line::Other("request")),
            "->" => (rest.split_once(": ").ok_or(WANTED)?.0, Line::Other("http_reply")),
            _ => return Err(WANTED.into()),
        };
        return Ok((times::seconds(time)?, line));
    }
    let (time, frame) = line.split_once(": ").ok_or(WANTED)?;
    Ok((times::seconds(time)?, Line::Frame(frame)))
}

fn venue_of(url: &str) -> FrameVenue {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = after_scheme.split(['/', ':', '?', '#']).next().unwrap_or_default();
    match HOSTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(host)) {
        Some((_, venue)) => FrameVenue::Known(venue),
        None => FrameVenue::Unknown(cut(url)),
    }
}

fn frame(json: &str, received: u64, venue: &FrameVenue, times: &mut EpochTimes) -> Result<Frame, Defect> {
    let unknown = |detail: String| Defect::new(kind::VENUE, detail);
    let connected = match venue {
        FrameVenue::Known(venue) => Some(*venue),
        FrameVenue::Unnamed => None,
        FrameVenue::Unknown(url) => {
            return Err(unknown(format!("the venue of the connection to {url:?} is unknown; {}", wanted())));
        }
    };
    match connected.or_else(|| venue_by_form(json)) {
        None => Err(unknown(format!("a frame of an unknown venue, and no line of a connection; {}", wanted()))),
        Some(COINBASE) => coinbase::frame(json, received).map(Frame::Content),
        Some(_) => {
            let frame = binance::frame(json, received, times)?;
            if let (Some(connected), Some(market)) = (connected, frame.market())
                && market.instrument.venue.as_str() != connected
            {
                return Err(unknown(format!("a frame of {} on a connection to {connected}", market.instrument.venue)));
            }
            Ok(frame)
        }
    }
}

/// The keys of a frame that tell whose it is.
#[derive(Deserialize)]
struct FrameKeys {
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    product_id: Option<IgnoredAny>,
    channels: Option<IgnoredAny>,
    stream: Option<IgnoredAny>,
    data: Option<IgnoredAny>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<IgnoredAny>,
    e: Option<IgnoredAny>,
    #[serde(rename = "E")]
    event_time: Option<IgnoredAny>,
    s: Option<IgnoredAny>,
    u: Option<IgnoredAny>,
    #[serde(rename = "B")]
    bid_size: Option<IgnoredAny>,
}

/// The venue whose frames have the form of this one, [`SPOT`] for all of Binance; `None` if the form is unknown.
fn venue_by_form(json: &str) -> Option<&'static str> {
    let keys: FrameKeys = serde_json::from_str(json).ok()?;
    let all = |keys: &[&Option<IgnoredAny>]| keys.iter().all(|key| key.is_some());
    let is_coinbase = keys.kind.is_some() && (keys.product_id.is_some() || keys.channels.is_some());
    let is_binance = all(&[&keys.stream, &keys.data])
        || all(&[&keys.e, &keys.event_time, &keys.s])
        || all(&[&keys.s, &keys.u, &keys.bid_size])
        || keys.last_update_id.is_some();
    match (is_coinbase, is_binance) {
        (true, _) => Some(COINBASE),
        (false, true) => Some(SPOT),
        (false, false) => None,
    }
}

/// What is read, for an error.
fn wanted() -> String {
    let hosts: Vec<&str> = HOSTS.iter().map(|(host, _)| *host).collect();
    format!("want frames of {}", hosts.join(", "))
}
