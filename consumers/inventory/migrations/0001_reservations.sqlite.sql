-- What is on the shelves and what of it is promised. Exactly the fold of stock_movements.
CREATE TABLE stock (
    sku       text   PRIMARY KEY,
    on_hand   integer NOT NULL CHECK (on_hand >= 0),
    reserved  integer NOT NULL CHECK (reserved >= 0),
    movements integer NOT NULL CHECK (movements >= 1),
    CHECK (reserved <= on_hand)
) STRICT;

-- Append-only. (sku, sequence) is unique, so two writers that did not see each other cannot both
-- move the same stock: the second is refused and decides again on what the first left.
CREATE TABLE stock_movements (
    movement_id     text   PRIMARY KEY,
    sku             text   NOT NULL REFERENCES stock (sku),
    sequence        integer NOT NULL CHECK (sequence >= 1),
    kind            text   NOT NULL,
    on_hand_change  integer NOT NULL,
    reserved_change integer NOT NULL,
    on_hand_after   integer NOT NULL CHECK (on_hand_after >= 0),
    reserved_after  integer NOT NULL CHECK (reserved_after >= 0),
    purchase_id     text,
    reason          text,
    cause_id        text   NOT NULL,
    moved_at        integer NOT NULL,
    UNIQUE (sku, sequence),
    CHECK (reserved_after <= on_hand_after),
    CHECK (CASE kind
        WHEN 'received'  THEN on_hand_change > 0 AND reserved_change = 0 AND purchase_id IS NULL
        WHEN 'adjusted'  THEN reserved_change = 0 AND purchase_id IS NULL
        WHEN 'reserved'  THEN on_hand_change = 0 AND reserved_change > 0 AND purchase_id IS NOT NULL
        WHEN 'released'  THEN on_hand_change = 0 AND reserved_change < 0 AND purchase_id IS NOT NULL
        WHEN 'expired'   THEN on_hand_change = 0 AND reserved_change < 0 AND purchase_id IS NOT NULL
        WHEN 'committed' THEN on_hand_change < 0 AND reserved_change = on_hand_change
                              AND purchase_id IS NOT NULL
        ELSE false
    END)
) STRICT;

-- Receipts and counts that had their effect, by the id that their keeper gave them.
CREATE TABLE stock_events (
    event_id        text   NOT NULL,
    sku             text   NOT NULL,
    kind            text   NOT NULL CHECK (kind IN ('received', 'adjusted')),
    quantity_change integer NOT NULL,
    reason          text,
    applied_at      integer NOT NULL,
    PRIMARY KEY (event_id, sku)
) STRICT;

-- One per purchase: which facts are known (by the id of the event that stated each), what state
-- follows from them, and why.
CREATE TABLE reservations (
    purchase_id        text   PRIMARY KEY,
    content_hash       text,
    state              text   NOT NULL CHECK (state IN ('waiting', 'held', 'firm', 'expired',
                                                        'rejected', 'released', 'committed')),
    reason             text,
    expires_at         integer,
    shipment_id        text,
    declined_by        text,
    voided_by          text,
    cancelled_by       text,
    requested_by       text,
    handed_over_by     text,
    cause_id           text   NOT NULL,
    changed_at         integer NOT NULL,
    CHECK ((state = 'waiting') = (content_hash IS NULL)),
    CHECK ((state = 'held') = (expires_at IS NOT NULL)),
    CHECK (state NOT IN ('rejected', 'released') OR reason IS NOT NULL),
    CHECK (state <> 'committed' OR handed_over_by IS NOT NULL)
) STRICT;

CREATE TABLE reservation_lines (
    purchase_id text   NOT NULL REFERENCES reservations (purchase_id),
    line_no     integer NOT NULL,
    sku         text   NOT NULL,
    quantity    integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (purchase_id, line_no)
) STRICT;

CREATE TRIGGER stock_movements_are_not_changed BEFORE UPDATE ON stock_movements
BEGIN
    SELECT RAISE(ABORT, 'stock_movements is append-only');
END;
CREATE TRIGGER stock_movements_are_not_deleted BEFORE DELETE ON stock_movements
BEGIN
    SELECT RAISE(ABORT, 'stock_movements is append-only');
END;
