-- Time of the oldest mark in a valuation, ns since the Unix epoch.
ALTER TABLE tapedeck.equity_v1 ADD COLUMN marked_at bigint;
CREATE OR REPLACE VIEW tapedeck.equity AS SELECT * FROM tapedeck.equity_v1;
