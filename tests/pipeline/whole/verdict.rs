//! What must be true when everything is done, by SQL and by the provider's journal: independent of the
//! auditor, so that a mistake of one is seen by the other.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::journal::{self, Kind};
use simulator::{
    Plan, Report,
    action::{Deed, Kind as Bought, Way},
    shop::Shop,
};

use super::members::{GROUPS, Pipeline};

/// How a purchase is kept by each group: the table, and which state ends it.
const KEPT: [(&str, &str, &str); 5] = [
    (
        "payment",
        "payments",
        "state IN ('captured', 'voided', 'declined', 'refunded', 'capture_failed', 'credited')",
    ),
    (
        "inventory",
        "reservations",
        "state IN ('committed', 'released', 'rejected', 'expired')",
    ),
    (
        "dispatch",
        "dispatches",
        "state IN ('handed_over', 'returned', 'cancelled')",
    ),
    ("analytics", "counted_purchases", "basket IS NOT NULL"),
    (
        "timeline",
        "purchases",
        "status IN ('completed', 'cancelled', 'refunded', 'payment_overdue')",
    ),
];

type Ids = BTreeSet<String>;

/// Asserts that every purchase of a simulated run had its effects, once each, and nothing else had any.
pub(crate) fn assert_single_effects(pipeline: &Pipeline, plan: &Plan, report: &Report) {
    let plan = Planned::of(plan);
    assert_everything_was_answered(&plan, report);
    let bought = plan.bought;
    for (group, table, is_ended) in KEPT {
        let query = format!("SELECT purchase_id FROM {table} WHERE content_hash IS NOT NULL");
        let kept: Vec<String> = pipeline.database.column(group, &query).unwrap();
        assert_eq!(
            kept.len(),
            bought.len(),
            "{group} keeps as many purchases as were made"
        );
        let kept: Ids = kept.into_iter().collect();
        assert_eq!(
            difference(&kept, &bought),
            Vec::<&String>::new(),
            "{group} keeps these alone"
        );
        let query = format!("SELECT count(*) FROM {table}");
        let all = pipeline.database.number(group, &query).unwrap();
        assert_eq!(
            usize::try_from(all).unwrap(),
            bought.len(),
            "{group} invented none"
        );
        let query = format!("SELECT purchase_id FROM {table} WHERE NOT ({is_ended})");
        let unended = pipeline.database.column(group, &query).unwrap();
        assert_eq!(
            unended,
            Vec::<String>::new(),
            "{group} has brought all to an end"
        );
    }
    assert_money_and_goods_agree(pipeline);
    assert_windows_hold_every_purchase_once(pipeline, bought.len());
    assert_poison_was_set_aside(pipeline, report, plan.conflicts);
}

/// What the shops were to do.
struct Planned {
    /// Every purchase is valid, whatever becomes of it.
    bought: Ids,
    /// Contradictions that go straight to the topic, where the log decides.
    conflicts: u64,
    /// What the storefront may refuse: a contradiction of a purchase that it knows, and a cancellation.
    refusable: u64,
    /// Whether a part of it goes through the storefront.
    is_accepted: bool,
}

impl Planned {
    fn of(plan: &Plan) -> Self {
        let mut planned = Self {
            bought: Ids::new(),
            conflicts: 0,
            refusable: 0,
            is_accepted: plan.shares.http > 0.0,
        };
        for action in Shop::new(plan) {
            match (action.deed, action.way) {
                (Deed::Buy { purchase, kind }, way) => {
                    planned.bought.insert(purchase.purchase_id);
                    match (kind, way) {
                        (Bought::Conflict, Way::Direct) => planned.conflicts += 1,
                        (Bought::Conflict, Way::Storefront) => planned.refusable += 1,
                        _ => {}
                    }
                }
                (Deed::Cancel { .. }, Way::Storefront) => planned.refusable += 1,
                (Deed::Cancel { .. } | Deed::Poison(_), _) => {}
            }
        }
        planned
    }
}

