//! Records that must be set aside: a table of what is wrong with each, and the reason for which
//! readers have to say so. Every one has a purchase id of its own, so that it can hurt nothing.
//!
//! The bytes are written by hand: the encoder, rightly, does not make them.

use std::sync::LazyLock;

use client::Record;
use rand::Rng;
use schemas::{Encoder, Purchase, topics};

static ENCODER: LazyLock<Encoder> = LazyLock::new(Encoder::new);

/// A record that must be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// What is wrong with it.
    pub kind: &'static str,
    /// The reason in the dead letter.
    pub reason: &'static str,
    /// The record.
    pub record: Record,
}

/// What is wrong, the reason that readers give, and how it is made from a good record.
type Row = (&'static str, &'static str, fn(&mut Draft));

/// The table.
const TABLE: [Row; 38] = [
    ("tombstone", "empty", |draft| draft.record.payload = None),
    ("empty_payload", "empty", |draft| draft.payload().clear()),
    ("no_key", "key_mismatch", |draft| draft.record.key = None),
    ("foreign_key", "key_mismatch", |draft| {
        draft.record.key = Some(b"5f0c7a5e-0000-5c55-9a41-63f2d5f077c1".to_vec());
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
    ("truncated", "truncated", |draft| {
        let cut = 2 + draft.chance as usize % (draft.payload().len() - 2);
        draft.payload().truncate(cut);
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
    ("array_of_minus_2_to_the_63", "too_many_items", |draft| {
        draft.datum(|datum| datum.lines_head = [varint(i64::MIN), varint(0)].concat());
    }),
    ("block_that_lies", "undecodable", |draft| {
        draft.datum(|datum| datum.lines_head = [varint(-1), varint(1 << 40)].concat());
    }),
    ("string_of_2_gib", "truncated", |draft| {
        draft.datum(|datum| datum.customer_id = varint(1 << 31));
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
    ("line_break_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("eve\nlevel=error forged=true"));
    }),
    ("terminal_codes_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("\u{1b}[2Jeve"));
    }),
    ("nul_in_an_id", "invalid_customer_id", |draft| {
        draft.datum(|datum| datum.customer_id = text("eve\0"));
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
    ("price_of_minus_2_to_the_63", "invalid_amount", |draft| {
        draft.datum(|datum| datum.line[3] = varint(i64::MIN));
    }),
    ("negative_price", "invalid_amount", |draft| {
        draft.datum(|datum| datum.line[3] = varint(-100));
    }),
    ("tenders_that_do_not_add_up", "total_mismatch", |draft| {
        draft.datum(|datum| datum.tender_amount = varint(1));
    }),
    ("totals_that_do_not_add_up", "total_mismatch", |draft| {
        draft.datum(|datum| datum.totals[3] = varint(7));
    }),
    ("time_zero", "invalid_time", |draft| {
        draft.datum(|datum| datum.occurred_at = varint(0));
    }),
    ("the_year_9999", "invalid_time", |draft| {
        draft.datum(|datum| datum.occurred_at = varint(253_402_300_799_000_000));
    }),
    ("five_thousand_lines", "invalid_lines", |draft| {
        draft.datum(|datum| datum.copies = 5_000);
    }),
    ("min_reader_that_is_no_number", "header_mismatch", |draft| {
        draft.header("ce_minreader", b"three");
    }),
    ("id_that_is_another", "header_mismatch", |draft| {
        draft.header("ce_id", b"another");
    }),
];

/// Magic and fingerprint.
const FRAME_BYTES: usize = 10;

impl Poison {
    /// How many kinds there are.
    #[must_use]
    pub fn kinds() -> usize {
        TABLE.len()
    }

    /// The kind of that number, made out of a purchase of version 3.
    #[must_use]
    pub fn of(which: usize, base: &Purchase, random: &mut impl Rng) -> Self {
        let (kind, reason, spoil) = TABLE[which % TABLE.len()];
        let encoded = ENCODER
            .encode_purchase(base, 3)
            .expect("simulated purchases are valid");
        let mut draft = Draft {
            record: encoded.into(),
            base: base.clone(),
            chance: random.random(),
        };
        spoil(&mut draft);
        Self {
            kind,
            reason,
            record: draft.record,
        }
    }
}

/// A good record on its way to being spoilt.
struct Draft {
    record: Record,
    base: Purchase,
    chance: u32,
}

impl Draft {
    fn payload(&mut self) -> &mut Vec<u8> {
        self.record.payload.get_or_insert_default()
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        self.record.headers.retain(|(known, _)| known != name);
        (self.record.headers).push((name.to_owned(), Some(value.to_vec())));
    }

    /// Writes the datum by hand, with something changed.
    fn datum(&mut self, change: impl FnOnce(&mut Datum)) {
        let mut datum = Datum::of(&self.base);
        change(&mut datum);
        self.payload().truncate(FRAME_BYTES);
        let bytes = datum.bytes();
        self.payload().extend(bytes);
    }
}

/// The parts of a version 3 datum of one line and one tender, in Avro's binary form.
struct Datum {
    event_id: Vec<u8>,
    purchase_id: Vec<u8>,
    customer_id: Vec<u8>,
    occurred_at: Vec<u8>,
    currency: Vec<u8>,
    instructions: Vec<u8>,
    channel: Vec<u8>,
    /// The count of lines.
    lines_head: Vec<u8>,
    /// line_no, item_id, quantity, unit_price_minor, tax_minor, gift_wrap
    line: [Vec<u8>; 6],
    copies: i64,
    tender_amount: Vec<u8>,
    /// items, tax, shipping, total
    totals: [Vec<u8>; 4],
}

impl Datum {
    fn of(base: &Purchase) -> Self {
        let line = &base.lines[0];
        let items = line.unit_price_minor * i64::from(line.quantity);
        let total = items + line.tax_minor;
        Self {
            event_id: text(&base.event_id),
            purchase_id: text(&base.purchase_id),
            customer_id: text(&base.customer_id),
            occurred_at: varint(base.occurred_at),
            currency: text(&base.currency),
            instructions: varint(0),
            channel: varint(1),
            lines_head: varint(1),
            line: [
                varint(1),
                varint(line.item_id),
                varint(i64::from(line.quantity)),
                varint(line.unit_price_minor),
                varint(line.tax_minor),
                vec![0],
            ],
            copies: 1,
            tender_amount: varint(total),
            totals: [
                varint(items),
                varint(line.tax_minor),
                varint(0),
                varint(total),
            ],
        }
    }

    fn bytes(self) -> Vec<u8> {
        let lines_head = match self.copies {
            1 => self.lines_head,
            copies => varint(copies),
        };
        let copies = usize::try_from(self.copies).expect("copies are few");
        let end_of_array = || varint(0);
        let absent = || varint(0);
        [
            self.event_id,
            self.purchase_id,
            self.customer_id,
            self.occurred_at,
            // item_id, unit_price_minor: unstated, as a basket leaves the fields of version 1
            varint(0),
            varint(-1),
            self.currency,
            // prime
            vec![0],
            self.instructions,
            // quantity, unstated
            varint(0),
            self.channel,
            // delivery_tier: STANDARD
            varint(1),
            // shipping_minor, tax_minor, unstated; payment_ref
            varint(-1),
            varint(-1),
            absent(),
            lines_head,
            self.line.concat().repeat(copies),
            end_of_array(),
            // one tender: CARD, amount, no ref
            varint(1),
            varint(1),
            self.tender_amount,
            absent(),
            end_of_array(),
            self.totals.concat(),
        ]
        .concat()
    }
}

/// An Avro int or long.
fn varint(number: i64) -> Vec<u8> {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// An Avro string.
fn text(value: &str) -> Vec<u8> {
    let length = i64::try_from(value.len()).expect("short texts");
    [varint(length), value.as_bytes().to_vec()].concat()
}

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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use schemas::{Decoder, RawRecord, Refused};

    use super::*;
    use crate::action::Deed;
    use crate::plan::Plan;
    use crate::shop::Shop;

    fn a_purchase() -> Purchase {
        let mut plan = Plan::quiet(1, 1_700_000_000_000_000);
        plan.mix.v1 = 0;
        plan.mix.v2 = 0;
        match Shop::new(&plan).next().unwrap().deed {
            Deed::Buy { purchase, .. } => *purchase,
            other => panic!("{other:?}"),
        }
    }

    fn read(record: &Record) -> Result<schemas::Decoded, Refused> {
        let headers: Vec<(String, Vec<u8>)> = (record.headers.iter().cloned())
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect();
        Decoder::new(3).decode(&RawRecord {
            topic: &record.topic,
            key: record.key.as_deref(),
            payload: record.payload.as_deref(),
            headers: &headers,
            timestamp_micros: 0,
        })
    }

    #[test]
    fn what_is_spoilt_was_good_before() {
        let base = a_purchase();
        let mut draft = Draft {
            record: ENCODER.encode_purchase(&base, 3).unwrap().into(),
            base,
            chance: 0,
        };
        read(&draft.record).unwrap();
        draft.datum(|_| {});
        read(&draft.record).unwrap();
    }

    #[test]
    fn every_poison_is_refused_for_its_reason() {
        let base = a_purchase();
        let mut random = StdRng::seed_from_u64(1);
        for round in 0..50 {
            for which in 0..Poison::kinds() {
                let poison = Poison::of(which, &base, &mut random);
                match read(&poison.record) {
                    Err(Refused::Poison { reason, .. }) => {
                        assert_eq!(reason, poison.reason, "{} in round {round}", poison.kind);
                    }
                    other => panic!("{}: {other:?}", poison.kind),
                }
            }
        }
    }
}
