-- An authorisation may be disputed: the provider says something else than was asked.
--
-- The rules that change are found by what they say: they were not given names.
DO $$
DECLARE
    rule    record;
    dropped integer := 0;
BEGIN
    FOR rule IN
        SELECT conname FROM pg_constraint
         WHERE conrelid = 'payments'::regclass AND contype = 'c'
           AND (pg_get_constraintdef(oid) LIKE '%''voiding''%'
            OR pg_get_constraintdef(oid) LIKE '%authorised_at IS NULL) = (provider_ref IS NULL)%')
    LOOP
        EXECUTE format('ALTER TABLE payments DROP CONSTRAINT %I', rule.conname);
        dropped := dropped + 1;
    END LOOP;
    IF dropped <> 3 THEN
        RAISE EXCEPTION 'expected 3 rules about states and references, found %', dropped;
    END IF;
END;
$$;

ALTER TABLE payments
    ADD CONSTRAINT payments_state CHECK (state IN (
        'expected', 'authorising', 'disputed', 'authorised', 'declined', 'voiding', 'voided',
        'capturing', 'captured', 'refunding', 'refunded', 'capture_failed')),
    -- Nothing is held without a reference.
    ADD CONSTRAINT payments_held_by_reference
        CHECK (authorised_at IS NULL OR provider_ref IS NOT NULL),
    ADD CONSTRAINT payments_held_when_authorised
        CHECK (state NOT IN ('authorised', 'capturing') OR authorised_at IS NOT NULL),
    -- Of a disputed authorisation the reference is kept, where there is one, to let go of it.
    ADD CONSTRAINT payments_reference_of_a_dispute
        CHECK (authorised_at IS NOT NULL OR provider_ref IS NULL
            OR state IN ('disputed', 'voiding', 'voided'));
