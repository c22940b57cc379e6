-- What was handed over may come back: state returned.
--
-- The rules that change are found by what they say: they were not given names.
DO $$
DECLARE
    rule    record;
    dropped integer := 0;
BEGIN
    FOR rule IN
        SELECT conname FROM pg_constraint
         WHERE conrelid = 'dispatches'::regclass AND contype = 'c'
           AND (pg_get_constraintdef(oid) LIKE '%''handed_over''%'
            OR pg_get_constraintdef(oid) LIKE '%state = ''cancelled''%')
    LOOP
        EXECUTE format('ALTER TABLE dispatches DROP CONSTRAINT %I', rule.conname);
        dropped := dropped + 1;
    END LOOP;
    IF dropped <> 6 THEN
        RAISE EXCEPTION 'expected 6 rules about states, found %', dropped;
    END IF;
END;
$$;

ALTER TABLE dispatches
    ADD CONSTRAINT dispatches_state CHECK (state IN (
        'waiting', 'requested', 'handing_over', 'handed_over', 'returned', 'cancelled')),
    ADD CONSTRAINT dispatches_shipment
        CHECK (state IN ('waiting', 'cancelled') OR shipment_id IS NOT NULL),
    -- The carrier is asked on a firm reservation only.
    ADD CONSTRAINT dispatches_firm
        CHECK (state IN ('waiting', 'requested', 'cancelled') OR firm_by IS NOT NULL),
    ADD CONSTRAINT dispatches_carrier
        CHECK ((carrier IS NOT NULL AND tracking IS NOT NULL)
            = (state IN ('handed_over', 'returned'))),
    ADD CONSTRAINT dispatches_ended
        CHECK ((ended_at IS NOT NULL) = (state IN ('handed_over', 'returned', 'cancelled'))),
    ADD CONSTRAINT dispatches_cancelled
        CHECK ((cancel_reason IS NOT NULL) = (state IN ('returned', 'cancelled'))),
    -- Goods come back because somebody asked for it.
    ADD CONSTRAINT dispatches_returned
        CHECK (state <> 'returned'
            OR (cancel_reason = 'customer' AND cancellation_by IS NOT NULL));
