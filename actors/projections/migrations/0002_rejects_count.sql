-- A row of rejects is a sum in a flood of invalid events: `count` is the number of its events.
ALTER TABLE tapedeck.rejects_v1 ADD COLUMN count bigint;
UPDATE tapedeck.rejects_v1 SET count = 1;
CREATE OR REPLACE VIEW tapedeck.rejects AS SELECT * FROM tapedeck.rejects_v1;
