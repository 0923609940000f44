//! The queries of the demo's report.

/// One part of the report.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Key of the part in the report.
    pub name: &'static str,
    /// Names of the columns, in the order of the query.
    pub columns: &'static [&'static str],
    /// The SQL; every column is selected as text.
    pub sql: &'static str,
}

/// The parts, in the order of the report.
pub const QUERIES: &[Query] = &[
    Query {
        name: "market",
        columns: &[
            "partition",
            "instrument",
            "quotes",
            "trades",
            "notional",
            "quantity",
            "first",
            "last",
            "bid",
            "ask",
        ],
        sql: "SELECT partition::text, instrument, quotes::text, trades::text, trim_scale(notional)::text, \
              trim_scale(quantity)::text, trim_scale(first_price)::text, trim_scale(last_price)::text, \
              trim_scale(CASE WHEN bid_at = quote_at THEN last_bid END)::text, \
              trim_scale(CASE WHEN ask_at = quote_at THEN last_ask END)::text \
              FROM tapedeck.market_totals ORDER BY instrument, partition",
    },
    Query {
        name: "rejects",
        columns: &["reason", "count"],
        sql: "SELECT reason, sum(count)::text FROM tapedeck.rejects GROUP BY reason ORDER BY reason",
    },
    Query {
        name: "signals",
        columns: &["instrument", "count"],
        sql: "SELECT instrument, count(*)::text FROM tapedeck.signals GROUP BY instrument ORDER BY instrument",
    },
    Query {
        name: "orders",
        columns: &["status", "count"],
        sql: "SELECT coalesce(status, 'approved'), count(*)::text FROM tapedeck.orders GROUP BY 1 ORDER BY 1",
    },
    Query {
        name: "denials",
        columns: &["reason", "count"],
        sql: "SELECT coalesce(check_name, reason), count(*)::text FROM tapedeck.denials GROUP BY 1 ORDER BY 1",
    },
    Query {
        name: "executions",
        columns: &["liquidity", "fills", "partial", "notional"],
        sql: "SELECT liquidity, count(*)::text, count(*) FILTER (WHERE leaves > 0)::text, \
              trim_scale(sum(price * quantity))::text FROM tapedeck.fills GROUP BY 1 ORDER BY 1",
    },
    Query {
        name: "positions",
        columns: &["account", "strategy", "instrument", "quantity", "average_price", "realised", "fees"],
        sql: "SELECT account, strategy, instrument, trim_scale(quantity)::text, trim_scale(average_price)::text, \
              trim_scale(realised)::text, trim_scale(fees)::text FROM tapedeck.positions ORDER BY 1, 2, 3",
    },
    Query {
        name: "equity",
        columns: &["account", "currency", "cash", "position_value", "realised", "unrealised", "fees", "equity"],
        sql: "SELECT DISTINCT ON (account, currency) account, currency, trim_scale(cash)::text, \
              trim_scale(position_value)::text, trim_scale(realised)::text, trim_scale(unrealised)::text, \
              trim_scale(fees)::text, trim_scale(equity)::text \
              FROM tapedeck.equity ORDER BY account, currency, seq DESC, index DESC",
    },
    Query {
        name: "latency_us",
        columns: &["hop", "count", "p50", "p99"],
        sql: "WITH hops AS ( \
                SELECT 1 AS n, 'tape to signal' AS hop, s.stamp - r.stamp AS ns \
                  FROM tapedeck.signals s JOIN tapedeck.records r ON r.partition = s.partition AND r.seq = s.cause_seq \
                UNION ALL SELECT 2, 'signal to approval (risk)', o.approved_stamp - s.stamp FROM tapedeck.orders o \
                  JOIN tapedeck.signals s ON s.partition = o.partition AND s.seq = o.signal_seq \
                  AND s.index = o.signal_index \
                UNION ALL SELECT 3, 'approval to submission (execution)', submitted_stamp - approved_stamp \
                  FROM tapedeck.orders \
                UNION ALL SELECT 4, 'submission to acceptance (paper)', accepted_stamp - submitted_stamp \
                  FROM tapedeck.orders) \
              SELECT hop, count(ns)::text, \
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ns) / 1000)::numeric)::text, \
              round((percentile_cont(0.99) WITHIN GROUP (ORDER BY ns) / 1000)::numeric)::text \
              FROM hops WHERE ns IS NOT NULL GROUP BY n, hop ORDER BY n",
    },
];
