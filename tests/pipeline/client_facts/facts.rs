//! The facts, each for whichever broker it is given.

use std::{collections::BTreeSet, time::Duration};

use harness::{Broker, broker::fresh_name, records};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::member::{Member, SESSION, Told, places, poll_all_until};

const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A topic whose partitions hold the offsets 0 to 9.
fn ten_records_each(broker: &dyn Broker, partitions: i32) -> String {
    let topic = broker.fresh_topic("facts", partitions);
    for partition in 0..partitions {
        write_ten(broker, &topic, partition);
    }
    topic
}

fn write_ten(broker: &dyn Broker, topic: &str, partition: i32) {
    records::write(&broker.bootstrap(), topic, partition, &["record"; 10]).unwrap();
}

pub(super) fn an_assignment_answered_with_nothing_is_kept_until_offsets_are_given(
    broker: &dyn Broker,
) {
    let topic = ten_records_each(broker, 2);
    let mut member = Member::join(broker, &fresh_name("held"), &[&topic]);
    member.poll_until("both partitions are assigned", |member| {
        member.owned().len() == 2
    });

    member.poll_for(SESSION * 2);

    assert_eq!(
        member.received,
        [],
        "nothing is read before offsets are given"
    );
    assert_eq!(
        member.told().len(),
        1,
        "the group did not go on without it: {:?}",
        member.told()
    );
    assert_eq!(member.consumer.assignment().unwrap().count(), 0);

    member.start_at(|(_, partition)| if *partition == 0 { 3 } else { 7 });
    member.poll_until("the rest of both partitions", |member| {
        member.received.len() == 10
    });

    assert_eq!(member.offsets(0), [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(member.offsets(1), [7, 8, 9]);
    assert_eq!(member.errors, []);
    assert_eq!(member.told().len(), 1, "{:?}", member.told());
    // The coordinator takes commits of the present generation only.
    let mut reached = TopicPartitionList::new();
    reached
        .add_partition_offset(&topic, 0, Offset::Offset(10))
        .unwrap();
    member.consumer.commit(&reached, CommitMode::Sync).unwrap();
}

pub(super) fn a_revocation_before_offsets_were_given_is_answered_by_unassigning(
    broker: &dyn Broker,
) {
    let topic = ten_records_each(broker, 2);
    let group = fresh_name("revoked");
    let mut first = Member::join(broker, &group, &[&topic]);
    first.poll_until("the first has both partitions", |member| {
        member.owned().len() == 2
    });

    let mut second = Member::join(broker, &group, &[&topic]);
    poll_all_until(
        &mut [&mut first, &mut second],
        "each has one partition",
        |members| members.iter().all(|member| member.owned().len() == 1),
    );

    assert_eq!(
        first.told()[1],
        Told::Revoked { is_lost: false },
        "{:?}",
        first.told()
    );
    assert!(first.owned().is_disjoint(&second.owned()));
    assert_eq!((first.received.len(), second.received.len()), (0, 0));
    first.start_at(|_| 4);
    second.start_at(|_| 8);
    poll_all_until(
        &mut [&mut first, &mut second],
        "each reads its own to the end",
        |members| members[0].received.len() == 6 && members[1].received.len() == 2,
    );

    // Closing polls until the second has left, and so answers its last revocation.
    drop(second);
    first.received.clear();
    first.poll_until("the first has both partitions again", |member| {
        member.owned().len() == 2
    });
    let held = places(&first.consumer.assignment().unwrap());
    assert_eq!(
        held,
        BTreeSet::new(),
        "what was assigned before is not kept"
    );
    first.start_at(|_| 9);
    first.poll_until("both partitions from the new offsets", |member| {
        member.received.len() == 2
    });
    assert_eq!((first.offsets(0), first.offsets(1)), (vec![9], vec![9]));
}

pub(super) fn a_partition_stays_paused_when_it_is_assigned_again(broker: &dyn Broker) {
    let topic = ten_records_each(broker, 2);
    let mut member = Member::join(broker, &fresh_name("paused"), &[&topic]);
    member.poll_until("both partitions are assigned", |member| {
        member.owned().len() == 2
    });
    member.start_at(|_| 8);
    member.poll_until("the ends of both", |member| member.received.len() == 4);
    let mut paused = TopicPartitionList::new();
    paused.add_partition(&topic, 0);
    member.consumer.pause(&paused).unwrap();

    member.consumer.unassign().unwrap();
    member.received.clear();
    member.start_at(|_| 0);
    member.poll_until("the running partition", |member| {
        member.offsets(1).len() == 10
    });
    // A round more than the paused one would have needed.
    write_ten(broker, &topic, 1);
    member.poll_until("the running partition again", |member| {
        member.offsets(1).len() == 20
    });
    assert!(member.offsets(0).is_empty(), "the pause survived");

    member.consumer.resume(&paused).unwrap();
    member.poll_until("the resumed partition", |member| {
        member.offsets(0).len() == 10
    });
    assert_eq!(member.offsets(0), (0..10).collect::<Vec<_>>());
}

pub(super) fn an_offset_out_of_range_is_an_error_that_names_no_partition(broker: &dyn Broker) {
    let topic = ten_records_each(broker, 2);
    let mut member = Member::join(broker, &fresh_name("range"), &[&topic]);
    member.poll_until("both partitions are assigned", |member| {
        member.owned().len() == 2
    });
    member.start_at(|(_, partition)| if *partition == 0 { 1_000 } else { 5 });

    member.poll_until("the error, and the other partition to its end", |member| {
        !member.errors.is_empty() && member.offsets(1).len() == 5
    });

    assert_eq!(
        member.errors,
        [KafkaError::MessageConsumption(
            RDKafkaErrorCode::AutoOffsetReset
        )]
    );
    assert!(member.offsets(0).is_empty(), "nothing is skipped to");
    // So the partition has to be found by comparing where we meant to start with what there is.
    let (low, high) = member
        .consumer
        .fetch_watermarks(&topic, 0, ANSWER_WITHIN)
        .unwrap();
    assert!(!(low..=high).contains(&1_000), "{low}..={high}");
    // The partition rests until it is assigned anew; the others go on.
    write_ten(broker, &topic, 0);
    write_ten(broker, &topic, 1);
    member.poll_until("the other partition again", |member| {
        member.offsets(1).len() == 15
    });
    assert_eq!((member.errors.len(), member.offsets(0)), (1, vec![]));
    member.start_at(|_| 19);
    member.poll_until("the partition after a new start", |member| {
        member.offsets(0).len() == 1
    });
}

pub(super) fn a_member_gets_the_same_partition_numbers_of_every_topic(broker: &dyn Broker) {
    let topics = ["a", "b", "c"].map(|name| broker.fresh_topic(name, 6));
    let names = topics.each_ref().map(String::as_str);
    let group = fresh_name("together");
    let mut members = [(); 3].map(|()| Member::join(broker, &group, &names));
    let mut polled: Vec<&mut Member> = members.iter_mut().collect();
    poll_all_until(
        &mut polled,
        "all 18 partitions have one of three owners",
        |members| members.iter().all(|member| member.owned().len() == 6),
    );

    let mut all = BTreeSet::new();
    for member in &members {
        let numbers = |topic: &String| -> BTreeSet<i32> {
            let owned = member.owned();
            let of_topic = owned.iter().filter(|place| place.0 == *topic);
            of_topic.map(|place| place.1).collect()
        };
        let [first, second, third] = topics.each_ref().map(numbers);
        assert_eq!((&first, &first), (&second, &third));
        assert_eq!(first.len(), 2);
        all.extend(first);
    }
    assert_eq!(all, (0..6).collect());
}
