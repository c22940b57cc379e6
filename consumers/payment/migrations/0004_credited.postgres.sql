-- Goods may come back that were never paid: what was owed for them is credited.
--
-- Most of the rules that change are found by what they say: they were not given names.
DO $$
DECLARE
    rule    record;
    dropped integer := 0;
BEGIN
    FOR rule IN
        SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
         WHERE conrelid IN ('payments'::regclass, 'journal_entries'::regclass) AND contype = 'c'
           AND (pg_get_constraintdef(oid) LIKE '%''capture_failed''%'
            OR pg_get_constraintdef(oid) LIKE '%''refunding''%cancelled_by%')
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', rule.of_table, rule.conname);
        dropped := dropped + 1;
    END LOOP;
    IF dropped <> 5 THEN
        RAISE EXCEPTION 'expected 5 rules about states and entries, found %', dropped;
    END IF;
END;
$$;

ALTER TABLE payments
    ADD CONSTRAINT payments_state CHECK (state IN (
        'expected', 'authorising', 'disputed', 'authorised', 'declined', 'voiding', 'voided',
        'capturing', 'captured', 'refunding', 'refunded', 'capture_failed', 'credited')),
    -- Money is taken for goods that are gone, and given back for a purchase that was cancelled.
    -- What was not paid is owed no more once the goods come back.
    ADD CONSTRAINT payments_taken_for_goods
        CHECK (state NOT IN ('capturing', 'captured', 'capture_failed', 'credited')
            OR handed_over_by IS NOT NULL),
    ADD CONSTRAINT payments_given_back_when_cancelled
        CHECK (state NOT IN ('refunding', 'refunded', 'credited') OR cancelled_by IS NOT NULL),
    ADD CONSTRAINT payments_ended
        CHECK ((ended_at IS NOT NULL)
            = (state IN ('declined', 'voided', 'refunded', 'capture_failed', 'credited')));

ALTER TABLE journal_entries
    ADD CONSTRAINT journal_entries_kind CHECK (kind IN (
        'authorised', 'voided', 'captured', 'recognised', 'refunded', 'capture_failed',
        'credited'));
