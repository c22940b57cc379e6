//! What can be wrong with a record: one row each.

use std::mem::swap;

use schemas::{DATUM_BYTES_MAX, topics};

use super::datum::{text, varint};
use super::{Draft, ENCODER, FRAME_BYTES};

/// What is wrong, the reason that readers give, and how it is made from a good record.
pub(super) type Row = (&'static str, &'static str, fn(&mut Draft));

/// The table.
pub(super) const TABLE: &[Row] = &[
    ("tombstone", "empty", |draft| draft.record.payload = None),
    ("empty_payload", "empty", |draft| draft.payload().clear()),
    ("no_key", "key_mismatch", |draft| draft.record.key = None),
    ("foreign_key", "key_mismatch", |draft| {
        draft.record.key = Some(b"5f0c7a5e-0000-5c55-9a41-63f2d5f077c1".to_vec());
    }),
    ("key_that_is_no_text", "key_mismatch", |draft| {
        draft.record.key = Some(vec![0xff, 0xfe]);
    }),
    ("json", "bad_magic", |draft| {
        *draft.payload() = br#"{"Type":"PurchasedItemOnWebsite","ItemId":2341083}"#.to_vec();
    }),
    ("protobuf", "bad_magic", |draft| {
        *draft.payload() = vec![0x0a, 0x05, b'h', b'e', b'l', b'l', b'o'];
    }),
    ("wrong_magic", "bad_magic", |draft| {
        draft.payload()[0] = 0x7f
    }),
    ("unknown_fingerprint", "unknown_schema", |draft| {
        draft.payload()[2..10].copy_from_slice(&[0xee; 8]);
    }),
    ("schema_of_another_topic", "wrong_topic", |draft| {
        draft.record.payload = Some(stock_payload());
    }),
    ("truncated", "truncated", Draft::cut_short),
    ("written_under_an_older_name", "trailing_bytes", |draft| {
        let older = schemas::released::by_name("Purchase", 2).expect("it is released");
        draft.payload()[2..FRAME_BYTES].copy_from_slice(&older.fingerprint);
    }),
    ("trailing_bytes", "trailing_bytes", |draft| {
        draft.payload().push(0)
    }),
    ("two_in_one", "trailing_bytes", |draft| {
        let again = draft.payload()[FRAME_BYTES..].to_vec();
        draft.payload().extend(again);
    }),
    ("array_of_2_to_the_62", "too_many_items", |draft| {
        draft.datum(|datum| datum.lines_head = varint(1 << 62));
    }),
    ("array_of_2_to_the_29", "too_many_items", |draft| {
        draft.datum(|datum| datum.lines_head = varint(1 << 29));
    }),
    ("array_of_minus_2_to_the_63", "too_many_items", |draft| {
        draft.datum(|datum| datum.lines_head = [varint(i64::MIN), varint(0)].concat());
    }),
    ("block_that_lies", "undecodable", |draft| {
        draft.datum(|datum| datum.lines_head = [varint(-1), varint(1 << 40)].concat());
    }),
    ("string_of_2_gib", "truncated", |draft| {
        draft.datum(|datum| datum.customer_id = varint(1 << 31));
    }),
    ("string_of_512_mib", "truncated", |draft| {
        draft.datum(|datum| datum.customer_id = varint((512 << 20) - 1));
    }),
    ("string_of_negative_length", "undecodable", |draft| {
        draft.datum(|datum| datum.customer_id = varint(-5));
    }),
    ("union_index_out_of_range", "undecodable", |draft| {
        draft.datum(|datum| datum.instructions = varint(7));
    }),
    ("union_index_negative", "undecodable", |draft| {
        draft.datum(|datum| datum.instructions = varint(-1));
    }),
    ("enum_out_of_range", "undecodable", |draft| {
        draft.datum(|datum| datum.channel = varint(99));
    }),
    ("integer_of_11_bytes", "undecodable", |draft| {
        draft.datum(|datum| datum.occurred_at = [vec![0xff; 10], vec![0x01]].concat());
    }),
    ("not_utf8", "invalid_utf8", |draft| {
        draft.datum(|datum| datum.customer_id = [varint(2), vec![0xc3, 0x28]].concat());
    }),
    ("overlong_utf8", "invalid_utf8", |draft| {
        draft.datum(|datum| datum.customer_id = [varint(2), vec![0xc0, 0x80]].concat());
    }),
    ("half_a_pair_in_utf8", "invalid_utf8", |draft| {
        draft.datum(|datum| datum.customer_id = [varint(3), vec![0xed, 0xa0, 0x80]].concat());
    }),
    ("line_break_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("eve\nlevel=error forged=true"));
    }),
    ("terminal_codes_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("\u{1b}[2Jeve"));
    }),
    ("nul_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("eve\0"));
    }),
    ("byte_order_mark_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("\u{feff}eve"));
    }),
    (
        "turned_direction_in_an_id",
        "invalid_customer_id",
        |draft| {
            draft.datum(|datum| datum.customer_id = text("\u{202e}eve"));
        },
    ),
    ("id_of_129_characters", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text(&"e".repeat(129)));
    }),
    ("currency_in_small_letters", "invalid_currency", |draft| {
        draft.datum(|datum| datum.currency = text("usd"));
    }),
    ("defaulted_currency", "invalid_currency", |draft| {
        draft.datum(|datum| datum.currency = text("XXX"));
    }),
    ("no_item", "invalid_item_id", |draft| {
        draft.datum(|datum| datum.line[1] = varint(0));
    }),
    ("no_quantity", "invalid_quantity", |draft| {
        draft.datum(|datum| datum.line[2] = varint(0));
    }),
    ("quantity_of_2_to_the_31", "undecodable", |draft| {
        draft.datum(|datum| datum.line[2] = varint(1 << 31));
    }),
    ("quantity_above_the_limit", "invalid_quantity", |draft| {
        draft.datum(|datum| datum.line[2] = varint(10_001));
    }),
    ("price_of_minus_2_to_the_63", "invalid_amount", |draft| {
        draft.datum(|datum| datum.line[3] = varint(i64::MIN));
    }),
    ("negative_price", "invalid_amount", |draft| {
        draft.datum(|datum| datum.line[3] = varint(-100));
    }),
    ("total_above_every_card", "card_amount_too_large", |draft| {
        draft.datum(|datum| datum.cost(100_000_000));
    }),
    ("total_that_overflows", "invalid_amount", |draft| {
        draft.datum(|datum| datum.cost(i64::MAX));
    }),
    ("tenders_that_do_not_add_up", "total_mismatch", |draft| {
        draft.datum(|datum| datum.tender_amount = varint(1));
    }),
    ("tender_of_nothing", "invalid_amount", |draft| {
        draft.datum(|datum| datum.tender_amount = varint(0));
    }),
    ("totals_that_do_not_add_up", "total_mismatch", |draft| {
        draft.datum(|datum| datum.totals[3] = varint(7));
    }),
    ("time_zero", "invalid_time", |draft| {
        draft.datum(|datum| datum.occurred_at = varint(0));
    }),
    ("before_1970", "invalid_time", |draft| {
        draft.datum(|datum| datum.occurred_at = varint(-1));
    }),
    ("ten_years_ahead", "invalid_time", |draft| {
        let ahead = draft.base.occurred_at + 10 * 365 * 24 * 60 * 60 * 1_000_000;
        draft.datum(|datum| datum.occurred_at = varint(ahead));
    }),
    ("the_year_9999", "invalid_time", |draft| {
        draft.datum(|datum| datum.occurred_at = varint(253_402_300_799_000_000));
    }),
    ("ten_thousand_lines", "invalid_lines", |draft| {
        draft.datum(|datum| datum.copies = 10_000);
    }),
    // Whole data of a schema whose fields stand in another order: every byte can be read.
    ("two_ids_in_each_others_place", "key_mismatch", |draft| {
        draft.datum(|datum| swap(&mut datum.event_id, &mut datum.purchase_id));
    }),
    (
        "two_texts_in_each_others_place",
        "invalid_currency",
        |draft| {
            draft.datum(|datum| swap(&mut datum.customer_id, &mut datum.currency));
        },
    ),
    (
        "two_numbers_in_each_others_place",
        "total_mismatch",
        |draft| {
            draft.datum(|datum| datum.totals.swap(2, 3));
        },
    ),
    ("min_reader_that_is_no_number", "header_mismatch", |draft| {
        draft.header("ce_minreader", b"three");
    }),
    ("id_that_is_another", "header_mismatch", |draft| {
        draft.header("ce_id", b"another");
    }),
    ("type_that_is_another", "header_mismatch", |draft| {
        draft.header("ce_type", b"shop.PaymentCaptured");
    }),
    ("type_that_nobody_knows", "header_mismatch", |draft| {
        draft.header("ce_type", b"shop.PurchaseForgotten");
    }),
    ("id_that_is_no_text", "header_mismatch", |draft| {
        draft.header("ce_id", &[0xff, 0xfe, 0x00]);
    }),
    ("id_of_no_schema", "unknown_schema", |draft| {
        let id = i32::MAX.cast_unsigned() - draft.chance % 1_000;
        draft.named_by_prefix(id);
    }),
    ("negative_schema_id", "unknown_schema", |draft| {
        draft.named_by_prefix(u32::MAX - draft.chance % 1_000);
    }),
    ("guid_of_no_schema", "unknown_schema", |draft| {
        let guid = [&[0x01; 13][..], &draft.chance.to_be_bytes()[..]].concat();
        draft.payload().drain(..FRAME_BYTES);
        draft.header("__value_schema_id", &guid);
    }),
    ("schema_id_header_that_is_cut", "bad_magic", |draft| {
        draft.payload().drain(..FRAME_BYTES);
        draft.header("__value_schema_id", &[0x01, 0x02]);
    }),
    ("a_thousand_headers", "too_many_headers", |draft| {
        for number in 0..1_000 {
            draft.header(&format!("x-{number}"), b"1");
        }
    }),
    ("header_of_64_kib", "headers_too_large", |draft| {
        draft.header("x-long", &vec![b'x'; 64 << 10]);
    }),
    ("name_of_40_kib", "headers_too_large", |draft| {
        draft.header(&"n".repeat(40 << 10), b"");
    }),
    ("a_byte_too_long", "too_large", |draft| {
        draft.noise_up_to(DATUM_BYTES_MAX + 1);
    }),
    // 850 000 bytes that are 4 000 on the wire and in the broker.
    ("inflates_two_hundred_fold", "too_large", |draft| {
        draft.payload().resize(850_000, 0);
    }),
    // Small enough to be read, and a count that wants 10 000 times as much.
    (
        "array_of_nothing_that_inflates",
        "too_many_items",
        |draft| {
            draft.datum(|datum| datum.lines_head = varint(500_000_000));
            draft.payload().resize(DATUM_BYTES_MAX, 0);
        },
    ),
];

/// A payload that is good on another topic.
fn stock_payload() -> Vec<u8> {
    let received = schemas::domain::StockReceived {
        event_id: "sim-stock".into(),
        sku: "1".into(),
        occurred_at: 1_700_000_000_000_000,
        causation_id: None,
        quantity: 1,
    };
    let encoded = ENCODER.encode_fact(&schemas::Fact::StockReceived(received));
    debug_assert_eq!(encoded.topic, topics::STOCK);
    encoded.payload
}
