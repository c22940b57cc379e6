-- What was handed over may come back: state returned.
--
-- SQLite cannot change a CHECK, so the table is made anew.
CREATE TABLE dispatches_2 (
    purchase_id       TEXT    PRIMARY KEY,
    state             TEXT    NOT NULL CHECK (state IN (
        'waiting', 'requested', 'handing_over', 'handed_over', 'returned', 'cancelled')),
    opened_by         TEXT    NOT NULL,
    created_at        INTEGER NOT NULL,
    purchase_event_id TEXT,
    content_hash      TEXT,
    delivery_tier     TEXT    CHECK (delivery_tier IN ('standard', 'two_day', 'next_day')),
    purchased_at      INTEGER,
    authorised_by     TEXT,
    declined_by       TEXT,
    voided_by         TEXT,
    void_reason       TEXT,
    reserved_by       TEXT,
    firm_by           TEXT,
    rejected_by       TEXT,
    expired_by        TEXT,
    released_by       TEXT,
    cancellation_by   TEXT,
    answers_late      INTEGER NOT NULL CHECK (answers_late IN (0, 1)),
    shipment_id       TEXT    UNIQUE,
    ship_by           INTEGER,
    deliver_by        INTEGER,
    at_risk           INTEGER NOT NULL CHECK (at_risk IN (0, 1)),
    carrier           TEXT,
    tracking          TEXT,
    requested_at      INTEGER,
    ended_at          INTEGER,
    cancel_reason     TEXT    CHECK (cancel_reason IN (
        'customer', 'declined', 'no_stock', 'expired', 'answers_late', 'carrier_refused')),
    CHECK ((purchase_event_id IS NULL) = (content_hash IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (delivery_tier IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (purchased_at IS NULL)),
    CHECK ((voided_by IS NULL) = (void_reason IS NULL)),
    -- A shipment is requested for a known purchase that is paid, and with all of its times.
    CHECK (state IN ('waiting', 'cancelled') OR shipment_id IS NOT NULL),
    CHECK (shipment_id IS NULL OR (purchase_event_id IS NOT NULL AND authorised_by IS NOT NULL)),
    CHECK ((shipment_id IS NULL) = (ship_by IS NULL)),
    CHECK ((shipment_id IS NULL) = (deliver_by IS NULL)),
    CHECK ((shipment_id IS NULL) = (requested_at IS NULL)),
    CHECK (ship_by <= deliver_by),
    -- The carrier is asked on a firm reservation only.
    CHECK (state IN ('waiting', 'requested', 'cancelled') OR firm_by IS NOT NULL),
    CHECK ((carrier IS NOT NULL AND tracking IS NOT NULL)
        = (state IN ('handed_over', 'returned'))),
    CHECK ((ended_at IS NOT NULL) = (state IN ('handed_over', 'returned', 'cancelled'))),
    CHECK ((cancel_reason IS NOT NULL) = (state IN ('returned', 'cancelled'))),
    -- Goods come back because somebody asked for it.
    CHECK (state <> 'returned' OR (cancel_reason = 'customer' AND cancellation_by IS NOT NULL))
) STRICT;
INSERT INTO dispatches_2 SELECT * FROM dispatches;
DROP TABLE dispatches;
ALTER TABLE dispatches_2 RENAME TO dispatches;
