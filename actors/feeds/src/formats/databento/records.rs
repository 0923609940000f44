//! The market events of DBN records.

use dbn::{BboMsg, BidAskPair, Mbp1Msg, RecordRef, Schema, TradeMsg, UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP};
use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Quantity};

use super::symbols::SymbolsById;
use crate::defect::{Defect, kind};
use crate::formats::{Content, FileEntry, ParsedMarket, bodies, instrument_as_spelled, named_or_given};

/// The action of a record that reports a trade.
const TRADE: u8 = b'T';
/// Units of a price for each 1e-9, which DBN counts.
const UNITS_PER_NANO: i128 = Price::ONE / 1_000_000_000;
const _: () = assert!(i64::MAX as i128 * UNITS_PER_NANO <= Price::MAX_UNITS);

/// Reads records of one schema.
pub(super) struct DbnEvents {
    schema: Schema,
    symbols: Symbols,
    /// The publisher of the quotes.
    publisher: Option<u16>,
}

/// The instruments of a file.
pub(super) struct Symbols {
    venue: Token,
    by_id: SymbolsById,
    given: Option<InstrumentId>,
    /// The only instrument id without a symbol that has the given instrument.
    unnamed: Option<u32>,
}

/// The entries of a record, one or two.
type Entries = (FileEntry, Option<FileEntry>);

impl DbnEvents {
    pub(super) fn new(schema: Schema, symbols: Symbols) -> Self {
        Self { schema, symbols, publisher: None }
    }

    /// The entries of a record.
    pub(super) fn read(&mut self, record: &RecordRef) -> Result<Entries, Defect> {
        let short = |e: dbn::Error| Defect::new(kind::FIELDS, format!("the record is malformed: {e}"));
        match self.schema {
            Schema::Trades if record.has::<TradeMsg>() => self.trade(record.try_get().map_err(short)?),
            Schema::Mbp1 | Schema::Tbbo if record.has::<Mbp1Msg>() => self.book(record.try_get().map_err(short)?),
            Schema::Bbo1S | Schema::Bbo1M if record.has::<BboMsg>() => self.sample(record.try_get().map_err(short)?),
            _ => Ok((skipped("other_record"), None)),
        }
    }

    fn trade(&mut self, trade: &TradeMsg) -> Result<Entries, Defect> {
        if trade.action as u8 != TRADE {
            return Ok((skipped("other_record"), None));
        }
        let at = RecordTimes::new(trade.ts_recv, trade.hd.ts_event)?;
        let body = trade_body(trade.price, trade.size, trade.side as u8)?;
        Ok((at.entry(&mut self.symbols, trade.hd.instrument_id, body)?, None))
    }

    fn book(&mut self, book: &Mbp1Msg) -> Result<Entries, Defect> {
        let id = book.hd.instrument_id;
        self.one_book(book.hd.publisher_id)?;
        let at = RecordTimes::new(book.ts_recv, book.hd.ts_event)?;
        let quote = at.entry(&mut self.symbols, id, Some(quote_body(&book.levels[0])))?;
        if book.action as u8 != TRADE {
            return Ok((quote, None));
        }
        let body = trade_body(book.price, book.size, book.side as u8)?;
        Ok((quote, Some(at.entry(&mut self.symbols, id, body)?)))
    }

    fn sample(&mut self, book: &BboMsg) -> Result<Entries, Defect> {
        self.one_book(book.hd.publisher_id)?;
        // Its ts_event is that of the last trade.
        let at = RecordTimes::new(book.ts_recv, UNDEF_TIMESTAMP)?;
        let body = Some(quote_body(&book.levels[0]));
        Ok((at.entry(&mut self.symbols, book.hd.instrument_id, body)?, None))
    }

