//! A record that librdkafka writes and rdkafka does not: with a header whose name is not UTF-8.
#![expect(
    unsafe_code,
    reason = "rdkafka takes names of headers as text; see the module"
)]

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::{
    ClientConfig, bindings as sys,
    producer::{BaseProducer, Producer as _},
};

/// Publishes a record with one header, whose name may be any bytes, to the partition of its key.
///
/// # Errors
/// When the broker does not take it in time.
pub fn write(
    bootstrap: &str,
    topic: &str,
    key: &[u8],
    payload: &[u8],
    header: &CStr,
) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("partitioner", "murmur2_random")
        .create()?;
    let topic = CString::new(topic)?;
    let no_value: *const c_char = ptr::null();
    // SAFETY: the arguments are what librdkafka documents for each tag, up to the end's; the client and
    // all pointers outlive the call, and librdkafka copies what they point to (RD_KAFKA_MSG_F_COPY is 2).
    let answer = unsafe {
        use sys::rd_kafka_vtype_t as Tag;
        sys::rd_kafka_producev(
            producer.client().native_ptr(),
            Tag::RD_KAFKA_VTYPE_TOPIC,
            topic.as_ptr(),
            Tag::RD_KAFKA_VTYPE_KEY,
            key.as_ptr(),
            key.len(),
            Tag::RD_KAFKA_VTYPE_VALUE,
            payload.as_ptr(),
            payload.len(),
            Tag::RD_KAFKA_VTYPE_HEADER,
            header.as_ptr(),
            no_value,
            0_isize,
            Tag::RD_KAFKA_VTYPE_MSGFLAGS,
            2_i32,
            Tag::RD_KAFKA_VTYPE_END,
        )
    };
    anyhow::ensure!(
        answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        "librdkafka does not take the record: {answer:?}"
    );
    producer
        .flush(Duration::from_secs(30))
        .context("write a record")
}
