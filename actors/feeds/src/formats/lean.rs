//! LEAN's FX ticks: a zip of one `<yyyymmdd>_<symbol>_tick_quote.csv`, lines `ms since midnight,bid,ask`.
//!
//! Format: <https://github.com/QuantConnect/Lean/tree/master/Data/forex>. The format has no sizes; they are set to 0,
//! unknown. It states neither the venue nor the time zone, which differs between LEAN's venues: those of its OANDA
//! files are UTC, those of its FXCM files are UTC-05:00 all year. Both must be given.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use tapedeck_schemas::ids::InstrumentId;

use super::bodies::{self, SideText};
use super::naming::FileNaming;
use super::sheet::Sheet;
use super::{FileEntry, FormatReader, NeededFacts, ParsedMarket, RECEIVED_AT_EVENT, count};
use crate::defect::{Defect, kind};
use crate::input::InputFile;
use crate::{FeedError, Zone};

const MS_PER_DAY: u64 = 86_400_000;
const NAME_END: &str = "_tick_quote.csv";
const EXAMPLE: &str =
    "such as --venue oanda --tz UTC for LEAN's OANDA files, --venue fxcm --tz -05:00 for its FXCM files";

struct Lean {
    sheet: Sheet,
    instrument: InstrumentId,
    day: Date,
    zone: Zone,
    statements: Vec<String>,
}

pub(super) fn is(input: &InputFile) -> bool {
    input.name.ends_with(NAME_END)
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let named = input.name.strip_suffix(NAME_END).and_then(|name| name.split_once('_'));
    let Some((day, symbol)) = named.and_then(|(day, symbol)| Some((read_day(day)?, symbol))) else {
        let detail = format!("{:?} is not named <yyyymmdd>_<symbol>{NAME_END}", input.name);
        return Err(FeedError::malformed(&input.path, 0, detail, &[]));
    };
    let naming = FileNaming { symbol: Some(symbol), needs_zone: true, example: EXAMPLE };
    let (instrument, mut statements) = naming.instrument(&input, given)?;
    let zone = input.facts.zone.clone().expect("the naming needs the zone");
    statements.extend([
        format!("times are in {zone}, as --tz says"),
        format!("date {day} from the name of the file"),
        RECEIVED_AT_EVENT.into(),
        "sizes are unknown: the format has none".into(),
    ]);
    Ok(Box::new(Lean { sheet: Sheet::new(input, Vec::new(), |_| false), instrument, day, zone, statements }))
}

fn read_day(day: &str) -> Option<Date> {
    let digits = |range| count("day", day.get(range)?).ok();
    let (month, of_month) = (digits(4..6)?.try_into().ok()?, digits(6..8)?.try_into().ok()?);
    let day = Date::new(digits(0..4)?.try_into().ok()?, month, of_month).ok().filter(|_| day.len() == 8)?;
    (day >= date(1970, 1, 1)).then_some(day)
}

impl FormatReader for Lean {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        self.sheet.next(|cells| read(cells, self.instrument, self.day, &self.zone))
    }

    fn needs(&self) -> NeededFacts {
        NeededFacts { venue: true, zone: true }
    }

    fn assumed(&self) -> Vec<String> {
        self.statements.clone()
    }
}

fn read(cells: &[&str], instrument: InstrumentId, day: Date, zone: &Zone) -> Result<FileEntry, Defect> {
    let [time, bid, ask] = cells[..] else {
        let detail = format!("{} fields, want ms since midnight,bid,ask", cells.len());
        return Err(Defect::new(kind::FIELDS, detail));
    };
    let ms = count("ms since midnight", time)?;
    let bad = |detail: String| Defect::new(kind::TIME, detail);
    let local = day.to_datetime(jiff::civil::Time::midnight());
    let within = i64::try_from(ms).ok().filter(|_| ms < MS_PER_DAY);
    let local = within.and_then(|ms| local.checked_add(ms.milliseconds()).ok());
    let local = local.ok_or_else(|| bad(format!("ms since midnight {ms} is beyond the day")))?;
    let ns = zone.instant(local).map_err(bad)?;
    let side = |price| SideText { price, size: None };
    let body = bodies::quote(&side(("bid", bid)), &side(("ask", ask)), None)?;
    Ok(ParsedMarket { received: ns, instrument, ts_event: Some(ns), body }.into())
}
