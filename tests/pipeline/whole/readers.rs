//! A reader of an older version beside writers of a newer one: what it would misunderstand waits for its
//! upgrade, with everything behind it of the same purchase, and is then read in order.

use std::time::Duration;

use harness::eventually;
use schemas::{
    Purchase,
    domain::{Channel, Tender, TenderKind},
};

use super::{
    members::Pipeline,
    quiet,
    shop::{self, Counter},
};

const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn a_basket_waits_for_a_reader_that_understands_it(pipeline: &mut Pipeline) {
    let counter = Counter::open(&pipeline.bootstrap);
    let basket = shop::basket(1);
    let contradiction = as_version_1(&basket);
    let plain = shop::purchases(2, 1, 20);
    pipeline.start_sandbox();
    let old = [
        ("schemas.reader_version", "1"),
        ("schemas.write_version", "1"),
    ];
    let member = pipeline.start("payment", &old);

    counter.buy(&[basket.clone(), contradiction]);
    counter.buy(&plain);

    // The ones of version 1 are acted on; nothing of the basket's purchase is, not even what version 1
    // could read of it: it came later and must not win.
    eventually(
        DEADLINE,
        "the plain ones are authorised and the basket waits",
        || authorised(pipeline) == plain.len() && parked(pipeline) == 2,
    );
    let of_basket = format!(
        "SELECT count(*) FROM payments WHERE purchase_id = '{}'",
        basket.purchase_id
    );
    assert_eq!(pipeline.database.number("payment", &of_basket).unwrap(), 0);
    let dead_letters = "SELECT count(*) FROM dead_letters";
    assert_eq!(
        pipeline.database.number("payment", dead_letters).unwrap(),
        0
    );

    pipeline.stop(member);
    pipeline.set_of(member, "schemas.reader_version", "3");
    pipeline.set_of(member, "schemas.write_version", "3");
    pipeline.start_again(member);

    eventually(DEADLINE, "the basket is authorised", || {
        authorised(pipeline) == plain.len() + 1 && parked(pipeline) == 0
    });
    quiet::until_quiet(pipeline, DEADLINE);
    let kept = format!(
        "SELECT content_hash, amount_minor FROM payments WHERE purchase_id = '{}'",
        basket.purchase_id
    );
    let kept = pipeline.database.look("payment", &kept).unwrap();
    assert_eq!(
        kept,
        [[basket.content_hash(), basket.total_minor().to_string()]]
    );
    let reasons = pipeline
        .database
        .column("payment", "SELECT reason FROM dead_letters")
        .unwrap();
    assert_eq!(
        reasons,
        ["conflicting_duplicate"],
        "the first in the log has won"
    );
}

/// Another content under the same id, which a reader of version 1 understands.
fn as_version_1(basket: &Purchase) -> Purchase {
    let mut plain = basket.clone();
    plain.lines.truncate(1);
    plain.lines[0].quantity = 1;
    plain.lines[0].tax_minor = 0;
    plain.lines[0].gift_wrap = false;
    plain.shipping_minor = 0;
    plain.channel = Channel::Unknown;
    plain.delivery_tier = schemas::domain::DeliveryTier::Standard;
    plain.tenders = vec![Tender {
        kind: TenderKind::Card,
        amount_minor: plain.total_minor(),
        reference: None,
    }];
    plain.written_version = 1;
    plain
}

fn authorised(pipeline: &Pipeline) -> usize {
    let query = "SELECT count(*) FROM payments WHERE state = 'authorised'";
    count(pipeline, query)
}

fn parked(pipeline: &Pipeline) -> usize {
    count(pipeline, "SELECT count(*) FROM parked")
}

/// 0 while the tables cannot be asked, as right after the start.
fn count(pipeline: &Pipeline, query: &str) -> usize {
    let count = pipeline
        .database
        .number("payment", query)
        .unwrap_or_default();
    usize::try_from(count).unwrap()
}
