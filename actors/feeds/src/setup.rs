//! The setup file: definitions of instruments, and the funds, limits and weights to request; no addresses.
//!
//! It is read once, to publish definitions and to send commands. In effect is what the tape records, not this file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use tapedeck_schemas::bar::{BARS_MAX, BarAlign, BarSpec};
use tapedeck_schemas::calendar::Calendar;
use tapedeck_schemas::event::Scope;
use tapedeck_schemas::ids::{Currency, InstrumentId, SourceId, StrategyId, TOKEN_BYTES_MAX, Token};
use tapedeck_schemas::market::{DEFINITION_SOURCES_MAX, DefinitionBody, MarketBody, PriceDomain, TradeIdOrder};
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};

use crate::calendar::{CalendarChoice, CalendarRules};

/// A validated setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    file: File,
    calendars: BTreeMap<InstrumentId, Calendar>,
    is_built_in: bool,
}

/// Why a setup is invalid.
#[derive(Debug, thiserror::Error)]
#[error("setup {name}: {detail}")]
pub struct SetupError {
    /// The file's path, or `built-in`.
    pub name: String,
    /// The defect, with the key, the value and the fix.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    instrument: Vec<InstrumentSetup>,
    /// Calendars by the name under which instruments refer to them.
    #[serde(default)]
    calendar: BTreeMap<String, CalendarRules>,
    #[serde(default)]
    fund: Vec<Fund>,
    #[serde(default)]
    limits: Vec<Limits>,
    #[serde(default)]
    weights: BTreeMap<StrategyId, Ratio>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentSetup {
    id: InstrumentId,
    base: Currency,
    quote: Currency,
    tick_size: Price,
    lot_size: Quantity,
    min_notional: Money,
    /// The bars that ingest builds.
    #[serde(default)]
    bars: Vec<BarSpec>,
    /// The prices that the instrument may have.
    #[serde(default = "positive")]
    prices: PriceDomain,
    /// How the venue's ids of trades follow each other.
    #[serde(default = "in_any_order")]
    trade_ids: TradeIdOrder,
    /// The sources that may publish on the instrument; any, if none is named.
    #[serde(default)]
    sources: BTreeSet<SourceId>,
    /// The trading sessions of bars with `-session`.
    calendar: Option<CalendarChoice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fund {
    currency: Currency,
    amount: Money,
    /// Identifies the payment, together with the currency.
    #[serde(default = "initial")]
    reference: String,
}

fn positive() -> PriceDomain {
    PriceDomain::Positive
}

fn in_any_order() -> TradeIdOrder {
    TradeIdOrder::Any
}

fn initial() -> String {
    "initial".into()
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    scope: String,
    values: BTreeMap<String, Ratio>,
}

impl Setup {
    /// The text of the built-in setup: the default, and the example to copy.
    pub fn default_toml() -> &'static str {
        include_str!("../setup/default.toml")
    }

    /// The setup of [`Setup::default_toml`].
    pub fn built_in() -> Self {
        let setup =
            Self::parse("built-in", Self::default_toml()).expect("the built-in setup is valid, as a test shows");
        Self { is_built_in: true, ..setup }
    }

    /// Whether it is that of [`Setup::default_toml`].
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Reads a setup file.
    pub fn read(path: &Path) -> Result<Self, SetupError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => Err(SetupError { name, detail: format!("cannot read the file: {error}") }),
        }
    }

    /// Parses a setup; `name` is for errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, SetupError> {
        let error = |detail| SetupError { name: name.into(), detail };
        let file: File = toml::from_str(text).map_err(|e| {
            error(format!("{e}numbers with decimals are text, as in tick_size = \"0.01\"; see the built-in setup"))
        })?;
        file.check().map_err(error)?;
        let calendars = file.calendars().map_err(error)?;
        Ok(Self { file, calendars, is_built_in: false })
    }

    /// The instruments, in the order of the file.
    pub fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        self.file.instrument.iter().map(|one| one.id)
    }

    /// The definition of an instrument to publish.
    pub fn definition(&self, id: &InstrumentId) -> Option<MarketBody> {
        let one = self.file.instrument.iter().find(|one| one.id == *id)?;
        let InstrumentSetup { base, quote, tick_size, lot_size, min_notional, prices, trade_ids, .. } = *one;
        let (bars, sources) = (one.bars.clone(), one.sources.iter().copied().collect());
        let calendar = self.calendars.get(id).cloned();
        let body = DefinitionBody {
            base,
            quote,
            tick_size,
            lot_size,
            min_notional,
            bars,
            prices,
            trade_ids,
            sources,
            calendar,
        };
        Some(body.into())
    }

    /// Reference, currency and amount of each payment into a partition's account. Reference and currency identify the
    /// payment.
    pub fn funds(&self) -> impl Iterator<Item = (&str, Currency, Money)> {
        self.file.fund.iter().map(|one| (one.reference.as_str(), one.currency, one.amount))
    }

    /// Limits and parameters to set, by scope.
    pub fn limits(&self) -> impl Iterator<Item = (Scope, Vec<(String, Ratio)>)> {
        let values = |one: &Limits| one.values.iter().map(|(name, value)| (name.clone(), *value)).collect();
        // `check` has refused scopes that do not parse.
        self.file.limits.iter().filter_map(move |one| Some((one.scope.parse().ok()?, values(one))))
    }

    /// Weights to set for the strategies.
    pub fn weights(&self) -> Vec<(StrategyId, Ratio)> {
        self.file.weights.iter().map(|(strategy, weight)| (*strategy, *weight)).collect()
    }
}

