//! Copies a record out of the client: a borrowed message holds back the fetch buffer it lies in.

use std::sync::Arc;

use rdkafka::{Message, message::BorrowedMessage};

use super::headers::headers;
use crate::record::{Coordinates, Record};

pub(super) fn record(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Record {
    Record {
        at: Coordinates {
            topic,
            partition: message.partition(),
            offset: message.offset(),
        },
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers(message),
        timestamp_micros: message
            .timestamp()
            .to_millis()
            .unwrap_or(0)
            .saturating_mul(1_000),
    }
}
