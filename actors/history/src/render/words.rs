//! Facts in words, one line each. JSON has all fields.

use tapedeck_schemas::calendar::Calendar;
use tapedeck_schemas::event::{Event, Order};
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use time::OffsetDateTime;

use super::reasons;

/// A time in ns since the Unix epoch as RFC 3339, truncated to the millisecond.
pub fn readable_time(ns: u64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)) else { return ns.to_string() };
    let (date, clock) = (time.date(), time.time());
    let (hour, minute, second, ms) = clock.as_hms_milli();
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The main fields of a fact on one line, with control characters escaped.
pub fn words(event: &Event) -> String {
    one_line(&text(event))
}

/// Escapes control characters: text from a publisher could move the terminal's cursor.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

fn text(event: &Event) -> String {
    let who = |by: &str, reason: &str| format!("(by {by}: {reason})");
    match event {
        Event::Epoch(e) => format!("epoch {}, logic {}, build {}", e.number, e.logic, e.build),
        Event::Progress(_) => "decided up to its cause".into(),
        Event::TapeCreated(e) => format!("tape {} of {}", e.tape, e.placement.join(", ")),
        Event::Trimmed(e) => format!("records before {} purged", e.first_kept),
        Event::InstrumentDefined(e) => {
            let bars: Vec<String> = e.bars.iter().map(ToString::to_string).collect();
            let bars = if bars.is_empty() { "none".into() } else { bars.join(", ") };
            let sources: Vec<&str> = e.sources.iter().map(|source| source.as_str()).collect();
            let sources = if sources.is_empty() { String::new() } else { format!(", sources {}", sources.join(", ")) };
            let ends = |calendar: &Calendar| format!(", calendar to {}", readable_time(calendar.end()));
            let calendar = e.calendar.as_ref().map(ends).unwrap_or_default();
            format!(
                "{}: {} in {}, tick {}, lot {}, least notional {}, {} prices, trade ids {}, bars {bars}{sources}\
                 {calendar}",
                e.instrument, e.base, e.quote, e.tick_size, e.lot_size, e.min_notional, e.prices, e.trade_ids
            )
        }
        Event::Quote(e) => {
            let side = |name: &str, price: Option<Price>, size: Quantity| match price {
                Some(price) => format!("{name} {price} × {size}"),
                None => format!("no {name}"),
            };
            let (bid, ask) = (side("bid", e.bid, e.bid_size), side("ask", e.ask, e.ask_size));
            format!("{} {bid}, {ask}{}", e.instrument, if e.is_crossed() { ", crossed" } else { "" })
        }
        Event::Trade(e) => {
            let id = e.trade_id.as_ref().map(|id| format!(", trade {id}")).unwrap_or_default();
            format!("{} {} at {}, aggressor {}{id}", e.instrument, e.quantity, e.price, e.aggressor)
        }
        Event::Bar(e) => {
            let part = if e.part > 0 { format!(", part {}", e.part) } else { String::new() };
            let source = e.source.map(|source| format!(", published by {source}")).unwrap_or_default();
            format!(
                "{} {} from {} to {}: open {}, high {}, low {}, close {}, volume {}, {} events, {} late{part}{source}",
                e.instrument,
                e.bar,
                readable_time(e.opened),
                readable_time(e.closed),
                e.open,
                e.high,
                e.low,
                e.close,
                e.volume,
                e.count,
                e.late
            )
        }
        Event::CalendarEnded(e) => format!("{}: no trading session after {}", e.instrument, readable_time(e.closed)),
        Event::MarketHeartbeat(e) => format!("{} received {}", e.instrument, readable_time(e.ts_recv)),
        Event::ClockAdvanced(e) => readable_time(e.time),
        Event::Gap(e) => {
            format!("{} session {}, {}: expected {}, got {}", e.source, e.session, e.instrument, e.expected, e.got)
        }
        Event::TradeIdGap(e) => format!("{}: trade id {} was due, got {}", e.instrument, e.expected, e.got),
        Event::TradeIdsRestarted(e) => format!("{}: trade ids began anew at {} after {}", e.instrument, e.got, e.last),
        Event::Rejected(e) => {
            let source = e.source.map(|source| format!(", source {source}")).unwrap_or_default();
            let seq = e.seq.map(|seq| format!(" seq {seq}")).unwrap_or_default();
            format!("{}: {} (on {}{source}{seq})", e.reason, e.detail.words(), e.subject)
        }
        Event::RejectedMany(e) => {
            let source = e.source.map(|source| format!(" of source {source}")).unwrap_or_default();
            format!("{}: {}{source}", e.reason, e.words())
        }
        Event::LimitsSet(e) => {
            let values: Vec<String> = e.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{}: {} {}", e.scope, values.join(", "), who(&e.by, &e.reason))
        }
        Event::WeightsSet(e) => {
            let weights: Vec<String> = e.weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
            format!("{} {}", weights.join(", "), who(&e.by, &e.reason))
        }
        Event::TradingHalted(e) => format!("{}: {} {}", e.scope, e.level, who(&e.by, &e.reason)),
        Event::TradingResumed(e) => format!("{} {}", e.scope, who(&e.by, &e.reason)),
        Event::CancelRequested(e) => format!("order {} {}", e.order, who(&e.by, &e.reason)),
        Event::AccountFunded(e) => format!("{} with {} {} (by {})", e.account, e.amount, e.currency, e.by),
        Event::CommandRefused(e) => format!("{} (by {}, on {})", e.reason.words(), e.by, e.subject),
        Event::SignalRaised(e) => {
            let view = |(name, score, weight): &(_, Ratio, Ratio)| format!("{name} {score} × {weight}");
            let reasons: Vec<String> = e.reasons.iter().map(view).collect();
            let (target, confidence) = (e.target, e.confidence);
            format!("{} target {target}, confidence {confidence} ({})", e.instrument, reasons.join(", "))
        }
        Event::OrderApproved(e) => order(&e.order),
        Event::OrderDenied(e) => {
            format!("{}; {}", order(&e.order), reasons::denial(&e.denial))
        }
        Event::RiskStateChanged(e) => {
            format!("{}: {} → {}, {}", e.account, e.from, e.to, reasons::risk_state(&e.reason))
        }
        Event::OrderSubmitted(e) => order(&e.order),
        Event::CancelSubmitted(e) => format!("order {}: {}", e.order, e.reason),
        Event::OrderStatusChanged(e) => {
            format!("order {}: {} → {}, filled {} ({})", e.order, e.from, e.to, e.filled, reasons::status(&e.reason))
        }
        Event::LateReport(e) => format!("order {}: {}", e.order, reasons::report(e.report)),
        Event::OrderAccepted(e) => format!("order {}", e.order),
        Event::OrderRejected(e) => format!("order {}: {}", e.order, reasons::order_rejection(&e.reason)),
        Event::OrderFilled(e) => format!(
            "{} {} {} at {}, leaves {}, fee {} {}, {}; fill {} of order {}",
            e.side, e.quantity, e.instrument, e.price, e.leaves, e.fee, e.fee_currency, e.liquidity, e.fill, e.order
        ),
        Event::OrderClosed(e) => format!("order {}: {}, {} unfilled", e.order, e.reason, e.leaves),
        Event::CancelRejected(e) => format!("order {}: {}", e.order, reasons::cancel_rejection(e.reason)),
        Event::LedgerPosted(e) => {
            let line = |posting: &tapedeck_schemas::event::Posting| {
                format!("{} {} {}", posting.ledger, posting.amount, posting.currency)
            };
            format!("{}: {}", e.account, e.entries.iter().map(line).collect::<Vec<_>>().join(", "))
        }
        Event::PositionChanged(e) => format!(
            "{} {} {}: {} at {}, realised {}, fees {}",
            e.account, e.strategy, e.instrument, e.quantity, e.average_price, e.realised, e.fees
        ),
        Event::EquityMarked(e) => {
            let marked = e.marked_at.map(|at| format!(", oldest mark {}", readable_time(at))).unwrap_or_default();
            format!(
                "{}: equity {} {} (cash {}, positions {}, unrealised {}{marked})",
                e.account, e.equity, e.currency, e.cash, e.position_value, e.unrealised
            )
        }
    }
}

