-- A bar may be a part of one: `part` is its number among the parts, from 1; 0 for a whole bar.
ALTER TABLE tapedeck.bars_v1 ADD COLUMN part numeric;
UPDATE tapedeck.bars_v1 SET part = 0;
CREATE OR REPLACE VIEW tapedeck.bars AS SELECT * FROM tapedeck.bars_v1;
