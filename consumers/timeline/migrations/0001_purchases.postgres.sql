CREATE TABLE purchases (
    purchase_id           TEXT COLLATE "C" PRIMARY KEY,
    status                TEXT NOT NULL CHECK (status IN (
        'accepted', 'paid', 'reserved', 'declined', 'out_of_stock', 'ready', 'shipping_requested',
        'handed_over', 'payment_overdue', 'completed', 'cancelled', 'refunded')),
    status_rank           BIGINT NOT NULL CHECK (status_rank BETWEEN 10 AND 80),
    status_at             BIGINT NOT NULL,
    first_at              BIGINT NOT NULL,
    content_hash          TEXT,
    customer_id           TEXT,
    total_minor           BIGINT CHECK (total_minor >= 0),
    currency              TEXT,
    channel               TEXT,
    delivery_tier         TEXT,
    written_version       BIGINT,
    accepted_at           BIGINT,
    authorised_at         BIGINT,
    declined_at           BIGINT,
    reserved_at           BIGINT,
    rejected_at           BIGINT,
    shipping_requested_at BIGINT,
    handed_over_at        BIGINT,
    capture_failed_at     BIGINT,
    captured_at           BIGINT,
    cancelled_at          BIGINT,
    refunded_at           BIGINT,
    cancel_reason         TEXT,
    cancel_requested_at   BIGINT,
    deliver_by            BIGINT,
    carrier               TEXT,
    tracking              TEXT,
    cancel_requests       BIGINT NOT NULL CHECK (cancel_requests >= 0),
    conflicts             BIGINT NOT NULL CHECK (conflicts >= 0),
    seen                  BYTEA NOT NULL,
    CHECK ((content_hash IS NULL) = (total_minor IS NULL)),
    CHECK ((content_hash IS NULL) = (currency IS NULL)),
    CHECK ((content_hash IS NULL) = (accepted_at IS NULL)),
    CHECK ((cancelled_at IS NULL) = (cancel_reason IS NULL))
);

CREATE INDEX purchases_by_time ON purchases (accepted_at);

CREATE TABLE purchase_events (
    purchase_id      TEXT COLLATE "C" NOT NULL REFERENCES purchases (purchase_id),
    entry_id         TEXT COLLATE "C" NOT NULL,
    event_id         TEXT NOT NULL,
    kind             TEXT NOT NULL,
    topic            TEXT NOT NULL,
    record_partition BIGINT NOT NULL CHECK (record_partition >= 0),
    record_offset    BIGINT NOT NULL CHECK (record_offset >= 0),
    occurred_at      BIGINT NOT NULL,
    recorded_at      BIGINT NOT NULL,
    applied_at       BIGINT NOT NULL,
    causation_id     TEXT,
    schema_version   BIGINT NOT NULL,
    traceparent      TEXT,
    summary          TEXT NOT NULL,
    PRIMARY KEY (purchase_id, entry_id)
);

-- By coordinates, for accounting. Not unique: a topic that was made anew counts from 0 again.
CREATE INDEX purchase_events_by_coordinates
    ON purchase_events (record_partition, topic, record_offset);
