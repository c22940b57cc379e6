CREATE TABLE counted_purchases (
    purchase_id  TEXT NOT NULL,
    content_hash TEXT,
    purchased_at INTEGER,
    currency     TEXT,
    basket       TEXT,
    answers      INTEGER NOT NULL CHECK (answers >= 0),
    seen         BLOB NOT NULL,
    PRIMARY KEY (purchase_id),
    CHECK ((content_hash IS NULL) = (purchased_at IS NULL)),
    CHECK ((content_hash IS NULL) = (currency IS NULL)),
    CHECK ((content_hash IS NULL) = (basket IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE counted_movements (
    event_id TEXT NOT NULL,
    shard    INTEGER NOT NULL CHECK (shard >= 0),
    PRIMARY KEY (event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE windows (
    window_key                TEXT NOT NULL,
    size_micros               INTEGER NOT NULL CHECK (size_micros > 0),
    window_start              INTEGER NOT NULL,
    shard                     INTEGER NOT NULL CHECK (shard >= 0),
    purchases                 INTEGER NOT NULL CHECK (purchases >= 0),
    units                     INTEGER NOT NULL CHECK (units >= 0),
    authorised                INTEGER NOT NULL CHECK (authorised >= 0),
    declined                  INTEGER NOT NULL CHECK (declined >= 0),
    stock_rejected            INTEGER NOT NULL CHECK (stock_rejected >= 0),
    reservations_expired      INTEGER NOT NULL CHECK (reservations_expired >= 0),
    cancellation_requests     INTEGER NOT NULL CHECK (cancellation_requests >= 0),
    cancelled                 INTEGER NOT NULL CHECK (cancelled >= 0),
    at_risk                   INTEGER NOT NULL CHECK (at_risk >= 0),
    handed_over               INTEGER NOT NULL CHECK (handed_over >= 0),
    captured                  INTEGER NOT NULL CHECK (captured >= 0),
    capture_failed            INTEGER NOT NULL CHECK (capture_failed >= 0),
    refunded                  INTEGER NOT NULL CHECK (refunded >= 0),
    stock_received            INTEGER NOT NULL CHECK (stock_received >= 0),
    stock_adjusted            INTEGER NOT NULL,
    of_purchases_authorised   INTEGER NOT NULL CHECK (of_purchases_authorised >= 0),
    of_purchases_declined     INTEGER NOT NULL CHECK (of_purchases_declined >= 0),
    of_purchases_out_of_stock INTEGER NOT NULL CHECK (of_purchases_out_of_stock >= 0),
    of_purchases_cancelled    INTEGER NOT NULL CHECK (of_purchases_cancelled >= 0),
    of_purchases_captured     INTEGER NOT NULL CHECK (of_purchases_captured >= 0),
    late                      INTEGER NOT NULL CHECK (late >= 0),
    PRIMARY KEY (window_key),
    UNIQUE (size_micros, window_start, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE revenue (
    window_key     TEXT NOT NULL,
    currency       TEXT NOT NULL,
    size_micros    INTEGER NOT NULL CHECK (size_micros > 0),
    window_start   INTEGER NOT NULL,
    shard          INTEGER NOT NULL CHECK (shard >= 0),
    ordered_minor  INTEGER NOT NULL CHECK (ordered_minor >= 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor >= 0),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    PRIMARY KEY (window_key, currency),
    UNIQUE (size_micros, window_start, shard, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE customers (
    window_key   TEXT NOT NULL,
    size_micros  INTEGER NOT NULL CHECK (size_micros > 0),
    window_start INTEGER NOT NULL,
    shard        INTEGER NOT NULL CHECK (shard >= 0),
    registers    BLOB NOT NULL CHECK (length(registers) = 4096),
    PRIMARY KEY (window_key),
    UNIQUE (size_micros, window_start, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    item_key       TEXT NOT NULL,
    currency       TEXT NOT NULL,
    size_micros    INTEGER NOT NULL CHECK (size_micros > 0),
    window_start   INTEGER NOT NULL,
    shard          INTEGER NOT NULL CHECK (shard >= 0),
    item_id        INTEGER NOT NULL,
    ordered_units  INTEGER NOT NULL CHECK (ordered_units >= 0),
    ordered_minor  INTEGER NOT NULL CHECK (ordered_minor >= 0),
    captured_units INTEGER NOT NULL CHECK (captured_units >= 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor >= 0),
    refunded_units INTEGER NOT NULL CHECK (refunded_units >= 0),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    PRIMARY KEY (item_key, currency),
    UNIQUE (size_micros, window_start, shard, item_id, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE pairs (
    pair_key     TEXT NOT NULL,
    size_micros  INTEGER NOT NULL CHECK (size_micros > 0),
    window_start INTEGER NOT NULL,
    shard        INTEGER NOT NULL CHECK (shard >= 0),
    low_item_id  INTEGER NOT NULL,
    high_item_id INTEGER NOT NULL,
    baskets      INTEGER NOT NULL CHECK (baskets >= 0),
    PRIMARY KEY (pair_key),
    UNIQUE (size_micros, window_start, shard, low_item_id, high_item_id),
    CHECK (low_item_id < high_item_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX pairs_by_low_item ON pairs (low_item_id, window_start);

CREATE INDEX pairs_by_high_item ON pairs (high_item_id, window_start);
