//! Where many partitions begin and end, asked with one request to each broker that leads some of
//! them: one by one, a lane of a hundred partitions would wait for a hundred replies.
//!
//! rdkafka wraps this call for consumers alone, and ours is the poll thread's, so these lines speak to
//! librdkafka themselves.
#![expect(
    unsafe_code,
    reason = "rdkafka offers offsets_for_times on consumers alone; see the module"
)]

use std::time::Duration;

use rdkafka::{
    Offset, TopicPartitionList, bindings as sys,
    client::{Client, ClientContext},
    types::RDKafkaRespErr,
};

/// The first and the next offset of each partition, in the order asked for; none for one of which
/// the cluster does not tell them. Blocks for at most twice `timeout`.
///
/// An error when a leader does not answer, or is not known in time: then nothing is told of any.
pub(super) fn bounds<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(&str, i32)],
    timeout: Duration,
) -> Result<Vec<Option<(i64, i64)>>, String> {
    if partitions.is_empty() {
        return Ok(vec![]);
    }
    let first = offsets(client, partitions, Offset::Beginning, timeout)?;
    let end = offsets(client, partitions, Offset::End, timeout)?;
    Ok(first
        .into_iter()
        .zip(end)
        .map(|(first, end)| first.zip(end))
        .collect())
}

fn offsets<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(&str, i32)],
    of: Offset,
    timeout: Duration,
) -> Result<Vec<Option<i64>>, String> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        // In this list an offset is a time to look for: the two ends have such of their own.
        let added = list.add_partition_offset(topic, *partition, of);
        added.map_err(|error| error.to_string())?;
    }
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client and the list outlive this call, which keeps neither; the list is used by
    // this thread alone.
    let error =
        unsafe { sys::rd_kafka_offsets_for_times(client.native_ptr(), list.ptr(), timeout_ms) };
    if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        let error = rdkafka::error::RDKafkaErrorCode::from(error);
        return Err(format!("ask where partitions end: {error}"));
    }
    let told = |(topic, partition): &(&str, i32)| {
        let found = list.find_partition(topic, *partition)?;
        match (found.error(), found.offset()) {
            (Ok(()), Offset::Offset(offset)) => Some(offset),
            _ => None,
        }
    };
    Ok(partitions.iter().map(told).collect())
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        ClientConfig,
        producer::{BaseProducer, BaseRecord, Producer as _},
    };

    use super::*;
    use crate::kafka::in_process::InProcessCluster;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn what_is_told_of_all_is_what_each_tells_of_itself() {
        let cluster = InProcessCluster::start().unwrap();
        for topic in ["a", "b"] {
            cluster.create_topic(topic, 4).unwrap();
        }
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        for n in 0..30 {
            let record = BaseRecord::<(), [u8]>::to("a")
                .partition(n % 3)
                .payload(b"x");
            producer.send(record).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let partitions: Vec<(&str, i32)> = (["b", "a"].into_iter())
            .flat_map(|topic| (0..4).map(move |partition| (topic, partition)))
            .collect();
        let client = producer.client();
        let told = bounds(client, &partitions, PATIENCE).unwrap();
        let each: Vec<Option<(i64, i64)>> = (partitions.iter())
            .map(|(topic, partition)| client.fetch_watermarks(topic, *partition, PATIENCE).ok())
            .collect();
        assert_eq!(told, each);
        let ends: i64 = told.into_iter().flatten().map(|(_, end)| end).sum();
        assert_eq!(ends, 30);
        assert_eq!(bounds(client, &[], PATIENCE), Ok(vec![]));
    }

    #[test]
    fn a_partition_that_does_not_exist_hides_no_other() {
        let cluster = InProcessCluster::start().unwrap();
        cluster.create_topic("a", 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        let asked = [("a", 7), ("a", 0)];
        let told = bounds(producer.client(), &asked, PATIENCE);
        assert_eq!(told, Ok(vec![None, Some((0, 0))]));
    }
}
