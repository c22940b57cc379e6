//! Every mutant: what it breaks, and the tests that must notice.

use crate::mutant::{Mutant, Test, integration, unit};

const NO_FAULTS: Test = unit(
    "runtime",
    "lane::simulation::without_faults_everything_has_its_effect_once",
);
const CALLS_FAIL: Test = unit(
    "runtime",
    "lane::simulation::whichever_call_fails_or_loses_its_reply_nothing_shows",
);
const PROCESS_ENDS: Test = unit(
    "runtime",
    "lane::simulation::wherever_the_process_ends_nothing_shows",
);
const OUTLIVED: Test = unit(
    "runtime",
    "lane::simulation::whenever_a_process_that_was_taken_for_dead_goes_on_nothing_shows",
);
const ANY_ORDER: Test = integration(
    "harness",
    "simulation",
    "whatever_the_order_each_purchase_comes_to_one_end",
);
const SAME_SEED: Test = integration("harness", "simulation", "the_same_seed_gives_the_same_run");
const AUDITED: Test = integration(
    "auditor",
    "audit",
    "retried::what_is_asked_again_after_a_lost_answer_is_done_once",
);
const SPOOL_KEPT: Test = integration(
    "harness",
    "pipeline",
    "real::faults::spool_kept::a1_a_broker_that_is_killed_loses_nothing_and_work_goes_on_when_it_is_back",
);
const SPOOL_SYNCED: Test = unit(
    "client",
    "spool::tests::what_is_acknowledged_survives_the_loss_of_power",
);
const SPOOL_ORDERED: Test = unit(
    "client",
    "spool::tests::records_come_out_in_the_order_in_which_they_went_in",
);
const LAPSED: Test = integration(
    "auditor",
    "audit",
    "lapsed::what_is_reserved_and_not_paid_for_in_time_is_given_back",
);
const OLD_READER: Test = integration(
    "harness",
    "pipeline",
    "in_process::pipeline::a_basket_waits_for_a_reader_that_understands_it",
);