    /// Fails if the quotes of a file are those of several books: they would alternate.
    fn one_book(&mut self, of_record: u16) -> Result<(), Defect> {
        match *self.publisher.get_or_insert(of_record) {
            first if first == of_record => Ok(()),
            first => {
                let whose = format!("a quote of publisher {of_record} after those of publisher {first}");
                Err(Defect::new(kind::VENUE, format!("{whose}: request a dataset of one book")))
            }
        }
    }
}

fn skipped(kind: &'static str) -> FileEntry {
    FileEntry { received: 0, content: Content::Skipped(kind) }
}

/// The times of a record, ns since the epoch.
struct RecordTimes {
    received: u64,
    ts_event: Option<u64>,
}

impl RecordTimes {
    fn new(ts_recv: u64, ts_event: u64) -> Result<Self, Defect> {
        let defined = |ns: &u64| *ns > 0 && *ns != UNDEF_TIMESTAMP;
        let undefined = || Defect::new(kind::TIME, "ts_recv is undefined, and is the receive time");
        let received = Some(ts_recv).filter(defined).ok_or_else(undefined)?;
        Ok(Self { received, ts_event: Some(ts_event).filter(defined) })
    }

    /// The entry of a body; `None` for a trade without a price.
    fn entry(&self, symbols: &mut Symbols, id: u32, body: Option<MarketBody>) -> Result<FileEntry, Defect> {
        let Self { received, ts_event } = *self;
        let content = match body {
            Some(body) => {
                let instrument = symbols.instrument(id, received)?;
                Content::Market(ParsedMarket { received, instrument, ts_event, body })
            }
            None => Content::Skipped("trade_without_price"),
        };
        Ok(FileEntry { received, content })
    }
}

impl Symbols {
    pub(super) fn new(venue: Token, by_id: SymbolsById, given: Option<InstrumentId>) -> Self {
        Self { venue, by_id, given, unnamed: None }
    }

    /// The instrument of an id at a time in ns since the epoch.
    fn instrument(&mut self, id: u32, ns: u64) -> Result<InstrumentId, Defect> {
        if let Some(symbol) = self.by_id.at(id, ns) {
            let named = instrument_as_spelled(self.venue.as_str(), symbol);
            let named = named.map_err(|defect| defect.within(&format!("instrument id {id}:")))?;
            return named_or_given(Some(named), self.given);
        }
        // A file without mappings may hold one instrument, which is then the given one.
        match self.given {
            Some(given) if *self.unnamed.get_or_insert(id) == id => Ok(given),
            _ => {
                let detail = format!(
                    "the header has no symbol for instrument id {id} at ts_recv {ns}: request the file with its \
                     symbols, or give --instrument for a file of one instrument"
                );
                Err(Defect::new(kind::SYMBOL, detail))
            }
        }
    }
}

/// A price of DBN, `None` if it is undefined.
fn price(nanos: i64) -> Option<Price> {
    (nanos != UNDEF_PRICE).then(|| Price::saturating_from_units(i128::from(nanos) * UNITS_PER_NANO))
}

/// A size of DBN; 0, unknown, if it is undefined.
fn size(size: u32) -> Quantity {
    if size == UNDEF_ORDER_SIZE { Quantity::ZERO } else { Quantity::whole(size.into()) }
}

/// The quote of a book. An undefined price is an absent side.
fn quote_body(level: &BidAskPair) -> MarketBody {
    let side = |nanos, count| price(nanos).map(|price| (price, size(count)));
    bodies::quote_of_sides(side(level.bid_px, level.bid_sz), side(level.ask_px, level.ask_sz))
}

/// The trade of a record; `None` if its price is undefined.
fn trade_body(nanos: i64, quantity: u32, side: u8) -> Result<Option<MarketBody>, Defect> {
    let aggressor = match side {
        b'A' => Aggressor::Seller,
        b'B' => Aggressor::Buyer,
        b'N' => Aggressor::Unknown,
        other => return Err(format!("side {:?} is none of A, B and N", char::from(other)).into()),
    };
    Ok(price(nanos).map(|price| bodies::trade_of(price, size(quantity), aggressor)))
}