/// Every action was taken, or refused with a right to. An outcome is unknown only where a try whose answer
/// was lost is followed by a refusal; all others are known, although the storefront and all that it stands
/// on were away in between.
fn assert_everything_was_answered(plan: &Planned, report: &Report) {
    let of = |outcome: &str| report.outcomes.get(outcome).copied().unwrap_or_default();
    let outcomes = &report.outcomes;
    assert_eq!(
        of("stored") + of("accepted") + of("refused") + of("unknown"),
        report.actions,
        "{outcomes:?}"
    );
    assert!(
        of("refused") + of("unknown") <= plan.refusable,
        "{outcomes:?}"
    );
    assert_eq!(of("accepted") > 0, plan.is_accepted, "{outcomes:?}");
}

/// The provider and the carrier did once what the groups say that they did.
fn assert_money_and_goods_agree(pipeline: &Pipeline) {
    let mut done: BTreeMap<Kind, Vec<(String, i64)>> = BTreeMap::new();
    for entry in journal::read(pipeline.journal()).unwrap() {
        let entry = entry.unwrap();
        let purchase_id = entry
            .purchase_id
            .expect("the pipeline names the purchase of each call");
        done.entry(entry.kind)
            .or_default()
            .push((purchase_id, entry.amount_minor));
    }
    let ids = |kind: Kind| -> Ids {
        let entries = done.get(&kind).map_or(&[][..], Vec::as_slice);
        let ids: Ids = entries
            .iter()
            .map(|(purchase_id, _)| purchase_id.clone())
            .collect();
        assert_eq!(
            ids.len(),
            entries.len(),
            "{kind:?} happened once per purchase"
        );
        ids
    };
    let of = |group: &str, table: &str, states: &str| -> Ids {
        let query = format!("SELECT purchase_id FROM {table} WHERE state IN ({states})");
        pipeline
            .database
            .column(group, &query)
            .unwrap()
            .into_iter()
            .collect()
    };
    let handed_over = ids(Kind::HandedOver);
    let captured = ids(Kind::Captured);
    ids(Kind::Authorised);
    assert!(!captured.is_empty(), "something was sold");
    let left = of("dispatch", "dispatches", "'handed_over', 'returned'");
    assert_same(&left, &handed_over, "dispatch and the carrier");
    let committed = of("inventory", "reservations", "'committed'");
    assert_same(&committed, &handed_over, "inventory and the carrier");
    let paid = of("payment", "payments", "'captured', 'refunded'");
    assert_same(&paid, &captured, "payment and the provider");
    let lapsed: Ids = (ids(Kind::Voided).intersection(&handed_over).cloned()).collect();
    // Goods that came back unpaid are owed for no more.
    let unpaid = of("payment", "payments", "'capture_failed', 'credited'");
    assert_same(&unpaid, &lapsed, "what could not be captured");
    assert!(paid.is_disjoint(&lapsed));
    let paid_or_lapsed: Ids = paid.union(&lapsed).cloned().collect();
    assert_same(&paid_or_lapsed, &handed_over, "all that left was paid");
    let refunded = of("payment", "payments", "'refunded'");
    assert_same(&refunded, &ids(Kind::Refunded), "refunds");
    let taken: i64 = done[&Kind::Captured]
        .iter()
        .map(|(_, amount_minor)| amount_minor)
        .sum();
    let query = "SELECT sum(card_minor) FROM payments WHERE captured_at IS NOT NULL";
    assert_eq!(pipeline.database.number("payment", query).unwrap(), taken);
}

/// Of goods that had left, the authorisation had lapsed at least once.
pub(crate) fn assert_some_lapsed(pipeline: &Pipeline) {
    let query = "SELECT count(*) FROM payments WHERE state IN ('capture_failed', 'credited')";
    assert!(pipeline.database.number("payment", query).unwrap() > 0);
}

