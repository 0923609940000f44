//! The instrument of a file of one instrument whose format does not state the venue: flags say it, and the name of the
//! file has the symbol.

use tapedeck_schemas::ids::InstrumentId;

use super::instrument;
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;

/// What the name of a file states, and what flags must say.
pub(super) struct FileNaming<'a> {
    /// The symbol in the name of the file.
    pub(super) symbol: Option<&'a str>,
    /// Whether the times are local, so that a zone is needed.
    pub(super) needs_zone: bool,
    /// Examples of the flags.
    pub(super) example: &'static str,
}

impl FileNaming<'_> {
    /// The instrument, and statements of how it is known.
    pub(super) fn instrument(
        &self,
        input: &InputFile,
        given: Option<InstrumentId>,
    ) -> Result<(InstrumentId, Vec<String>), FeedError> {
        let venue = input.facts.venue;
        let lacks_venue = venue.is_none() && given.is_none();
        let lacks_zone = self.needs_zone && input.facts.zone.is_none();
        let not_stated = |missing: &str, give: String| {
            Err(FeedError::NotStated { path: input.path.clone(), missing: missing.into(), give })
        };
        match (lacks_venue, lacks_zone) {
            (true, true) => {
                return not_stated(
                    "the venue and the time zone",
                    format!("--venue NAME and --tz ZONE, {}", self.example),
                );
            }
            (true, false) => return not_stated("the venue", format!("--venue NAME, {}", self.example)),
            (false, true) => return not_stated("the time zone", format!("--tz ZONE, {}", self.example)),
            (false, false) => {}
        }
        let contradicted = |detail| {
            let defect = Defect::new(kind::INSTRUMENT, detail);
            Err(FeedError::malformed(&input.path, 0, defect, input.name.as_bytes()))
        };
        if let (Some(venue), Some(given)) = (venue, given)
            && venue != given.venue
        {
            return contradicted(format!("--venue is {venue}, and --instrument is {given}: leave one out"));
        }
        let by_name = |symbol| format!("symbol {symbol} from the name of the file");
        match (self.symbol, given, venue) {
            (Some(symbol), Some(given), _) if bare(symbol) != bare(&given.symbol.to_string()) => contradicted(format!(
                "the symbol in the name of the file is {:?}, and --instrument is {given}: leave --instrument out",
                super::cut(symbol)
            )),
            (_, Some(given), _) => Ok((given, vec![format!("instrument {given}, as --instrument says")])),
            (Some(symbol), None, Some(venue)) => {
                let named = instrument(venue.as_str(), symbol);
                let named =
                    named.map_err(|defect| FeedError::malformed(&input.path, 0, defect, input.name.as_bytes()))?;
                Ok((named, vec![format!("venue {venue}, as --venue says"), by_name(named.symbol)]))
            }
            (None, None, _) | (_, None, None) => not_stated("the symbol", "--instrument VENUE.SYMBOL".into()),
        }
    }
}

/// The letters and digits of a symbol, in upper case: names of files have no others (EURUSD for EUR/USD).
fn bare(symbol: &str) -> String {
    symbol.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}
