//! Stock, purchase by purchase: what its movements hold is what its reservation holds, and what
//! stock keepers stated has moved stock once.

use std::collections::BTreeMap;

use schemas::topics;

use super::{Around, is_read};
use crate::{
    Group,
    case::{Case, FIRM},
    report::{Promise, Report},
    shard::{KeptEvent, Shard},
};

const P: Promise = Promise::Stock;

/// What a live reservation holds, per SKU.
pub(crate) fn live(case: &Case) -> impl Iterator<Item = (&str, i64)> {
    let live = matches!(&case.reservation, Some((state, _)) if state == "held" || state == "firm");
    let lines = case.reservation_lines.iter().filter(move |_| live);
    lines.map(|(sku, quantity)| (sku.as_str(), *quantity))
}

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    let mut reserved: BTreeMap<&str, i64> = BTreeMap::new();
    let mut on_hand: BTreeMap<&str, i64> = BTreeMap::new();
    for movement in &case.movements {
        *reserved.entry(&movement.sku).or_default() += movement.reserved;
        *on_hand.entry(&movement.sku).or_default() += movement.on_hand;
    }
    reserved.retain(|_, quantity| *quantity != 0);
    on_hand.retain(|_, quantity| *quantity != 0);
    let Some((state, hash)) = &case.reservation else {
        report.require(case.movements.is_empty(), P, purchase_id, || {
            "stock moved for what inventory does not know".to_owned()
        });
        return;
    };
    report.count(P, format!("reservations {state}"), 1);
    let lines = |sign: i64| -> BTreeMap<&str, i64> {
        let lines = case.reservation_lines.iter();
        lines
            .map(|(sku, quantity)| (sku.as_str(), sign * quantity))
            .collect()
    };
    let holds = if matches!(state.as_str(), "held" | "firm") {
        lines(1)
    } else {
        BTreeMap::new()
    };
    let took = if state == "committed" {
        lines(-1)
    } else {
        BTreeMap::new()
    };
    report.require(reserved == holds, P, purchase_id, || {
        format!("{state}, and its movements hold {reserved:?} where its lines say {holds:?}")
    });
    report.require(on_hand == took, P, purchase_id, || {
        format!("{state}, and its movements took {on_hand:?} where its lines say {took:?}")
    });
    let Some(bought) = &case.bought else {
        return;
    };
    if hash.as_deref() == Some(&bought.hash) {
        report.require(
            case.reservation_lines == bought.wanted,
            P,
            purchase_id,
            || {
                format!(
                    "lines {:?}, the purchase says {:?}",
                    case.reservation_lines, bought.wanted
                )
            },
        );
        for fact in [case.fact("StockReserved"), case.fact(FIRM)]
            .into_iter()
            .flatten()
        {
            report.require(fact.lines == bought.wanted, P, purchase_id, || {
                format!(
                    "{} of {:?}, the purchase says {:?}",
                    fact.kind, fact.lines, bought.wanted
                )
            });
        }
    }
}

/// What stock keepers stated on the topic, against what inventory noted and moved.
pub(crate) fn check_keepers(shard: &Shard, around: &Around<'_>, report: &mut Report) {
    for (event_id, event) in &shard.keeper_events {
        report.count(P, "receipts and counts on the topic", 1);
        if !is_read(shard, Group::Inventory, event.at, around) {
            continue;
        }
        let subject = format!("sku {}", event.sku);
        let kept = shard.stock_events.get(event_id).copied();
        let KeptEvent { noted, moved, .. } = kept.unwrap_or_default();
        let change = Some(event.change);
        report.require(noted == change && moved == change, P, &subject, || {
            format!(
                "{event_id} says {:+}, inventory noted {noted:?} and moved {moved:?}",
                event.change
            )
        });
    }
    for (event_id, kept) in &shard.stock_events {
        if shard.keeper_events.contains_key(event_id) {
            continue;
        }
        let kept_on_topic = around
            .kept
            .must_hold_what_led_to(topics::STOCK, kept.applied_at);
        if !kept_on_topic {
            report.unproven("receipts and counts that are gone from their topic", 1);
            continue;
        }
        let what = format!(
            "stock moved by {:?} (noted {:?}) for what no stock keeper stated",
            kept.moved, kept.noted
        );
        report.breach(Promise::NothingInvented, event_id, what);
    }
}
