-- Goods may come back that were never paid: what was owed for them is credited.
--
-- SQLite cannot change a CHECK, so the table is made anew, and with it the tables that refer to it;
-- children go before their parents, so that no reference is ever without its row.
DROP VIEW account_balances;
DROP VIEW ledger_lines;

CREATE TABLE payments_4 (
    purchase_id       TEXT   PRIMARY KEY,
    state             TEXT   NOT NULL CHECK (state IN (
        'expected', 'authorising', 'disputed', 'authorised', 'declined', 'voiding', 'voided',
        'capturing', 'captured', 'refunding', 'refunded', 'capture_failed', 'credited')),
    purchase_event_id TEXT,
    content_hash      TEXT,
    currency          TEXT   CHECK (length(currency) = 3),
    amount_minor      INTEGER NOT NULL CHECK (amount_minor >= 0),
    card_minor        INTEGER NOT NULL CHECK (card_minor BETWEEN 0 AND amount_minor),
    tax_minor         INTEGER NOT NULL CHECK (tax_minor >= 0),
    shipping_minor    INTEGER NOT NULL CHECK (shipping_minor >= 0),
    payment_method    TEXT,
    rejected_by       TEXT,
    cancelled_by      TEXT,
    cancel_reason     TEXT,
    handed_over_by    TEXT,
    provider_ref      TEXT,
    refund_ref        TEXT,
    reason            TEXT,
    created_at        INTEGER NOT NULL,
    authorised_at     INTEGER,
    captured_at       INTEGER,
    ended_at          INTEGER,
    CHECK (tax_minor + shipping_minor <= amount_minor),
    CHECK ((purchase_event_id IS NULL) = (content_hash IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (currency IS NULL)),
    CHECK ((purchase_event_id IS NULL) = (state = 'expected')),
    CHECK ((cancelled_by IS NULL) = (cancel_reason IS NULL)),
    -- Nothing is held without a reference, taken without having been held, given back untaken.
    CHECK (authorised_at IS NULL OR provider_ref IS NOT NULL),
    CHECK (state NOT IN ('authorised', 'capturing') OR authorised_at IS NOT NULL),
    -- Of a disputed authorisation the reference is kept, where there is one, to let go of it.
    CHECK (authorised_at IS NOT NULL OR provider_ref IS NULL
        OR state IN ('disputed', 'voiding', 'voided')),
    CHECK (captured_at IS NULL OR provider_ref IS NOT NULL),
    CHECK ((captured_at IS NOT NULL) = (state IN ('captured', 'refunding', 'refunded'))),
    CHECK ((refund_ref IS NOT NULL) = (state = 'refunded')),
    -- Money is taken for goods that are gone, and given back for a purchase that was cancelled.
    -- What was not paid is owed no more once the goods come back.
    CHECK (state NOT IN ('capturing', 'captured', 'capture_failed', 'credited')
        OR handed_over_by IS NOT NULL),
    CHECK (state NOT IN ('refunding', 'refunded', 'credited') OR cancelled_by IS NOT NULL),
    CHECK ((ended_at IS NOT NULL)
        = (state IN ('declined', 'voided', 'refunded', 'capture_failed', 'credited'))),
    CHECK ((ended_at IS NULL) = (reason IS NULL))
) STRICT;
INSERT INTO payments_4 SELECT * FROM payments;

CREATE TABLE journal_entries_4 (
    entry_id     TEXT   PRIMARY KEY,
    purchase_id  TEXT   NOT NULL REFERENCES payments_4 (purchase_id),
    kind         TEXT   NOT NULL CHECK (kind IN (
        'authorised', 'voided', 'captured', 'recognised', 'refunded', 'capture_failed',
        'credited')),
    causation_id TEXT   NOT NULL,
    posted_at    INTEGER NOT NULL,
    UNIQUE (purchase_id, kind)
) STRICT;
INSERT INTO journal_entries_4 SELECT * FROM journal_entries;

-- A posting is a transfer and names both of its accounts: half of one cannot be written, so the
-- ledger is balanced in every snapshot, whoever writes it.
CREATE TABLE postings_4 (
    posting_id     TEXT   PRIMARY KEY,
    entry_id       TEXT   NOT NULL REFERENCES journal_entries_4 (entry_id),
    debit_account  TEXT   NOT NULL CHECK (debit_account IN (
        'auth_receivable', 'auth_liability', 'psp_receivable', 'gift_card_liability',
        'customer_prepayments', 'customer_receivable', 'revenue', 'tax_payable',
        'shipping_income')),
    credit_account TEXT   NOT NULL CHECK (credit_account IN (
        'auth_receivable', 'auth_liability', 'psp_receivable', 'gift_card_liability',
        'customer_prepayments', 'customer_receivable', 'revenue', 'tax_payable',
        'shipping_income')),
    amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
    currency       TEXT   NOT NULL CHECK (length(currency) = 3),
    CHECK (debit_account <> credit_account)
) STRICT;
INSERT INTO postings_4 SELECT * FROM postings;

DROP TABLE postings;
DROP TABLE journal_entries;
DROP TABLE payments;
ALTER TABLE payments_4 RENAME TO payments;
ALTER TABLE journal_entries_4 RENAME TO journal_entries;
ALTER TABLE postings_4 RENAME TO postings;

-- The provider's objects belong to one purchase each.
CREATE UNIQUE INDEX payments_provider_ref ON payments (provider_ref)
    WHERE provider_ref <> 'gift-card';
CREATE UNIQUE INDEX payments_refund_ref ON payments (refund_ref)
    WHERE refund_ref <> 'gift-card';

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
    SELECT account, currency, CAST(SUM(amount_minor) AS INTEGER) AS balance_minor
      FROM ledger_lines
     GROUP BY account, currency;

-- The ledger is only ever added to.
CREATE TRIGGER journal_entries_refuse_update BEFORE UPDATE ON journal_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is only ever added to');
END;
CREATE TRIGGER journal_entries_refuse_delete BEFORE DELETE ON journal_entries
BEGIN
    SELECT RAISE(ABORT, 'the ledger is only ever added to');
END;
CREATE TRIGGER postings_refuse_update BEFORE UPDATE ON postings
BEGIN
    SELECT RAISE(ABORT, 'the ledger is only ever added to');
END;
CREATE TRIGGER postings_refuse_delete BEFORE DELETE ON postings
BEGIN
    SELECT RAISE(ABORT, 'the ledger is only ever added to');
END;
