//! F: records that nobody can read or act on, and some that only look like it. What all rows promise stands
//! in `shared`; the records of each in `rows`.

mod batches;
mod checks;
mod gap;
mod kinds;
mod memory;
mod redriven;
mod rows;
mod schemas_of_others;
mod shared;

use shared::shared;

#[test]
fn f1_a_record_without_a_value_or_without_a_key_is_set_aside() {
    shared().assert_row("f1");
}

#[test]
fn f2_bytes_of_another_format_are_set_aside() {
    shared().assert_row("f2");
}

#[test]
fn f3_a_schema_that_nobody_knows_or_that_belongs_elsewhere_is_not_guessed() {
    shared().assert_row("f3");
}

#[test]
fn f4_a_record_that_ends_before_any_of_its_bytes_is_never_taken_for_whole() {
    shared().assert_row("f4");
}

#[test]
fn f5_bytes_behind_a_record_are_never_overlooked() {
    shared().assert_row("f5");
}

#[test]
fn f6_a_count_that_no_memory_could_hold_is_refused_before_it_is_believed() {
    shared().assert_row("f6");
}

#[test]
fn f7_items_that_take_no_bytes_are_counted_all_the_same() {
    shared().assert_row("f7");
}

#[test]
fn f8_the_length_of_a_text_is_held_against_what_is_there() {
    shared().assert_row("f8");
}

#[test]
fn f9_a_choice_that_there_is_not_is_refused() {
    shared().assert_row("f9");
}

#[test]
fn f10_a_number_that_is_written_too_long_is_refused() {
    shared().assert_row("f10");
}

#[test]
fn f11_a_schema_that_nests_without_end_is_never_followed() {
    shared().assert_row("f11");
}

#[test]
fn f12_a_record_above_the_limit_is_set_aside_unread_and_one_far_above_it_is_not_taken() {
    let refusal = &shared().refusal;
    assert!(batches::is_too_large(refusal), "{refusal}");
    shared().assert_row("f12");
}

#[test]
fn f13_a_schema_longer_than_any_of_ours_is_never_parsed() {
    shared().assert_row("f13");
}

#[test]
fn f14_a_record_that_inflates_costs_bounded_memory() {
    shared().assert_row("f14");
    shared().assert_bombs_were_cheap();
}

#[test]
fn f16_text_that_is_none_is_refused_and_text_that_plays_tricks_stays_text() {
    shared().assert_row("f16");
}

#[test]
fn f17_an_amount_that_is_no_whole_number_is_never_acted_on() {
    shared().assert_row("f17");
}

#[test]
fn f18_amounts_that_cannot_be_or_do_not_add_up_are_set_aside() {
    shared().assert_row("f18");
}

#[test]
fn f19_a_time_outside_of_this_century_or_in_the_future_is_set_aside() {
    shared().assert_row("f19");
}

#[test]
fn f20_of_two_that_contradict_each_other_the_first_counts() {
    shared().assert_row("f20");
}

#[test]
fn f21_more_lines_or_pieces_than_anybody_buys_are_set_aside() {
    shared().assert_row("f21");
}

#[test]
fn f22_headers_may_be_missing_and_may_neither_lie_nor_be_endless() {
    shared().assert_row("f22");
}

#[test]
fn f23_marks_of_transactions_are_passed_over_and_what_was_aborted_has_no_effect() {
    shared().assert_row("f23");
    shared().assert_aborted_is_unknown();
}

/// A record of another topic is set aside as such.
#[test]
fn a18_a_record_of_another_topic_is_set_aside_by_every_group_that_reads_it() {
    shared().assert_row("a18");
}

/// A schema that is hostile is refused, whoever has registered it.
#[test]
fn d2_a_hostile_schema_that_the_registry_knows_is_refused_by_every_group() {
    for registered in ["f11", "f13"] {
        shared().assert_row(registered);
    }
}

#[test]
fn f24_what_is_readable_by_the_wrong_schema_is_caught_by_what_it_says() {
    shared().assert_row("f24");
}

#[test]
fn f25_statements_and_formats_in_a_text_are_a_text() {
    shared().assert_row("f25");
}

#[test]
fn f26_what_cannot_have_happened_moves_neither_money_nor_goods() {
    shared().assert_row("f26");
}

#[test]
fn what_is_set_aside_is_told_of_on_the_topic_of_its_group_and_can_be_redriven() {
    shared().assert_all_is_told();
    shared().assert_all_come_back();
}
