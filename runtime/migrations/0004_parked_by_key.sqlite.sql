-- Timers that are due ask whether a record of their key is parked, and a record that is read and has
-- to wait on raises those of its key.
CREATE INDEX parked_key ON parked (shard, record_key);
