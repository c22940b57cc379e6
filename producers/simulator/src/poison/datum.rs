//! A version 3 datum as its parts, so that each can be spoilt on its own.

use schemas::Purchase;

/// The parts of a version 3 datum of one line and one tender, in Avro's binary form.
pub(super) struct Datum {
    pub(super) event_id: Vec<u8>,
    pub(super) purchase_id: Vec<u8>,
    pub(super) customer_id: Vec<u8>,
    pub(super) occurred_at: Vec<u8>,
    pub(super) currency: Vec<u8>,
    pub(super) instructions: Vec<u8>,
    pub(super) channel: Vec<u8>,
    /// The count of lines.
    pub(super) lines_head: Vec<u8>,
    /// line_no, item_id, quantity, unit_price_minor, tax_minor, gift_wrap
    pub(super) line: [Vec<u8>; 6],
    pub(super) copies: i64,
    pub(super) tender_amount: Vec<u8>,
    /// items, tax, shipping, total
    pub(super) totals: [Vec<u8>; 4],
}

impl Datum {
    pub(super) fn of(base: &Purchase) -> Self {
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

    /// One piece at this price and without tax, and everything that adds up says so.
    pub(super) fn cost(&mut self, minor: i64) {
        self.line[2] = varint(1);
        self.line[3] = varint(minor);
        self.line[4] = varint(0);
        self.tender_amount = varint(minor);
        self.totals = [varint(minor), varint(0), varint(0), varint(minor)];
    }

    pub(super) fn bytes(self) -> Vec<u8> {
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
pub(super) fn varint(number: i64) -> Vec<u8> {
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
pub(super) fn text(value: &str) -> Vec<u8> {
    let length = i64::try_from(value.len()).expect("short texts");
    [varint(length), value.as_bytes().to_vec()].concat()
}
