//! The arguments of what only looks at a tape: `tape` and `trace`.

use clap::Args;
use tapedeck_replay::RangeBound;
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::ids::{FillId, InstrumentId, OrderId};
use tapedeck_schemas::record::Writer;

use crate::trace::chain::TraceQuery;

/// What `tape` prints.
#[derive(Debug, Clone, Args)]
pub struct TapeArgs {
    /// Which partition; all if not given.
    #[arg(long)]
    pub partition: Option<u16>,
    /// First fact: an offset (p0:1234.5), a sequence, a time (RFC 3339) or how long before the tape's end (-10m).
    #[arg(long, allow_hyphen_values = true, value_name = "PLACE")]
    pub from: Option<RangeBound>,
    /// Last fact, in the same forms; the present end if not given.
    #[arg(long, allow_hyphen_values = true, value_name = "PLACE")]
    pub to: Option<RangeBound>,
    /// Only what is about this instrument, its orders and its fills.
    #[arg(long, value_name = "VENUE.SYMBOL")]
    pub instrument: Option<InstrumentId>,
    /// Only this writer.
    #[arg(long)]
    pub writer: Option<Writer>,
    /// Only this kind, as OrderFilled.
    #[arg(long, value_parser = tapedeck_replay::parse_kind)]
    pub kind: Option<Kind>,
    /// Goes on as facts come, until Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// JSON lines.
    #[arg(long)]
    pub json: bool,
}

/// What `trace` traces.
#[derive(Debug, Clone, Args)]
pub struct TraceArgs {
    /// An order, a fill, an offset (p0:1234.5), or an entry of an inbox (inbox:12.3, command:12.0).
    pub id: TraceId,
    /// Which partition; the first that has it if not given.
    #[arg(long)]
    pub partition: Option<u16>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `trace` is asked about.
#[derive(Debug, Clone)]
pub struct TraceId {
    /// As it was written.
    pub text: String,
    /// The partition that it names.
    pub partition: Option<u16>,
    /// What it is.
    pub asked: TraceQuery,
}

impl std::str::FromStr for TraceId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let id = |partition, asked| Ok(Self { text: text.to_string(), partition, asked });
        for (inbox, writer) in [("inbox:", Writer::Ingest), ("command:", Writer::Control)] {
            if let Some(offset) = text.strip_prefix(inbox) {
                return id(None, TraceQuery::Inbox(writer, offset.parse().map_err(|e| format!("{e}"))?));
            }
        }
        if let (Ok(order), Ok(fill)) = (text.parse::<OrderId>(), text.parse::<FillId>()) {
            return id(None, TraceQuery::Id(order, fill));
        }
        match text.parse::<RangeBound>() {
            Ok(RangeBound::Offset(partition, offset)) => id(partition, TraceQuery::At(offset)),
            _ => Err(format!(
                "{text:?} is none of: an order's or a fill's id (32 hex digits), an offset as p0:1234.5, an entry of \
                 an inbox as inbox:12.3 or command:12.0"
            )),
        }
    }
}
