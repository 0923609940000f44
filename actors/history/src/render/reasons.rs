//! Typed reasons of trading decisions in words. Rewording changes no record and no row.

use tapedeck_schemas::event::{
    CancelReason, CancelRejection, Denial, OrderRejection, ReportType, RiskStateReason, Scope, StatusReason,
};

/// Why `risk` denied an order.
pub(super) fn denial(denial: &Denial) -> String {
    match denial {
        Denial::OverLimit { check, measured, limit } => format!("{check} {measured} is over the limit of {limit}"),
        Denial::NoQuote => "the instrument has no quote".into(),
        Denial::StaleQuote { age_ns, limit_ns } => too_old("the latest quote", *age_ns, *limit_ns),
        Denial::StaleDecision { age_ns, limit_ns } => too_old("the cause of the signal", *age_ns, *limit_ns),
        Denial::Halted { scope, level } => format!("{} is {level}", whole(scope)),
        Denial::LossOverLimit { loss, limit } => format!("the account is reducing: {}", lost(loss, limit)),
    }
}

/// Why the risk state changed.
pub(super) fn risk_state(reason: &RiskStateReason) -> String {
    match reason {
        RiskStateReason::Halted { level } => format!("an operator set {level}"),
        RiskStateReason::Resumed => "an operator resumed trading".into(),
        RiskStateReason::LossOverLimit { loss, limit } => lost(loss, limit),
    }
}

/// Why the status of an order changed.
pub(super) fn status(reason: &StatusReason) -> String {
    match reason {
        StatusReason::Accepted => "accepted".into(),
        StatusReason::FilledInPart => "filled in part".into(),
        StatusReason::Filled => "filled".into(),
        StatusReason::IocRemainder => "unfilled rest of an IOC order".into(),
        StatusReason::Canceled => "canceled".into(),
        StatusReason::TimedOut => "timed out".into(),
        StatusReason::Rejected { rejection } => order_rejection(rejection),
        StatusReason::CancelRejected { rejection } => format!("cancel rejected: {}", cancel_rejection(*rejection)),
        StatusReason::CancelSubmitted { cancel } => format!("cancel submitted: {}", cause_of_cancel(*cancel)),
        StatusReason::Halted { scope } => format!("{} is halted", whole(scope)),
        StatusReason::NoClock => "there is no clock to measure its age".into(),
        StatusReason::StaleApproval { age_ns, limit_ns } => too_old("the approval", *age_ns, *limit_ns),
        StatusReason::TooManyOrders { limit } => format!("{limit} orders are open, the limit"),
    }
}

/// Why the exchange rejected an order.
pub(super) fn order_rejection(rejection: &OrderRejection) -> String {
    match rejection {
        OrderRejection::UnknownInstrument => "the exchange does not know the instrument".into(),
        OrderRejection::OffTick { price, tick_size } => {
            format!("price {price} is no positive multiple of the tick size {tick_size}")
        }
        OrderRejection::OffLot { quantity, lot_size } => {
            format!("quantity {quantity} is no positive multiple of the lot size {lot_size}")
        }
        OrderRejection::RepeatedId => "an order with this id is working".into(),
        OrderRejection::TooManyOrders { limit } => format!("{limit} orders are working, the limit"),
    }
}

/// Why the exchange rejected a cancel.
pub(super) fn cancel_rejection(rejection: CancelRejection) -> &'static str {
    match rejection {
        CancelRejection::NotWorking => "the order is not working",
    }
}

/// The report that came too late.
pub(super) fn report(report: ReportType) -> &'static str {
    match report {
        ReportType::Approved => "approved",
        ReportType::Accepted => "accepted",
        ReportType::Rejected => "rejected",
        ReportType::Filled => "filled",
        ReportType::Closed => "closed",
        ReportType::CancelRejected => "cancel rejected",
        ReportType::CancelRequested => "cancel requested",
    }
}

fn cause_of_cancel(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested => "requested",
        CancelReason::TimedOut => "timed out",
        CancelReason::Halted => "halted",
    }
}

fn whole(scope: &Scope) -> String {
    match scope {
        Scope::All => "the partition".into(),
        Scope::Instrument(instrument) => instrument.to_string(),
    }
}

fn lost(loss: &impl std::fmt::Display, limit: &impl std::fmt::Display) -> String {
    format!("loss {loss} is over the limit of {limit}")
}

fn too_old(what: &str, age_ns: u64, limit_ns: u64) -> String {
    format!("{what} is {} old, over the limit of {}", milliseconds(age_ns), milliseconds(limit_ns))
}

/// A duration in ms, exact: `2000.000001 ms`.
fn milliseconds(ns: u64) -> String {
    format!("{} ms", tapedeck_schemas::number::Ratio::milliseconds_from_ns(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::event::HaltLevel;

    #[test]
    fn a_reason_in_words_has_its_values_with_units() {
        let stale = Denial::StaleQuote { age_ns: 2_000_000_001, limit_ns: 2_000_000_000 };
        assert_eq!(denial(&stale), "the latest quote is 2000.000001 ms old, over the limit of 2000 ms");
        let over = |text: &str| text.parse().unwrap();
        let over =
            Denial::OverLimit { check: "price_collar".parse().unwrap(), measured: over("0.03"), limit: over("0.02") };
        assert_eq!(denial(&over), "price_collar 0.03 is over the limit of 0.02");
        let scope = Scope::Instrument("sim.X".parse().unwrap());
        assert_eq!(denial(&Denial::Halted { scope, level: HaltLevel::Reducing }), "sim.X is reducing");
        let rejection = OrderRejection::OffTick { price: "1.5".parse().unwrap(), tick_size: "1".parse().unwrap() };
        assert_eq!(
            status(&StatusReason::Rejected { rejection }),
            "price 1.5 is no positive multiple of the tick size 1"
        );
    }
}
