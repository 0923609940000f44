//! The arguments that `tape`, `replay` and `trace` share: which tapes, which range of them, which facts.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tapedeck_history::{Filter, Range, RangeBound, parse_kind};
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::record::Writer;

/// One partition, or all.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Range")]
pub struct PartitionArgs {
    /// Number of the partition [default: all]
    #[arg(long, value_name = "N")]
    pub partition: Option<u16>,
}

/// How JSON gives times.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub struct TimesArgs {
    /// How JSON gives times in ns: text, which every reader keeps exact, or number
    #[arg(long, value_enum, default_value = "text")]
    times: TimesArg,
}

/// The forms of a time.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum TimesArg {
    /// Decimal digits as text
    Text,
    /// An integer, which JavaScript rounds
    Number,
}

impl TimesArgs {
    /// The form.
    pub fn times(self) -> JsonTimes {
        match self.times {
            TimesArg::Text => JsonTimes::Text,
            TimesArg::Number => JsonTimes::Number,
        }
    }
}

/// A range of the tapes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Range")]
pub struct RangeArgs {
    #[command(flatten)]
    partition: PartitionArgs,
    /// First fact: an offset (p0g1:1234.5), a sequence (1234), a time (RFC 3339) or an age before the end (-10m)
    /// [default: the first]. A time or an age is compared with the tape time (the time of the market) that was reached
    /// at the fact. The time printed with a fact can be earlier, and for facts of control it is the broker's
    #[arg(long, allow_hyphen_values = true, value_name = "BOUND")]
    from: Option<RangeBound>,
    /// Last fact, in the same forms [default: the last fact at the start of the command]
    #[arg(long, allow_hyphen_values = true, value_name = "BOUND")]
    to: Option<RangeBound>,
}

impl RangeArgs {
    /// The partition that is asked for.
    pub fn partition(&self) -> Option<u16> {
        self.partition.partition
    }

    /// The range.
    pub fn range(&self) -> Range {
        Range { from: self.from, to: self.to }
    }
}

/// A selection of facts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Only facts about these instruments (such as binance.BTCUSDT or nyse.BRK.B), their orders and their fills;
    /// includes facts of scope all, such as a halt of all instruments
    #[arg(long, value_delimiter = ',', value_name = "VENUE.SYMBOL")]
    instrument: Vec<InstrumentId>,
    /// Only facts of these kinds, such as OrderFilled
    #[arg(long, value_delimiter = ',', value_parser = kinds(), ignore_case = true, hide_possible_values = true)]
    kind: Vec<Kind>,
    /// Only facts of these writers, such as risk
    #[arg(long, value_delimiter = ',', value_parser = writers(), hide_possible_values = true)]
    writer: Vec<Writer>,
    /// Only facts about these strategies, their orders and their fills
    #[arg(long, value_delimiter = ',')]
    strategy: Vec<StrategyId>,
    /// Only facts about these accounts, their orders and their fills
    #[arg(long, value_delimiter = ',')]
    account: Vec<AccountId>,
}

/// The kinds of fact, by name: as a list, so that shells can complete them.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name()))
        .map(|name| parse_kind(&name).expect("a name of the list"))
}

/// The writers, by name.
fn writers() -> impl TypedValueParser<Value = Writer> {
    PossibleValuesParser::new(Writer::ALL.iter().map(|writer| writer.as_str()))
        .map(|name| name.parse().expect("a name of the list"))
}

impl FilterArgs {
    /// The filter; every fact passes if nothing is given.
    pub fn filter(&self) -> Filter {
        Filter {
            market_only: false,
            instruments: self.instrument.iter().copied().collect(),
            kinds: self.kind.iter().copied().collect(),
            writers: self.writer.iter().copied().collect(),
            strategies: self.strategy.iter().copied().collect(),
            accounts: self.account.iter().copied().collect(),
        }
    }

    /// The filter; market facts only, unless kinds, writers, strategies or accounts are given.
    pub fn market_filter(&self) -> Filter {
        let filter = self.filter();
        let Filter { kinds, writers, strategies, accounts, .. } = &filter;
        let market_only = kinds.is_empty() && writers.is_empty() && strategies.is_empty() && accounts.is_empty();
        Filter { market_only, ..filter }
    }
}
