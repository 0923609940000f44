-- A bar may be a part of one: `part` is its number among the parts, from 1; 0 for a whole bar.
ALTER TABLE tapedeck.bars_v1 ADD COLUMN part numeric NOT NULL DEFAULT 0;
CREATE OR REPLACE VIEW tapedeck.bars AS SELECT * FROM tapedeck.bars_v1;

-- Receive times, in ns, of the last bid, of the last ask, and of the last quote, which may lack either.
ALTER TABLE tapedeck.market_totals_v1 ADD COLUMN bid_at numeric;
ALTER TABLE tapedeck.market_totals_v1 ADD COLUMN ask_at numeric;
ALTER TABLE tapedeck.market_totals_v1 ADD COLUMN quote_at numeric;
CREATE OR REPLACE VIEW tapedeck.market_totals AS SELECT * FROM tapedeck.market_totals_v1;
