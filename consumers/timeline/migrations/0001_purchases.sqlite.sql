CREATE TABLE purchases (
    purchase_id           TEXT PRIMARY KEY,
    status                TEXT NOT NULL CHECK (status IN (
        'accepted', 'paid', 'reserved', 'declined', 'out_of_stock', 'ready', 'shipping_requested',
        'handed_over', 'payment_overdue', 'completed', 'cancelled', 'refunded')),
    status_rank           INTEGER NOT NULL CHECK (status_rank BETWEEN 10 AND 80),
    status_at             INTEGER NOT NULL,
    first_at              INTEGER NOT NULL,
    content_hash          TEXT,
    customer_id           TEXT,
    total_minor           INTEGER CHECK (total_minor >= 0),
    currency              TEXT,
    channel               TEXT,
    delivery_tier         TEXT,
    written_version       INTEGER,
    accepted_at           INTEGER,
    authorised_at         INTEGER,
    declined_at           INTEGER,
    reserved_at           INTEGER,
    rejected_at           INTEGER,
    shipping_requested_at INTEGER,
    handed_over_at        INTEGER,
    capture_failed_at     INTEGER,
    captured_at           INTEGER,
    cancelled_at          INTEGER,
    refunded_at           INTEGER,
    cancel_reason         TEXT,
    cancel_requested_at   INTEGER,
    deliver_by            INTEGER,
    carrier               TEXT,
    tracking              TEXT,
    cancel_requests       INTEGER NOT NULL CHECK (cancel_requests >= 0),
    conflicts             INTEGER NOT NULL CHECK (conflicts >= 0),
    seen                  BLOB NOT NULL,
    CHECK ((content_hash IS NULL) = (total_minor IS NULL)),
    CHECK ((content_hash IS NULL) = (currency IS NULL)),
    CHECK ((content_hash IS NULL) = (accepted_at IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancel_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX purchases_by_time ON purchases (accepted_at);

CREATE TABLE purchase_events (
    purchase_id      TEXT NOT NULL REFERENCES purchases (purchase_id),
    entry_id         TEXT NOT NULL,
    event_id         TEXT NOT NULL,
    kind             TEXT NOT NULL,
    topic            TEXT NOT NULL,
    record_partition INTEGER NOT NULL CHECK (record_partition >= 0),
    record_offset    INTEGER NOT NULL CHECK (record_offset >= 0),
    occurred_at      INTEGER NOT NULL,
    recorded_at      INTEGER NOT NULL,
    applied_at       INTEGER NOT NULL,
    causation_id     TEXT,
    schema_version   INTEGER NOT NULL,
    traceparent      TEXT,
    summary          TEXT NOT NULL,
    PRIMARY KEY (purchase_id, entry_id)
) STRICT, WITHOUT ROWID;

-- By coordinates, for accounting. Not unique: a topic that was made anew counts from 0 again.
CREATE INDEX purchase_events_by_coordinates
    ON purchase_events (record_partition, topic, record_offset);
