//! Between the runtime, which knows no purchases, and the schemas, which know no Kafka: how every
//! group of the pipeline reads a record and writes a fact.
