//! Copies a record out of the client: a borrowed message holds back the fetch buffer it lies in.

use std::sync::Arc;

use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers as _},
};

use crate::record::{Coordinates, Headers, Record};

pub(super) fn record(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Record {
    let headers = message.headers().map(|headers| {
        let all = headers.iter();
        all.map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec)))
            .collect()
    });
    Record {
        at: Coordinates {
            topic,
            partition: message.partition(),
            offset: message.offset(),
        },
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: Headers(headers.unwrap_or_default()),
        timestamp_micros: message
            .timestamp()
            .to_millis()
            .unwrap_or(0)
            .saturating_mul(1_000),
    }
}
