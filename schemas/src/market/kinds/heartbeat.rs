//! The market kind `heartbeat`.

use crate::ids::InstrumentId;

market_kind! {
    /// A publisher is alive: a market event that carries only a time. It advances tape time and closes time bars.
    MarketHeartbeat accepts HeartbeatBody {
        /// Instrument whose time bars the heartbeat closes.
        instrument: InstrumentId,
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}
