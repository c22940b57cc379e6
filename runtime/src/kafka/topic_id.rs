//! The ids of topics: a topic that was deleted and created again has the same name and another id.
//!
//! rdkafka does not wrap this call, so these lines speak to librdkafka themselves.
#![expect(
    unsafe_code,
    reason = "DescribeTopics is not wrapped by rdkafka; see the module"
)]

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
    time::Duration,
};

use rdkafka::{
    bindings as sys,
    client::{Client, ClientContext},
};

/// Frees what librdkafka made, however a function is left.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the pointer came from the constructor that belongs to this destructor, and is
            // destroyed only here.
            unsafe { (self.1)(self.0) }
        }
    }
}

/// The ids of topics, in base 64 as Kafka's tools show them; none for a topic whose id the cluster
/// does not tell. Blocks for at most `timeout`.
pub(super) fn topic_ids<C: ClientContext>(
    client: &Client<C>,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<Option<String>>, String> {
    let names: Vec<CString> = topics
        .iter()
        .map(|topic| CString::new(topic.as_str()).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the names outlive the collection, which copies them; the client outlives this call.
    // Each pointer is checked for null before it is used, and freed by its guard after the last
    // use: the result belongs to the event, the descriptions to the result.
    unsafe {
        let rk = client.native_ptr();
        let count = pointers.len();
        let collection = Owned(
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), count),
            sys::rd_kafka_TopicCollection_destroy,
        );
        let queue = Owned(sys::rd_kafka_queue_new(rk), sys::rd_kafka_queue_destroy);
        if collection.0.is_null() || queue.0.is_null() {
            return Err("librdkafka could not prepare to describe topics".to_owned());
        }
        sys::rd_kafka_DescribeTopics(rk, collection.0, ptr::null(), queue.0);
        let event = Owned(
            sys::rd_kafka_queue_poll(queue.0, timeout_ms),
            sys::rd_kafka_event_destroy,
        );
        if event.0.is_null() {
            return Err(format!("topics were not described within {timeout:?}"));
        }
        let error = sys::rd_kafka_event_error(event.0);
        if error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE {
            return Ok(vec![None; topics.len()]);
        }
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(text(sys::rd_kafka_event_error_string(event.0)).unwrap_or_default());
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err("the answer to describing topics is of another kind".to_owned());
        }
        let mut found = 0;
        let descriptions = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut found);
        if descriptions.is_null() {
            return Ok(vec![None; topics.len()]);
        }
        let descriptions = std::slice::from_raw_parts(descriptions, found);
        let described: Vec<(Option<String>, Option<String>)> = descriptions
            .iter()
            .map(|one| (name_of(*one), id_of(*one)))
            .collect();
        let id = |topic: &String| {
            let one = described
                .iter()
                .find(|(name, _)| name.as_ref() == Some(topic));
            one.and_then(|(_, id)| id.clone())
        };
        Ok(topics.iter().map(id).collect())
    }
}

/// # Safety
/// The description must belong to a result that is still held.
unsafe fn name_of(description: *const sys::rd_kafka_TopicDescription_t) -> Option<String> {
    // SAFETY: as the caller promises.
    unsafe { text(sys::rd_kafka_TopicDescription_name(description)) }
}

/// # Safety
/// The description must belong to a result that is still held.
unsafe fn id_of(description: *const sys::rd_kafka_TopicDescription_t) -> Option<String> {
    // SAFETY: as the caller promises; the id belongs to the description.
    unsafe {
        let id = sys::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return None;
        }
        let is_told = sys::rd_kafka_Uuid_most_significant_bits(id) != 0
            || sys::rd_kafka_Uuid_least_significant_bits(id) != 0;
        if is_told {
            text(sys::rd_kafka_Uuid_base64str(id))
        } else {
            None
        }
    }
}

/// # Safety
/// The pointer must be null or point to a C string that is still held.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    Some(
        unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    )
}
