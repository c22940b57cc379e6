-- Payments, one row per purchase, and the ledger.
CREATE TABLE payments (
    purchase_id       text   PRIMARY KEY,
    state             text   NOT NULL CHECK (state IN (
        'expected', 'authorising', 'authorised', 'declined', 'voiding', 'voided',
        'capturing', 'captured', 'refunding', 'refunded', 'capture_failed')),
    purchase_event_id text,
    content_hash      text,
    currency          text   CHECK (length(currency) = 3),
    amount_minor      bigint NOT NULL CHECK (amount_minor >= 0),
    card_minor        bigint NOT NULL CHECK (card_minor BETWEEN 0 AND amount_minor),
    tax_minor         bigint NOT NULL CHECK (tax_minor >= 0),
    shipping_minor    bigint NOT NULL CHECK (shipping_minor >= 0),
    payment_method    text,
    rejected_by       text,
    cancelled_by      text,
    cancel_reason     text,
    handed_over_by    text,
    provider_ref      text,
    refund_ref        text,
    reason            text,
    created_at        bigint NOT NULL,
    authorised_at     bigint,
    captured_at       bigint,
    ended_at          bigint,
    CHECK (tax_minor + shipping_minor <= amount_minor),
    CHECK ((purchase_event_id IS NULL) = (content_hash IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (currency IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (state = 'expected')),
    CHECK ((cancelled_by IS NULL) = (cancel_reason IS NULL)),
    -- Nothing is held without a reference, taken without having been held, given back untaken.
    CHECK ((authorised_at IS NULL) = (provider_ref IS NULL)),
    CHECK (state NOT IN ('authorised', 'voiding', 'capturing') OR provider_ref IS NOT NULL),
    CHECK (captured_at IS NULL OR provider_ref IS NOT NULL),
    CHECK ((captured_at IS NOT NULL) = (state IN ('captured', 'refunding', 'refunded'))),
    CHECK ((refund_ref IS NOT NULL) = (state = 'refunded')),
    -- Money is taken for goods that are gone, and given back for a purchase that was cancelled.
    CHECK (state NOT IN ('capturing', 'captured', 'capture_failed') OR handed_over_by IS NOT NULL),
    CHECK (state NOT IN ('refunding', 'refunded') OR cancelled_by IS NOT NULL),
    CHECK ((ended_at IS NOT NULL) = (state IN ('declined', 'voided', 'refunded', 'capture_failed'))),
    CHECK ((ended_at IS NULL) = (reason IS NULL))
);

-- The provider's objects belong to one purchase each.
CREATE UNIQUE INDEX payments_provider_ref ON payments (provider_ref)
    WHERE provider_ref <> 'gift-card';
CREATE UNIQUE INDEX payments_refund_ref ON payments (refund_ref)
    WHERE refund_ref <> 'gift-card';

CREATE TABLE journal_entries (
    entry_id     text   PRIMARY KEY,
    purchase_id  text   NOT NULL REFERENCES payments (purchase_id),
    kind         text   NOT NULL CHECK (kind IN (
        'authorised', 'voided', 'captured', 'recognised', 'refunded', 'capture_failed')),
    causation_id text   NOT NULL,
    posted_at    bigint NOT NULL,
    UNIQUE (purchase_id, kind)
);

-- A posting is a transfer and names both of its accounts: half of one cannot be written, so the
-- ledger is balanced in every snapshot, whoever writes it.
CREATE TABLE postings (
    posting_id     text   PRIMARY KEY,
    entry_id       text   NOT NULL REFERENCES journal_entries (entry_id),
    debit_account  text   NOT NULL CHECK (debit_account IN (
        'auth_receivable', 'auth_liability', 'psp_receivable', 'gift_card_liability',
        'customer_prepayments', 'customer_receivable', 'revenue', 'tax_payable',
        'shipping_income')),
    credit_account text   NOT NULL CHECK (credit_account IN (
        'auth_receivable', 'auth_liability', 'psp_receivable', 'gift_card_liability',
        'customer_prepayments', 'customer_receivable', 'revenue', 'tax_payable',
        'shipping_income')),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text   NOT NULL CHECK (length(currency) = 3),
    CHECK (debit_account <> credit_account)
);
CREATE INDEX postings_entry_id ON postings (entry_id);

-- Each side of each transfer as a line; debits are positive.
CREATE VIEW ledger_lines AS
    SELECT posting_id, entry_id, debit_account AS account, currency, amount_minor
      FROM postings
    UNION ALL
    SELECT posting_id, entry_id, credit_account, currency, -amount_minor
      FROM postings;

-- What stands on each account; per currency the balances add up to zero.
CREATE VIEW account_balances AS
    SELECT account, currency, CAST(SUM(amount_minor) AS bigint) AS balance_minor
      FROM ledger_lines
     GROUP BY account, currency;

-- The ledger is only ever added to.
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to' USING ERRCODE = 'check_violation';
END;
$$;
CREATE TRIGGER journal_entries_are_final BEFORE UPDATE OR DELETE ON journal_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
CREATE TRIGGER postings_are_final BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