/// That two sets are one; names a few of what only one of them has.
fn assert_same(ours: &Ids, theirs: &Ids, what: &str) {
    let differ: Vec<&String> = ours.symmetric_difference(theirs).take(5).collect();
    let (left, right) = (ours.len(), theirs.len());
    assert!(ours == theirs, "{what}: {left} and {right}, {differ:?}");
}

/// Nothing is promised any more, and what is on the shelves is what was put there and not sold.
pub(crate) fn assert_stock_is_what_was_not_sold(
    pipeline: &Pipeline,
    shelves: &BTreeMap<String, i64>,
) {
    let query = "SELECT sku, coalesce(sum(quantity), 0) FROM reservation_lines \
                 JOIN reservations USING (purchase_id) WHERE state = 'committed' GROUP BY sku";
    let sold = pipeline.database.look("inventory", query).unwrap();
    let sold: BTreeMap<&str, i64> = (sold.iter())
        .map(|row| (row[0].as_str(), row[1].parse().unwrap()))
        .collect();
    let query = "SELECT sku, on_hand, reserved FROM stock";
    let stock = pipeline.database.look("inventory", query).unwrap();
    assert_eq!(stock.len(), shelves.len());
    for row in stock {
        let (sku, numbers) = (row[0].as_str(), (row[1].as_str(), row[2].as_str()));
        let left = shelves[sku] - sold.get(sku).copied().unwrap_or_default();
        assert_eq!(numbers, (left.to_string().as_str(), "0"), "stock of {sku}");
    }
}

/// Of the items of which there were few, somebody was refused one.
pub(crate) fn assert_some_were_refused(pipeline: &Pipeline, scarce: &BTreeSet<String>) {
    let skus: Vec<String> = scarce.iter().map(|sku| format!("'{sku}'")).collect();
    let query = format!(
        "SELECT count(*) FROM reservation_lines JOIN reservations USING (purchase_id) \
         WHERE state = 'rejected' AND sku IN ({})",
        skus.join(", ")
    );
    assert!(pipeline.database.number("inventory", &query).unwrap() > 0);
}

fn assert_windows_hold_every_purchase_once(pipeline: &Pipeline, count: usize) {
    let query = "SELECT size_micros, sum(purchases) FROM windows GROUP BY size_micros";
    let sums = pipeline.database.look("analytics", query).unwrap();
    assert!(!sums.is_empty());
    for sum in sums {
        assert_eq!(
            sum[1],
            count.to_string(),
            "purchases in all windows of {} us",
            sum[0]
        );
    }
}

/// Poison and contradictions, and nothing else, are among the dead letters of every group.
fn assert_poison_was_set_aside(pipeline: &Pipeline, report: &Report, direct_conflicts: u64) {
    const CONFLICT: &str = "conflicting_duplicate";
    let all_conflicts = report.by_kind.get("conflict").copied().unwrap_or_default();
    for (group, topics) in GROUPS {
        let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
        for (_, reasons) in
            (report.expected_reasons.iter()).filter(|(topic, _)| topics.contains(&topic.as_str()))
        {
            for (reason, count) in reasons {
                *wanted.entry(reason.clone()).or_default() += count;
            }
        }
        let query = "SELECT reason, count(*) FROM dead_letters WHERE state <> 'redriven' \
                     GROUP BY reason";
        let found = pipeline.database.look(group, query).unwrap();
        let mut found: BTreeMap<String, u64> = (found.into_iter())
            .map(|row| (row[0].clone(), row[1].parse().unwrap()))
            .collect();
        let conflicts = found.remove(CONFLICT).unwrap_or_default();
        assert_eq!(found, wanted, "dead letters of {group}");
        // The timeline shows a contradiction as an entry of its own.
        let expected = if group == "timeline" {
            0..=0
        } else {
            direct_conflicts..=all_conflicts
        };
        assert!(
            expected.contains(&conflicts),
            "{group} set aside {conflicts} contradictions, not {expected:?}"
        );
    }
}

fn difference<'a>(one: &'a Ids, other: &'a Ids) -> Vec<&'a String> {
    one.symmetric_difference(other).take(20).collect()
}
