//! What is done to a purchase each.

use auditor::Promise::{
    self, AcceptedIsKept, Accounting, Analytics, Dispatch, Money, NothingInvented, Stock, Timeline,
};

/// Promise, group, SQL, subject, and what is said: `?` stands for another purchase in each.
pub(super) type Tampering = (
    Promise,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

pub(super) const TABLE: &[Tampering] = &[
    (
        Analytics,
        "analytics",
        "UPDATE counted_purchases SET answers = 1 WHERE purchase_id = '?'",
        "?",
        "analytics remembers otherwise",
    ),
    (
        AcceptedIsKept,
        "inventory",
        "DELETE FROM reservations WHERE purchase_id = '?'",
        "?",
        "lost: inventory has read it",
    ),
    (
        AcceptedIsKept,
        "dispatch",
        "DELETE FROM dispatches WHERE purchase_id = '?'",
        "?",
        "lost: dispatch has read it",
    ),
    (
        AcceptedIsKept,
        "payment",
        "UPDATE payments SET content_hash = 'other' WHERE purchase_id = '?'",
        "?",
        "payment has another content",
    ),
    (
        AcceptedIsKept,
        "payment",
        "UPDATE journal SET event_id = 'swallowed' WHERE topic = 'shop.payments.v1' AND CAST(record_key AS text) = '?' AND sequence = (SELECT MAX(sequence) FROM journal WHERE topic = 'shop.payments.v1' AND CAST(record_key AS text) = '?')",
        "?",
        "lost: payment has published swallowed",
    ),
    (
        NothingInvented,
        "payment",
        "DELETE FROM journal WHERE topic = 'shop.payments.v1' AND CAST(record_key AS text) = '?'",
        "?",
        "is not in the journal of payment",
    ),
    (
        NothingInvented,
        "inventory",
        "UPDATE journal SET payload = x'00' WHERE topic = 'shop.reservations.v1' AND CAST(record_key AS text) = '?'",
        "?",
        "is not what inventory wrote",
    ),
    (
        Money,
        "payment",
        "INSERT INTO postings SELECT posting_id || 'x', entry_id, debit_account, credit_account, amount_minor, currency FROM postings WHERE posting_id = '?:captured:1'",
        "?",
        "the ledger says",
    ),
    (
        Money,
        "payment",
        "UPDATE journal_entries SET causation_id = 'other' WHERE entry_id = '?:captured'",
        "?",
        "the entry captured is not of its PaymentCaptured",
    ),
    (
        Stock,
        "inventory",
        "DELETE FROM stock_movements WHERE purchase_id = '?' AND kind = 'reserved'",
        "?",
        "and no stock was reserved",
    ),
    (
        Dispatch,
        "dispatch",
        "UPDATE dispatches SET tracking = 'X' WHERE purchase_id = '?'",
        "?",
        "[\"tracking\"]",
    ),
    (
        Dispatch,
        "dispatch",
        "UPDATE dispatches SET tracking = 'X' WHERE purchase_id = 'hot'",
        "hot",
        "[\"tracking\"]",
    ),
    (
        Accounting,
        "payment",
        "UPDATE tasks SET state = 'set_aside' WHERE task_id = '?:capture'",
        "?",
        "and no dead letter says so",
    ),
    (
        Accounting,
        "payment",
        "INSERT INTO dead_letters SELECT 'task:?:capture', shard, '', shard, 0, CAST('?' AS blob), x'7b7d', x'', 0, 'provider_mismatch', '', 'decide', 9000000000000000, 9000000000000000, 0, 'set_aside' FROM tasks WHERE task_id = '?:capture'",
        "?",
        "forged: payment has a dead letter task:",
    ),
    (
        Timeline,
        "timeline",
        "DELETE FROM purchase_events WHERE purchase_id = '?' AND kind = 'PaymentCaptured'",
        "?",
        "is no entry",
    ),
    (
        Timeline,
        "timeline",
        "UPDATE purchases SET status = 'refunded' WHERE purchase_id = '?'",
        "?",
        "shown as refunded, its facts say completed",
    ),
    (
        NothingInvented,
        "timeline",
        "INSERT INTO purchases (purchase_id, status, status_rank, status_at, first_at, cancel_requests, conflicts, seen) VALUES ('nobody', 'accepted', 10, 1, 1, 0, 0, x'')",
        "nobody",
        "the timeline knows it, and no topic does",
    ),
];
