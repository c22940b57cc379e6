-- What is on the shelves and what of it is promised. Exactly the fold of stock_movements.
CREATE TABLE stock (
    sku       text   PRIMARY KEY,
    on_hand   bigint NOT NULL CHECK (on_hand >= 0),
    reserved  bigint NOT NULL CHECK (reserved >= 0),
    movements bigint NOT NULL CHECK (movements >= 1),
    CHECK (reserved <= on_hand)
);

-- Append-only. (sku, sequence) is unique, so two writers that did not see each other cannot both
-- move the same stock: the second is refused and decides again on what the first left.
CREATE TABLE stock_movements (
    movement_id     text   PRIMARY KEY,
    sku             text   NOT NULL REFERENCES stock (sku),
    sequence        bigint NOT NULL CHECK (sequence >= 1),
    kind            text   NOT NULL,
    on_hand_change  bigint NOT NULL,
    reserved_change bigint NOT NULL,
    on_hand_after   bigint NOT NULL CHECK (on_hand_after >= 0),
    reserved_after  bigint NOT NULL CHECK (reserved_after >= 0),
    purchase_id     text,
    reason          text,
    cause_id        text   NOT NULL,
    moved_at        bigint NOT NULL,
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
);

-- Receipts and counts that had their effect, by the id that their keeper gave them.
CREATE TABLE stock_events (
    event_id        text   NOT NULL,
    sku             text   NOT NULL,
    kind            text   NOT NULL CHECK (kind IN ('received', 'adjusted')),
    quantity_change bigint NOT NULL,
    reason          text,
    applied_at      bigint NOT NULL,
    PRIMARY KEY (event_id, sku)
);

-- One per purchase: which facts are known (by the id of the event that stated each), what state
-- follows from them, and why.
CREATE TABLE reservations (
    purchase_id        text   PRIMARY KEY,
    content_hash       text,
    state              text   NOT NULL CHECK (state IN ('waiting', 'held', 'firm', 'expired',
                                                        'rejected', 'released', 'committed')),
    reason             text,
    expires_at         bigint,
    shipment_id        text,
    declined_by        text,
    voided_by          text,
    cancelled_by       text,
    requested_by       text,
    handed_over_by     text,
    cause_id           text   NOT NULL,
    changed_at         bigint NOT NULL,
    CHECK ((state = 'waiting') = (content_hash IS NULL)),
    CHECK ((state = 'held') = (expires_at IS NOT NULL)),
    CHECK (state NOT IN ('rejected', 'released') OR reason IS NOT NULL),
    CHECK (state <> 'committed' OR handed_over_by IS NOT NULL)
);

CREATE TABLE reservation_lines (
    purchase_id text   NOT NULL REFERENCES reservations (purchase_id),
    line_no     bigint NOT NULL,
    sku         text   NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (purchase_id, line_no)
);

CREATE FUNCTION stock_movements_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock_movements is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER stock_movements_are_final BEFORE UPDATE OR DELETE ON stock_movements
    FOR EACH ROW EXECUTE FUNCTION stock_movements_are_final();
