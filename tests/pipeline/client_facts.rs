//! What the consumer runtime relies on in librdkafka and does not find promised in its documentation:
//! each fact is shown on the in-process cluster and on Apache Kafka, so that an upgrade of the client
//! that changes one of them is noticed here and not by a customer.

mod facts;
mod member;

/// Runs each fact on a broker.
macro_rules! on {
    ($broker:expr) => {
        use super::facts;

        #[test]
        fn an_assignment_answered_with_nothing_is_kept_until_offsets_are_given() {
            facts::an_assignment_answered_with_nothing_is_kept_until_offsets_are_given($broker);
        }

        #[test]
        fn a_revocation_before_offsets_were_given_is_answered_by_unassigning() {
            facts::a_revocation_before_offsets_were_given_is_answered_by_unassigning($broker);
        }

        #[test]
        fn a_partition_stays_paused_when_it_is_assigned_again() {
            facts::a_partition_stays_paused_when_it_is_assigned_again($broker);
        }

        #[test]
        fn an_offset_out_of_range_is_an_error_that_names_no_partition() {
            facts::an_offset_out_of_range_is_an_error_that_names_no_partition($broker);
        }

        #[test]
        fn a_member_gets_the_same_partition_numbers_of_every_topic() {
            facts::a_member_gets_the_same_partition_numbers_of_every_topic($broker);
        }
    };
}

mod in_process {
    on!(harness::mock::shared());
}

mod real {
    on!(harness::kafka::shared());
}