/// All of them, as the table in `tests/README.md` shows them.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "epoch-check-off",
        breaks: "a former owner of a shard goes on writing",
        caught_by: &[
            ANY_ORDER,
            OUTLIVED,
            unit(
                "runtime",
                "lane::commit::tests::a_former_owner_cannot_even_write_rows_for_a_timer_from_which_nothing_follows",
            ),
        ],
    },
    Mutant {
        name: "position-outside-transaction",
        breaks: "the position moves in a transaction of its own, after the effects",
        caught_by: &[ANY_ORDER, PROCESS_ENDS],
    },
    Mutant {
        name: "effects-before-dedupe",
        breaks: "a receipt of goods that is told again takes effect again",
        caught_by: &[
            AUDITED,
            ANY_ORDER,
            integration(
                "inventory",
                "decide",
                "rules::a_redelivered_receipt_counts_once",
            ),
        ],
    },
    Mutant {
        name: "publish-before-commit",
        breaks: "events reach Kafka before the batch that states them is committed",
        caught_by: &[ANY_ORDER, CALLS_FAIL],
    },
    Mutant {
        name: "journal-not-replayed",
        breaks: "who takes a shard does not publish what its former owner had committed only",
        caught_by: &[ANY_ORDER, PROCESS_ENDS],
    },
    Mutant {
        name: "random-event-id",
        breaks: "a fact that is stated again has another id",
        caught_by: &[SAME_SEED],
    },
    Mutant {
        name: "provider-key-changes-on-retry",
        breaks: "the provider is asked again under another idempotency key",
        caught_by: &[
            AUDITED,
            integration(
                "payment",
                "sandbox",
                "after_every_fault_the_money_is_held_once",
            ),
        ],
    },
    Mutant {
        name: "timeout-taken-for-failure",
        breaks: "a call without a reply counts as a declined card",
        caught_by: &[
            AUDITED,
            integration(
                "payment",
                "provider",
                "nothing_that_is_unknown_is_taken_for_an_answer",
            ),
        ],
    },
    Mutant {
        name: "lost-commit-taken-for-failure",
        breaks: "a commit whose reply is lost counts as not made, and the batch is written again",
        caught_by: &[ANY_ORDER, CALLS_FAIL],
    },
    Mutant {
        name: "release-without-reservation",
        breaks: "stock is given back that was never reserved",
        caught_by: &[
            ANY_ORDER,
            integration(
                "inventory",
                "decide",
                "rules::a_purchase_that_had_ended_before_it_came_is_never_reserved",
            ),
        ],
    },
    Mutant {
        name: "expiry-ignored",
        breaks: "a reservation outlives its time",
        caught_by: &[
            ANY_ORDER,
            LAPSED,
            integration(
                "inventory",
                "decide",
                "rules::a_lapsed_reservation_gives_the_stock_back",
            ),
        ],
    },
    Mutant {
        name: "minreader-ignored",
        breaks: "a record that needs a newer reader is read by an old one",
        caught_by: &[
            ANY_ORDER,
            OLD_READER,
            unit(
                "codec",
                "tests::a_reader_that_would_misunderstand_a_purchase_parks_it",
            ),
        ],
    },
    Mutant {
        name: "batch-dropped-on-one-bad-record",
        breaks: "a batch that the database refuses is set aside whole, not the one record in it",
        caught_by: &[NO_FAULTS],
    },
    Mutant {
        name: "dead-letter-outside-transaction",
        breaks: "a dead letter is written in a transaction of its own, after the position",
        caught_by: &[ANY_ORDER, PROCESS_ENDS],
    },
    Mutant {
        name: "timer-fired-twice",
        breaks: "a timer that is due has its effect twice",
        caught_by: &[NO_FAULTS],
    },
    Mutant {
        name: "timer-before-backlog",
        breaks: "a deadline wins against an answer that was in the log before it passed",
        caught_by: &[integration(
            "runtime",
            "members",
            "after_an_outage_a_deadline_does_not_win_against_an_answer_in_the_log",
        )],
    },
    Mutant {
        name: "parked-key-overtaken",
        breaks: "a record overtakes one of its key that waits for a newer reader",
        caught_by: &[ANY_ORDER, NO_FAULTS],
    },
    Mutant {
        name: "watermark-before-acknowledgement",
        breaks: "an event counts as published before the broker has it",
        caught_by: &[
            ANY_ORDER,
            unit(
                "runtime",
                "bookkeeping::outbox::tests::the_watermark_waits_for_the_first_event_without_acknowledgement",
            ),
        ],
    },
    Mutant {
        name: "dead-letter-limit-off",
        breaks: "a group empties its topics into its dead letters, however many there are",
        caught_by: &[unit(
            "runtime",
            "bookkeeping::tally::tests::more_than_the_share_pauses_the_group",
        )],
    },
    Mutant {
        name: "contradiction-taken-for-duplicate",
        breaks: "a purchase that says something else under an id that is known is passed over",
        caught_by: &[
            AUDITED,
            ANY_ORDER,
            integration(
                "payment",
                "decisions",
                "other_contents_under_the_same_id_are_set_aside",
            ),
        ],
    },
    Mutant {
        name: "provider-amount-not-compared",
        breaks: "whatever amount the provider names is taken for the one that was asked",
        caught_by: &[integration(
            "payment",
            "decisions",
            "an_answer_that_does_not_fit_what_was_asked_is_never_a_fact",
        )],
    },
    Mutant {
        name: "shipped-unpaid",
        breaks: "goods leave that are reserved and not paid for",
        caught_by: &[ANY_ORDER],
    },
    Mutant {
        name: "spool-acknowledged-before-fsync",
        breaks: "the storefront answers before its record is on the disk",
        caught_by: &[SPOOL_KEPT, SPOOL_SYNCED],
    },
    Mutant {
        name: "spool-drained-out-of-order",
        breaks: "what waited in the spool is published in another order",
        caught_by: &[SPOOL_KEPT, SPOOL_ORDERED],
    },
];
