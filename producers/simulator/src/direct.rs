//! The way straight to Kafka: a window of records at a time, in order.

use client::{PublishError, Publisher, Receipt, Record};
use schemas::Encoder;
use schemas::domain::Event;

use crate::action::{Action, Deed};
use crate::journal::Outcome;

/// How often a window's unconfirmed rest is sent again: the event ids stay the same.
const TRIES: usize = 5;

/// Publishes a window and says what became of each action.
pub(crate) async fn publish(
    publisher: &Publisher,
    encoder: &Encoder,
    actions: &[Action],
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Refused; actions.len()];
    let mut waiting: Vec<(usize, Record)> = (actions.iter().enumerate())
        .filter_map(|(place, action)| Some((place, record(encoder, action)?)))
        .collect();
    for _ in 0..TRIES {
        let (places, records): (Vec<usize>, Vec<Record>) = waiting.iter().cloned().unzip();
        let results = publisher.publish_all(records).await;
        for (place, result) in places.into_iter().zip(results) {
            outcomes[place] = match result {
                Ok(Receipt::Stored { .. }) => Outcome::Stored,
                Ok(Receipt::Spooled { .. }) => Outcome::Spooled,
                Err(PublishError::TooLarge { .. }) => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
        }
        waiting.retain(|(place, _)| outcomes[*place] == Outcome::Unknown);
        if waiting.is_empty() {
            break;
        }
    }
    outcomes
}

fn record(encoder: &Encoder, action: &Action) -> Option<Record> {
    let encoded = match &action.deed {
        Deed::Buy { purchase, .. } => {
            encoder.encode_purchase(purchase, u32::from(purchase.written_version))
        }
        Deed::Cancel { request, .. } => {
            encoder.encode_event(&Event::CancellationRequested(request.clone()))
        }
        Deed::Poison(poison) => return Some(poison.record.clone()),
    };
    match encoded {
        Ok(encoded) => Some(encoded.into()),
        Err(error) => {
            tracing::error!(%error, number = action.number, "encode a simulated action");
            None
        }
    }
}
