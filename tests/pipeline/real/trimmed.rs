//! An audit after retention: of what is gone from a topic it says that it proves nothing more, it takes
//! none of it for lost, and what was tampered with is named all the same.

use std::collections::BTreeSet;

use harness::{kafka::Kafka, wait};
use rdkafka::{Offset, TopicPartitionList, admin::AdminOptions};
use schemas::topics::{PAYMENTS, PURCHASES};

use crate::whole::{
    members::{Pipeline, SOON},
    quiet,
    shop::{self, Counter},
};

const AS_FAR_AS: &str = "nothing lost, nothing doubled, nothing invented, as far as the topics \
                         still tell; not provable any more: ";

/// Of a pipeline that stands still and whose purchases in partition 1 before an offset are gone.
pub(super) fn is_said_and_hides_nothing(
    pipeline: &mut Pipeline,
    kafka: &Kafka,
    counter: &Counter,
    gone: i64,
) {
    // Of another partition the facts are gone, and the purchases are not.
    delete_before(kafka, PAYMENTS, 2, 5);
    let journal = pipeline.journal().display().to_string();
    let audit = ["audit", "--provider-journal", &journal];

    // What is published from now on stands in partitions that have lost their heads, and in one
    // that has not.
    let bought = shop::purchases(3, 2, 30);
    let places = counter.buy(&bought);
    quiet::until_quiet(pipeline, SOON);
    let report = pipeline.succeed(&audit);
    let says = |what: String| assert!(report.contains(&what), "{what} is not in\n{report}");
    says(AS_FAR_AS.to_owned());
    says(format!("{gone}  purchases that are gone from their topic"));
    says("  purchases of which records are gone".to_owned());

    let bought_in = |partition: i32| {
        let mut both = bought.iter().zip(&places);
        let found = both.find(|(_, place)| place.0 == partition);
        found.unwrap().0.purchase_id.clone()
    };
    let (whole, headless) = (bought_in(0), bought_in(1));
    let query = "SELECT purchase_id FROM payments WHERE state = 'captured' ORDER BY created_at";
    let captured = pipeline.database.column("payment", query).unwrap();
    let long_gone = captured.iter().find(|id| is_gone(pipeline, id, gone));
    let long_gone = long_gone.unwrap().clone();
    let change = |group: &str, table: &str, set: &str, purchase_id: &str| {
        let sql = format!("UPDATE {table} SET {set} WHERE purchase_id = '{purchase_id}'");
        pipeline.database.look(group, &sql).unwrap();
    };
    change("dispatch", "dispatches", "tracking = 'forged'", &whole);
    let more = "amount_minor = amount_minor + 1";
    change("payment", "payments", more, &headless);
    let untaken = "state = 'authorised', captured_at = NULL";
    change("payment", "payments", untaken, &long_gone);

    let (end, report) = pipeline.command(&audit);
    assert_eq!(end.code(), Some(1), "{report}");
    for (purchase_id, what) in [
        (
            &whole,
            "altered: dispatch says otherwise than the topics in [\"tracking\"]",
        ),
        (&headless, "in payments, the purchase says"),
        (
            &long_gone,
            "captured by the provider's journal, and payment does not say so",
        ),
    ] {
        let named = (report.lines()).any(|line| line.contains(purchase_id) && line.contains(what));
        assert!(named, "{purchase_id}: {what}\n{report}");
    }
    let named: BTreeSet<&str> = (report.lines())
        .filter_map(|line| line.trim().strip_prefix("BREACH  ")?.split(": ").next())
        .collect();
    // The last one is missing in the sum of what was taken, too.
    let to_blame = [&*whole, &*headless, &*long_gone, "USD"];
    assert_eq!(named, BTreeSet::from(to_blame), "{report}");
}

/// Whether the record of a purchase stood before an offset of partition 1.
fn is_gone(pipeline: &Pipeline, purchase_id: &str, gone: i64) -> bool {
    let query = format!(
        "SELECT count(*) FROM purchase_events WHERE purchase_id = '{purchase_id}' \
         AND topic = '{PURCHASES}' AND record_partition = 1 AND record_offset < {gone}"
    );
    pipeline.database.number("timeline", &query).unwrap() == 1
}

/// Does what retention does: the partition begins at an offset from now on.
pub(super) fn delete_before(kafka: &Kafka, topic: &str, partition: i32, offset: i64) {
    let mut before = TopicPartitionList::new();
    let offset = Offset::Offset(offset);
    before
        .add_partition_offset(topic, partition, offset)
        .unwrap();
    let options = AdminOptions::new().operation_timeout(Some(SOON));
    wait::block_on(kafka.admin().delete_records(&before, &options)).unwrap();
}
