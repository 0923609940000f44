-- The first read models. Table names end with a version; readers use the view without it.
-- `partition`, `generation`, `seq` and `index` are an offset, as in `p0g1:1234.5`: `generation` is that of the tape to which
-- the record was appended first. `at` and the stamps are ns since the epoch. Numeric columns are exact. `reason` is the code of the reason, as in
-- `tapedeck schema tape`; `measured` and `limit_value` are in the unit of the limit, ages in ns.

-- The progress of each projection: `seq` is the last tape sequence whose rows are committed, `last_hash` the BLAKE3
-- hash of the message there (empty at the beginning), and `chains` holds for each writer the sequence and hash of its last record up to there, and the build of its last epoch. `generation` is that of
-- the tape. The rows of a partition are of one generation of one tape, so neither is part of the key.
CREATE TABLE tapedeck.projection_progress (
    partition integer NOT NULL,
    projection text NOT NULL,
    tape_id text NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    last_hash text NOT NULL,
    chains jsonb NOT NULL,
    PRIMARY KEY (partition, projection)
);

CREATE TABLE tapedeck.market_totals_v1 (
    partition bigint NOT NULL,
    instrument text NOT NULL,
    quotes bigint,
    trades bigint,
    notional numeric,
    quantity numeric,
    first_price numeric,
    last_price numeric,
    last_bid numeric,
    last_ask numeric,
    PRIMARY KEY (partition, instrument)
);
CREATE VIEW tapedeck.market_totals AS SELECT * FROM tapedeck.market_totals_v1;

CREATE TABLE tapedeck.bars_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    instrument text,
    bar text,
    opened numeric,
    closed numeric,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume numeric,
    count numeric,
    late numeric,
    source text,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.bars AS SELECT * FROM tapedeck.bars_v1;

CREATE TABLE tapedeck.rejects_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    reason text,
    code text,
    detail text,
    subject text,
    source text,
    instrument text,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.rejects AS SELECT * FROM tapedeck.rejects_v1;

CREATE TABLE tapedeck.controls_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    kind text,
    scope text,
    by text,
    detail text,
    reason text,
    measured numeric,
    limit_value numeric,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.controls AS SELECT * FROM tapedeck.controls_v1;

CREATE TABLE tapedeck.signals_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    cause_seq bigint,
    cause_index bigint,
    at bigint,
    stamp bigint,
    account text,
    strategy text,
    instrument text,
    target numeric,
    confidence numeric,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.signals AS SELECT * FROM tapedeck.signals_v1;

CREATE TABLE tapedeck.denials_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    cause_seq bigint,
    cause_index bigint,
    at bigint,
    stamp bigint,
    order_id text,
    account text,
    strategy text,
    instrument text,
    reason text,
    measured numeric,
    limit_value numeric,
    check_name text,
    scope text,
    level text,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.denials AS SELECT * FROM tapedeck.denials_v1;

CREATE TABLE tapedeck.orders_v1 (
    partition bigint NOT NULL,
    order_id text NOT NULL,
    account text,
    strategy text,
    instrument text,
    side text,
    quantity numeric,
    price numeric,
    time_in_force text,
    signal_seq bigint,
    signal_index bigint,
    approved_seq bigint,
    approved_stamp bigint,
    submitted_seq bigint,
    submitted_stamp bigint,
    accepted_stamp bigint,
    status text,
    filled numeric,
    reason text,
    PRIMARY KEY (partition, order_id)
);
CREATE VIEW tapedeck.orders AS SELECT * FROM tapedeck.orders_v1;

CREATE TABLE tapedeck.order_events_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    cause_seq bigint,
    cause_index bigint,
    at bigint,
    stamp bigint,
    order_id text,
    writer text,
    kind text,
    detail text,
    reason text,
    measured numeric,
    limit_value numeric,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.order_events AS SELECT * FROM tapedeck.order_events_v1;

CREATE TABLE tapedeck.fills_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    cause_seq bigint,
    cause_index bigint,
    at bigint,
    stamp bigint,
    fill_id text,
    order_id text,
    account text,
    strategy text,
    instrument text,
    side text,
    price numeric,
    quantity numeric,
    leaves numeric,
    fee numeric,
    fee_currency text,
    liquidity text,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.fills AS SELECT * FROM tapedeck.fills_v1;

CREATE TABLE tapedeck.positions_v1 (
    partition bigint NOT NULL,
    account text NOT NULL,
    strategy text NOT NULL,
    instrument text NOT NULL,
    quantity numeric,
    cost numeric,
    average_price numeric,
    realised numeric,
    fees numeric,
    seq bigint,
    index bigint,
    PRIMARY KEY (partition, account, strategy, instrument)
);
CREATE VIEW tapedeck.positions AS SELECT * FROM tapedeck.positions_v1;

CREATE TABLE tapedeck.equity_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    index bigint NOT NULL,
    at bigint,
    account text,
    currency text,
    cash numeric,
    position_value numeric,
    realised numeric,
    unrealised numeric,
    fees numeric,
    equity numeric,
    PRIMARY KEY (partition, generation, seq, index)
);
CREATE VIEW tapedeck.equity AS SELECT * FROM tapedeck.equity_v1;

CREATE TABLE tapedeck.records_v1 (
    partition bigint NOT NULL,
    generation bigint NOT NULL,
    seq bigint NOT NULL,
    writer text,
    events bigint,
    stamp bigint,
    PRIMARY KEY (partition, generation, seq)
);
CREATE VIEW tapedeck.records AS SELECT * FROM tapedeck.records_v1;
