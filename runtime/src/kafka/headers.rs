//! The headers of a record as they came. Kafka's protocol calls a header's name a string and no
//! broker checks it, so anybody can publish one that is not UTF-8; rdkafka's own accessor panics on
//! it, and one such record would end every group that reads its topic. Here such a name is read
//! with replacement characters, as Kafka's Java client does.
#![expect(
    unsafe_code,
    reason = "rdkafka's accessor panics on names that are not UTF-8; see the module"
)]

use std::{
    ffi::{CStr, c_char, c_void},
    ptr,
};

use rdkafka::{
    Message as _, bindings as sys,
    message::{BorrowedHeaders, BorrowedMessage, Headers as _},
};

use crate::record::Headers;

/// All headers of a record, in order.
pub(super) fn headers(message: &BorrowedMessage<'_>) -> Headers {
    let Some(headers) = message.headers() else {
        return Headers::default();
    };
    Headers(
        (0..headers.count())
            .map_while(|index| header(headers, index))
            .collect(),
    )
}

fn header(headers: &BorrowedHeaders, index: usize) -> Option<(String, Option<Vec<u8>>)> {
    let mut name: *const c_char = ptr::null();
    let mut value: *const c_void = ptr::null();
    let mut value_bytes = 0;
    // SAFETY: a `BorrowedHeaders` is never a value of its own but librdkafka's `rd_kafka_headers_t`,
    // seen through a reference; it belongs to the message, which outlives this call. The name is a C
    // string and the value has `value_bytes` bytes, both held by the headers while they are copied.
    unsafe {
        let native = ptr::from_ref(headers).cast::<sys::rd_kafka_headers_t>();
        let answer = sys::rd_kafka_header_get_all(
            native,
            index,
            &raw mut name,
            &raw mut value,
            &raw mut value_bytes,
        );
        if answer != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        let value = (!value.is_null())
            .then(|| std::slice::from_raw_parts(value.cast::<u8>(), value_bytes).to_vec());
        Some((name, value))
    }
}