impl File {
    fn check(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for one in &self.instrument {
            one.check().map_err(|detail| format!("instrument {}: {detail}", one.id))?;
            if !ids.insert(one.id) {
                return Err(format!("instrument {}: id is given twice; keep one", one.id));
            }
        }
        let mut payments = BTreeSet::new();
        for Fund { currency, amount, reference } in &self.fund {
            if !amount.is_positive() {
                return Err(format!("fund {currency}: amount {amount} must be above 0"));
            }
            if reference.parse::<Token>().is_err() {
                return Err(format!("fund {currency}: reference must be 1 to {TOKEN_BYTES_MAX} of A-Z a-z 0-9 - _"));
            }
            if !payments.insert((currency, reference)) {
                return Err(format!(
                    "fund {currency}: currency is given twice; add the amounts up, or give each its own reference"
                ));
            }
        }
        for limits in &self.limits {
            let scope: Scope = limits.scope.parse().map_err(|_| {
                format!("limits: scope {:?} must be \"all\" or an instrument such as \"binance.BTCUSDT\"", limits.scope)
            })?;
            if matches!(scope, Scope::Instrument(id) if !ids.contains(&id)) {
                return Err(format!("limits: scope {scope} is not an [[instrument]] of this file; add or correct it"));
            }
            if limits.values.is_empty() {
                return Err(format!("limits of {scope}: values is empty; add a limit or remove the entry"));
            }
        }
        match self.weights.iter().find(|(_, weight)| weight.is_negative()) {
            Some((strategy, weight)) => Err(format!("weights: {strategy} = {weight} must be 0 or more")),
            None => Ok(()),
        }
    }
}

impl File {
    /// The calendar of each instrument that has one. A named one is resolved once.
    fn calendars(&self) -> Result<BTreeMap<InstrumentId, Calendar>, String> {
        let mut named = BTreeMap::new();
        for (name, rules) in &self.calendar {
            let calendar = rules.resolve().map_err(|detail| format!("calendar {name}: {detail}"))?;
            named.insert(name.as_str(), calendar);
        }
        let mut calendars = BTreeMap::new();
        for one in &self.instrument {
            let calendar = match &one.calendar {
                None => continue,
                Some(CalendarChoice::Own(rules)) => rules.resolve(),
                Some(CalendarChoice::Named(name)) => {
                    let missing = || format!("there is no [calendar.{name}] in this file; add it or correct the name");
                    named.get(name.as_str()).cloned().ok_or_else(missing)
                }
            };
            let calendar = calendar.map_err(|detail| format!("instrument {}: calendar: {detail}", one.id))?;
            calendars.insert(one.id, calendar);
        }
        Ok(calendars)
    }
}

impl InstrumentSetup {
    fn check(&self) -> Result<(), String> {
        if !self.tick_size.is_positive() {
            return Err(format!("tick_size {} must be above 0", self.tick_size));
        }
        if !self.lot_size.is_positive() {
            return Err(format!("lot_size {} must be above 0", self.lot_size));
        }
        if self.min_notional.is_negative() {
            return Err(format!("min_notional {} must be 0 or more", self.min_notional));
        }
        if self.bars.len() > BARS_MAX {
            return Err(format!("bars lists {}; at most {BARS_MAX} are allowed", self.bars.len()));
        }
        if self.sources.len() > DEFINITION_SOURCES_MAX {
            return Err(format!("sources lists {}; at most {DEFINITION_SOURCES_MAX} are allowed", self.sources.len()));
        }
        let repeated = self.bars.iter().enumerate().find(|(at, bar)| self.bars[..*at].contains(bar));
        if let Some((_, bar)) = repeated {
            return Err(format!("bars lists {bar} twice; keep one"));
        }
        let by_session = self.bars.iter().find(|bar| bar.align == BarAlign::Session);
        if let Some(bar) = by_session.filter(|_| self.calendar.is_none()) {
            return Err(format!("bars lists {bar}, which is by trading sessions; add a calendar"));
        }
        if self.base == self.quote {
            return Err(format!("base and quote are both {}; they must differ", self.base));
        }
        Ok(())
    }
}