fn order(order: &Order) -> String {
    let Order { id, side, quantity, instrument, price, time_in_force, .. } = order;
    format!("{side} {quantity} {instrument} at {price} {time_in_force}; order {id}")
}

/// A signed duration, given in ns, as a whole number of µs (below 10 ms), ms (below 10 s) or s, rounded toward zero.
pub(crate) fn span(ns: i64) -> String {
    let (sign, ns) = (if ns < 0 { "−" } else { "+" }, ns.unsigned_abs());
    match ns {
        0..10_000_000 => format!("{sign}{} µs", ns / 1_000),
        10_000_000..10_000_000_000 => format!("{sign}{} ms", ns / 1_000_000),
        _ => format!("{sign}{} s", ns / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::event::{ClockAdvanced, MalformedDetail, RejectDetail, RejectReason, Rejected};

    #[test]
    fn words_stay_on_one_line_and_hold_no_control_characters() {
        let rejected = |value: &str| {
            let (field, value) = ("bid".parse().unwrap(), value.into());
            let detail = RejectDetail::Malformed { detail: MalformedDetail::OutOfRange { field, value } };
            words(&Event::from(Rejected {
                reason: RejectReason::Malformed,
                detail,
                subject: "md.a.b.quote".into(),
                source: None,
                seq: Some(7),
                instrument: None,
            }))
        };
        assert_eq!(
            rejected("−1"),
            "malformed: bid −1 is out of range (the greatest magnitude is 10000000000) (on md.a.b.quote seq 7)"
        );
        let escaped = rejected("\u{1b}[2J\n");
        assert!(escaped.starts_with("malformed: bid \\u{1b}[2J\\n is out of range "), "{escaped}");
    }

    #[test]
    fn a_clock_fact_is_a_time_and_spans_have_units() {
        assert_eq!(words(&ClockAdvanced { time: 1_723_161_254_500_000_000 }.into()), "2024-08-08T23:54:14.500Z");
        assert_eq!(span(812_345), "+812 µs");
        assert_eq!(span(-5_000), "−5 µs");
        assert_eq!(span(12_000_000), "+12 ms");
        assert_eq!(span(90_000_000_000), "+90 s");
    }
}
