//! Movements of stock, as a stock keeper's tool publishes them. The keeper names each movement:
//! the same name is the same movement, however often it is sent.

use schemas::domain::{Event, Fact, StockAdjusted, StockReceived};
use schemas::{EncodeError, Encoder};

use crate::error::PublishError;
use crate::publisher::Publisher;
use crate::record::Receipt;

/// Why a movement was not published.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// No reader would take it: the keeper corrects it.
    #[error("the movement is not valid")]
    Invalid(#[source] EncodeError),
    /// It is not durable; sending it again under its name is safe.
    #[error("the movement was not published")]
    NotPublished(#[source] PublishError),
}

/// Publishes that goods came in.
pub async fn stock_received(
    publisher: &Publisher,
    encoder: &Encoder,
    movement: StockReceived,
) -> Result<Receipt, StockError> {
    publish(publisher, encoder, Fact::StockReceived(movement)).await
}

/// Publishes that stock was counted.
pub async fn stock_adjusted(
    publisher: &Publisher,
    encoder: &Encoder,
    movement: StockAdjusted,
) -> Result<Receipt, StockError> {
    publish(publisher, encoder, Fact::StockAdjusted(movement)).await
}

async fn publish(
    publisher: &Publisher,
    encoder: &Encoder,
    fact: Fact,
) -> Result<Receipt, StockError> {
    let encoded = (encoder.encode_event(&Event::Fact(fact))).map_err(StockError::Invalid)?;
    (publisher.publish(encoded).await).map_err(StockError::NotPublished)
}
