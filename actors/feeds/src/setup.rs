//! The setup file: which instruments there are, and which funds, limits and weights to ask for; no addresses.
//!
//! It is read once to publish definitions and to send commands. What holds is what the tape says, never this file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use tapedeck_schemas::bar::{BARS_MAX, BarSpec};
use tapedeck_schemas::event::Scope;
use tapedeck_schemas::ids::{Currency, InstrumentId, StrategyId, TOKEN_BYTES_MAX, Token};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};

/// A setup, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    file: File,
}

/// What is wrong with a setup.
#[derive(Debug, thiserror::Error)]
#[error("setup {name}: {detail}")]
pub struct SetupError {
    /// The file, or what stands for it.
    pub name: String,
    /// What is wrong, with the key, the value and the fix.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    instrument: Vec<InstrumentSetup>,
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
    /// The bars that ingest builds of it.
    #[serde(default)]
    bars: Vec<BarSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fund {
    currency: Currency,
    amount: Money,
    /// Names the payment.
    #[serde(default = "initial")]
    reference: String,
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
    /// The text of the setup that holds unless another is given; also the example to copy.
    pub fn default_toml() -> &'static str {
        include_str!("../setup/default.toml")
    }

    /// The setup of [`Setup::default_toml`].
    pub fn built_in() -> Self {
        Self::parse("built-in", Self::default_toml()).expect("the built-in setup is right, as a test shows")
    }

    /// Reads a setup file.
    pub fn read(path: &Path) -> Result<Self, SetupError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) => Err(SetupError { name, detail: format!("cannot read it: {error}") }),
        }
    }

    /// Reads a setup from its text; `name` stands in errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, SetupError> {
        let error = |detail| SetupError { name: name.into(), detail };
        let file: File = toml::from_str(text).map_err(|e| {
            error(format!("{e}numbers are decimal strings, as tick_size = \"0.01\"; the built-in setup is an example"))
        })?;
        file.check().map_err(error)?;
        Ok(Self { file })
    }

    /// The instruments, in the order of the file.
    pub fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        self.file.instrument.iter().map(|one| one.id)
    }

    /// An instrument's terms, as they are published.
    pub fn definition(&self, id: &InstrumentId) -> Option<MarketBody> {
        let one = self.file.instrument.iter().find(|one| one.id == *id)?;
        let InstrumentSetup { base, quote, tick_size, lot_size, min_notional, .. } = *one;
        let bars = one.bars.clone();
        Some(MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, bars })
    }

    /// What to pay into each partition's account; the reference and the currency name a payment, whatever its amount.
    pub fn funds(&self) -> impl Iterator<Item = (&str, Currency, Money)> {
        self.file.fund.iter().map(|one| (one.reference.as_str(), one.currency, one.amount))
    }

    /// Which limits and parameters to set where.
    pub fn limits(&self) -> impl Iterator<Item = (Scope, Vec<(String, Ratio)>)> {
        let values = |one: &Limits| one.values.iter().map(|(name, value)| (name.clone(), *value)).collect();
        // A scope that does not parse was refused when the file was read.
        self.file.limits.iter().filter_map(move |one| Some((one.scope.parse().ok()?, values(one))))
    }

    /// Which weights to give the strategies.
    pub fn weights(&self) -> Vec<(StrategyId, Ratio)> {
        self.file.weights.iter().map(|(strategy, weight)| (*strategy, *weight)).collect()
    }
}

impl File {
    fn check(&self) -> Result<(), String> {
        let mut ids = BTreeSet::new();
        for one in &self.instrument {
            one.check().map_err(|wrong| format!("instrument {}: {wrong}", one.id))?;
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
                format!("limits: scope {:?} must be \"all\" or an instrument, as \"binance.BTCUSDT\"", limits.scope)
            })?;
            if matches!(scope, Scope::Instrument(id) if !ids.contains(&id)) {
                return Err(format!("limits: scope {scope} is no [[instrument]] of this file; add it or correct it"));
            }
            if limits.values.is_empty() {
                return Err(format!("limits of {scope}: values is empty; name a limit or leave the entry out"));
            }
        }
        match self.weights.iter().find(|(_, weight)| weight.is_negative()) {
            Some((strategy, weight)) => Err(format!("weights: {strategy} = {weight} must be 0 or more")),
            None => Ok(()),
        }
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
            return Err(format!("bars lists {}; at most {BARS_MAX} are built of an instrument", self.bars.len()));
        }
        let twice = self.bars.iter().enumerate().find(|(at, bar)| self.bars[..*at].contains(bar));
        if let Some((_, bar)) = twice {
            return Err(format!("bars lists {bar} twice; keep one"));
        }
        if self.base == self.quote {
            return Err(format!("base and quote are both {}; a price is of one in the other", self.base));
        }
        Ok(())
    }
}
