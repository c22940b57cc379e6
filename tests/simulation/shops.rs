//! What comes from outside the groups: stock keepers fill the shelves and count them, shops sell,
//! customers cancel, and somebody publishes what nobody can read.

use runtime::Headers;
use schemas::{
    Event, Fact,
    domain::{CancellationRequested, StockAdjusted, StockReceived},
    encode::Encoded,
    ids,
};
use simulator::{action::Deed, catalogue};

use crate::{groups, world::World};

impl World {
    pub(crate) fn fill_shelves(&mut self) {
        let wanted = self.plan.wanted_skus();
        for sku in catalogue::stocked_skus().filter(|sku| wanted.contains(sku)) {
            let received = StockReceived {
                event_id: ids::purchase_id("stock keeper", &sku),
                sku,
                occurred_at: self.now,
                causation_id: None,
                quantity: self.plan.shape.units,
            };
            let event = Event::Fact(Fact::StockReceived(received));
            // Stock keepers tell everything twice.
            for _ in 0..2 {
                self.publish(self.encoder.encode_event(&event).unwrap());
            }
        }
    }

    /// Whether shops sell: in most worlds not before the shelves are filled.
    pub(crate) fn is_open(&mut self) -> bool {
        let (topics, seen) = (&self.around.topics, self.around.watch.seen());
        let is_read = |shard: i32| {
            let at = (groups::INVENTORY, schemas::topics::STOCK.to_owned(), shard);
            let read = seen.positions.get(&at).copied().unwrap_or_default();
            read >= topics.end(schemas::topics::STOCK, shard)
        };
        self.has_opened = self.has_opened
            || !self.plan.shape.opens_filled
            || (0..self.plan.shape.shards).all(is_read);
        self.has_opened
    }

    /// A stock keeper finds up to two units more or fewer of an item than were there.
    pub(crate) fn count_stock(&mut self, choice: u32) {
        let wanted = self.plan.wanted_skus();
        let stocked: Vec<String> = (catalogue::stocked_skus())
            .filter(|sku| wanted.contains(sku))
            .collect();
        let Some(sku) = stocked.get(choice as usize % stocked.len().max(1)) else {
            return;
        };
        let quantity_change = [-2, -1, 1, 2][choice as usize / 7 % 4];
        let adjusted = StockAdjusted {
            event_id: ids::purchase_id("stock keeper", &format!("{sku} {choice}")),
            sku: sku.clone(),
            occurred_at: self.now,
            causation_id: None,
            quantity_change,
            reason: "counted".to_owned(),
        };
        (self.history).note(|| format!("a stock keeper counts {sku}: {quantity_change:+}"));
        let event = Event::Fact(Fact::StockAdjusted(adjusted));
        for _ in 0..2 {
            self.publish(self.encoder.encode_event(&event).unwrap());
        }
        self.count("counts of stock");
    }

    /// A customer asks to cancel a purchase that the carrier has.
    pub(crate) fn want_back(&mut self, choice: u32) {
        let has_refused = (self.refused.keys()).any(|(group, _)| *group == groups::DISPATCH);
        if has_refused {
            return;
        }
        let left: Vec<String> = self.outside.handed_over.iter().cloned().collect();
        let Some(id) = left.get(choice as usize % left.len().max(1)) else {
            return;
        };
        let request = CancellationRequested {
            event_id: ids::derived(id, "cancellation_requested:return"),
            purchase_id: id.clone(),
            occurred_at: self.now,
            causation_id: None,
            reason: "customer".to_owned(),
        };
        self.history.note(|| format!("a customer gives {id} back"));
        self.count("returns");
        self.returns.insert(request.event_id.clone(), id.clone());
        let event = Event::CancellationRequested(request);
        self.publish(self.encoder.encode_event(&event).unwrap());
    }

    /// The requests to cancel: their ids and the purchases.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&str, &str)> {
        let returns = self.returns.iter();
        let returns = returns.map(|(event_id, id)| (event_id.as_str(), id.as_str()));
        self.plan.requests().chain(returns)
    }

    /// The shops do the next of their deeds.
    pub(crate) fn sell(&mut self) {
        let deed = self.plan.deeds[self.next_deed].clone();
        self.next_deed += 1;
        let encoded = match deed {
            Deed::Buy { purchase, kind } => {
                let version = u32::from(purchase.written_version);
                let id = purchase.purchase_id.clone();
                self.history
                    .note(|| format!("a shop sells {id}: {}, version {version}", kind.as_str()));
                self.encoder.encode_purchase(&purchase, version).unwrap()
            }
            Deed::Cancel { request, .. } => {
                let id = request.purchase_id.clone();
                self.history.note(|| format!("a customer cancels {id}"));
                let event = Event::CancellationRequested(request);
                self.encoder.encode_event(&event).unwrap()
            }
            Deed::Poison(poison) => {
                let kind = poison.kind;
                self.history
                    .note(|| format!("somebody publishes poison: {kind}"));
                let record = poison.record;
                let headers = Headers(record.headers);
                let (topics, now) = (&self.around.topics, self.now);
                topics.append(&record.topic, record.key, record.payload, headers, now);
                return;
            }
        };
        self.publish(encoded);
    }

    /// As a producer's retry, or a replay: the same bytes once more.
    pub(crate) fn come_again(&mut self, choice: u32) {
        let topics = &self.around.topics;
        let places = groups::all_topics()
            .into_iter()
            .flat_map(|topic| (0..self.plan.shape.shards).map(move |shard| (topic.clone(), shard)));
        let ours = places.filter(|(topic, _)| !topic.contains("dead-letters"));
        let records: Vec<_> = ours
            .flat_map(|(topic, shard)| topics.read(&topic, shard, 0, usize::MAX))
            // Of what the shelves were filled with there is enough.
            .filter(|record| !record.at.topic.contains("stock"))
            .collect();
        if let Some(record) = records.get(choice as usize % records.len().max(1)) {
            let (topic, key) = (record.at.topic.to_string(), record.key.clone());
            let (payload, headers) = (record.payload.clone(), record.headers.clone());
            let again = topics.append(&topic, key, payload, headers, self.now);
            self.count("records repeated");
            self.history.note(|| {
                let again = again
                    .map(|record| record.at.to_string())
                    .unwrap_or_default();
                format!("{} comes again: {again}", record.at)
            });
        }
    }

    fn publish(&self, encoded: Encoded) {
        let headers = encoded.headers.into_iter();
        let headers = Headers(headers.map(|(name, value)| (name, Some(value))).collect());
        let (key, payload) = (Some(encoded.key), Some(encoded.payload));
        let topics = &self.around.topics;
        let record = topics.append(encoded.topic, key, payload, headers, self.now);
        if let Some(record) = record {
            self.around.watch.seen().note_place(&record);
        }
    }
}
