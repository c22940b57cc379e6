-- Timers that are due ask whether a record of their key is parked, and a record that is read and has
-- to wait on raises those of its key. Hashed, because a record's key may be longer than a sorted index
-- takes, and parking it must not fail for that.
CREATE INDEX parked_key ON parked USING hash (record_key);
