//! What a customer orders: as much as the version can say, in the seed's own order of choices.

use rand::Rng;
use schemas::domain::{Channel, DeliveryTier, Line, Purchase, Tender, TenderKind};

use super::{ACCOUNT, Shop};
use crate::action::Kind;
use crate::catalogue;

const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

impl Shop {
    /// A version by the plan's mix. Version 1 cannot name a payment method, so it cannot be
    /// declined.
    pub(super) fn version(&mut self, kind: Kind) -> u8 {
        let mix = self.plan.mix;
        let pick = self
            .random
            .random_range(0..(mix.v1 + mix.v2 + mix.v3).max(1));
        if pick < mix.v1 && kind != Kind::Declined {
            1
        } else if pick < mix.v1 + mix.v2 {
            2
        } else {
            3
        }
    }

    pub(super) fn purchase(&mut self, key: &str, kind: Kind, version: u8) -> Purchase {
        let purchase_id = schemas::ids::purchase_id(ACCOUNT, key);
        let lines = self.lines(kind, version);
        let shipping_minor = match version {
            1 => 0,
            _ => self.random.random_range(0..=900),
        };
        let delivery_tier = match self.random.random_range(0..10) {
            0..4 => DeliveryTier::TwoDay,
            4 if version > 1 => DeliveryTier::NextDay,
            _ => DeliveryTier::Standard,
        };
        let channel = match (version, self.random.random_range(0..3)) {
            (1, _) => Channel::Unknown,
            (_, 0) => Channel::Web,
            (_, 1) => Channel::App,
            _ => Channel::Store,
        };
        let mut purchase = Purchase {
            event_id: schemas::ids::derived(&purchase_id, "storefront.purchased"),
            purchase_id,
            customer_id: format!("customer-{}", self.random.random_range(0..5_000)),
            occurred_at: self.now,
            currency: "USD".into(),
            channel,
            delivery_tier,
            lines,
            shipping_minor,
            tenders: Vec::new(),
            instructions: (self.happens(0.1)).then(|| "Please put a ribbon on my package".into()),
            written_version: version,
        };
        if kind == Kind::Late {
            purchase.occurred_at -= self.random.random_range(DAY_MICROS / 24..3 * DAY_MICROS);
        }
        purchase.tenders = self.tenders(kind, version, purchase.total_minor());
        purchase
    }

    fn lines(&mut self, kind: Kind, version: u8) -> Vec<Line> {
        let count = if version == 3 {
            self.random.random_range(1..=4)
        } else {
            1
        };
        (1..=count)
            .map(|line_no| {
                let (item_id, unit_price_minor) = if kind == Kind::OutOfStock && line_no == count {
                    catalogue::missing(self.random.random_range(0..catalogue::MISSING_ITEMS))
                } else {
                    // The smaller of two: few items are wanted often.
                    let items = 0..catalogue::STOCKED_ITEMS;
                    let rank = (self.random.random_range(items.clone()))
                        .min(self.random.random_range(items));
                    catalogue::stocked(rank)
                };
                let quantity = if version > 1 {
                    self.random.random_range(1..=3)
                } else {
                    1
                };
                Line {
                    line_no,
                    item_id,
                    quantity,
                    unit_price_minor,
                    tax_minor: if version > 1 {
                        unit_price_minor / 12
                    } else {
                        0
                    },
                    gift_wrap: version == 3 && self.random.random_bool(0.2),
                }
            })
            .collect()
    }

    fn tenders(&mut self, kind: Kind, version: u8, total_minor: i64) -> Vec<Tender> {
        let reference = match (kind, version) {
            (Kind::Declined, _) => {
                let which = self.random.random_range(0..catalogue::DECLINED.len());
                Some(catalogue::DECLINED[which].to_owned())
            }
            (_, 1) => None,
            _ => Some("pm_card_visa".to_owned()),
        };
        let mut tenders = Vec::new();
        let mut card_minor = total_minor;
        if version == 3 && total_minor > 1_000 && self.random.random_bool(0.2) {
            tenders.push(Tender {
                kind: TenderKind::GiftCard,
                amount_minor: 500,
                reference: None,
            });
            card_minor -= 500;
        }
        tenders.push(Tender {
            kind: TenderKind::Card,
            amount_minor: card_minor,
            reference,
        });
        tenders
    }
}

/// The same purchase by id, with another price.
pub(super) fn contradict(purchase: &mut Purchase) {
    purchase.lines[0].unit_price_minor += 100;
    let more = 100 * i64::from(purchase.lines[0].quantity);
    let card = purchase.tenders.last_mut().expect("a purchase has a card");
    card.amount_minor += more;
}
