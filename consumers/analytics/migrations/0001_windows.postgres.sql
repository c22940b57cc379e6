CREATE TABLE counted_purchases (
    purchase_id  TEXT COLLATE "C" NOT NULL,
    content_hash TEXT,
    purchased_at BIGINT,
    currency     TEXT,
    basket       TEXT,
    answers      BIGINT NOT NULL CHECK (answers >= 0),
    seen         BYTEA NOT NULL,
    PRIMARY KEY (purchase_id),
    CHECK ((content_hash IS NULL) = (purchased_at IS NULL)),
    CHECK ((content_hash IS NULL) = (currency IS NULL)),
    CHECK ((content_hash IS NULL) = (basket IS NULL))
);

CREATE TABLE counted_movements (
    event_id TEXT COLLATE "C" NOT NULL,
    shard    BIGINT NOT NULL CHECK (shard >= 0),
    PRIMARY KEY (event_id)
);

CREATE TABLE windows (
    window_key                TEXT COLLATE "C" NOT NULL,
    size_micros               BIGINT NOT NULL CHECK (size_micros > 0),
    window_start              BIGINT NOT NULL,
    shard                     BIGINT NOT NULL CHECK (shard >= 0),
    purchases                 BIGINT NOT NULL CHECK (purchases >= 0),
    units                     BIGINT NOT NULL CHECK (units >= 0),
    authorised                BIGINT NOT NULL CHECK (authorised >= 0),
    declined                  BIGINT NOT NULL CHECK (declined >= 0),
    stock_rejected            BIGINT NOT NULL CHECK (stock_rejected >= 0),
    reservations_expired      BIGINT NOT NULL CHECK (reservations_expired >= 0),
    cancellation_requests     BIGINT NOT NULL CHECK (cancellation_requests >= 0),
    cancelled                 BIGINT NOT NULL CHECK (cancelled >= 0),
    at_risk                   BIGINT NOT NULL CHECK (at_risk >= 0),
    handed_over               BIGINT NOT NULL CHECK (handed_over >= 0),
    captured                  BIGINT NOT NULL CHECK (captured >= 0),
    capture_failed            BIGINT NOT NULL CHECK (capture_failed >= 0),
    refunded                  BIGINT NOT NULL CHECK (refunded >= 0),
    stock_received            BIGINT NOT NULL CHECK (stock_received >= 0),
    stock_adjusted            BIGINT NOT NULL,
    of_purchases_authorised   BIGINT NOT NULL CHECK (of_purchases_authorised >= 0),
    of_purchases_declined     BIGINT NOT NULL CHECK (of_purchases_declined >= 0),
    of_purchases_out_of_stock BIGINT NOT NULL CHECK (of_purchases_out_of_stock >= 0),
    of_purchases_cancelled    BIGINT NOT NULL CHECK (of_purchases_cancelled >= 0),
    of_purchases_captured     BIGINT NOT NULL CHECK (of_purchases_captured >= 0),
    late                      BIGINT NOT NULL CHECK (late >= 0),
    PRIMARY KEY (window_key),
    UNIQUE (size_micros, window_start, shard)
);

CREATE TABLE revenue (
    window_key     TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    size_micros    BIGINT NOT NULL CHECK (size_micros > 0),
    window_start   BIGINT NOT NULL,
    shard          BIGINT NOT NULL CHECK (shard >= 0),
    ordered_minor  BIGINT NOT NULL CHECK (ordered_minor >= 0),
    captured_minor BIGINT NOT NULL CHECK (captured_minor >= 0),
    refunded_minor BIGINT NOT NULL CHECK (refunded_minor >= 0),
    PRIMARY KEY (window_key, currency),
    UNIQUE (size_micros, window_start, shard, currency)
);

CREATE TABLE customers (
    window_key   TEXT COLLATE "C" NOT NULL,
    size_micros  BIGINT NOT NULL CHECK (size_micros > 0),
    window_start BIGINT NOT NULL,
    shard        BIGINT NOT NULL CHECK (shard >= 0),
    registers    BYTEA NOT NULL CHECK (length(registers) = 4096),
    PRIMARY KEY (window_key),
    UNIQUE (size_micros, window_start, shard)
);

CREATE TABLE items (
    item_key       TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    size_micros    BIGINT NOT NULL CHECK (size_micros > 0),
    window_start   BIGINT NOT NULL,
    shard          BIGINT NOT NULL CHECK (shard >= 0),
    item_id        BIGINT NOT NULL,
    ordered_units  BIGINT NOT NULL CHECK (ordered_units >= 0),
    ordered_minor  BIGINT NOT NULL CHECK (ordered_minor >= 0),
    captured_units BIGINT NOT NULL CHECK (captured_units >= 0),
    captured_minor BIGINT NOT NULL CHECK (captured_minor >= 0),
    refunded_units BIGINT NOT NULL CHECK (refunded_units >= 0),
    refunded_minor BIGINT NOT NULL CHECK (refunded_minor >= 0),
    PRIMARY KEY (item_key, currency),
    UNIQUE (size_micros, window_start, shard, item_id, currency)
);

CREATE TABLE pairs (
    pair_key     TEXT COLLATE "C" NOT NULL,
    size_micros  BIGINT NOT NULL CHECK (size_micros > 0),
    window_start BIGINT NOT NULL,
    shard        BIGINT NOT NULL CHECK (shard >= 0),
    low_item_id  BIGINT NOT NULL,
    high_item_id BIGINT NOT NULL,
    baskets      BIGINT NOT NULL CHECK (baskets >= 0),
    PRIMARY KEY (pair_key),
    UNIQUE (size_micros, window_start, shard, low_item_id, high_item_id),
    CHECK (low_item_id < high_item_id)
);

CREATE INDEX pairs_by_low_item ON pairs (low_item_id, window_start);

CREATE INDEX pairs_by_high_item ON pairs (high_item_id, window_start);
