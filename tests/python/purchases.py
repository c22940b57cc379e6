"""A shop in another language: publishes purchases and reads what payment states of them.

    purchases.py publish BOOTSTRAP REGISTRY AVSC_FOLDER COUNT
    purchases.py read    BOOTSTRAP REGISTRY AVSC_FOLDER

`publish` writes COUNT purchases of each version 1, 2 and 3 with Confluent's serialiser and the registry,
and COUNT of each with fastavro alone, as Avro single-object records; it prints one JSON line for each.
`read` prints one JSON line for each record on the payments topic: with Confluent's deserialiser where the
record carries a registry's id, with fastavro where it carries a fingerprint. Nothing here is ours but the
schemas: no header is written, and none is looked at.
"""

import io
import json
import pathlib
import sys
import time
import uuid
import warnings

# One of the client's own dependencies announces the successor of another.
warnings.filterwarnings("ignore")

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

PURCHASES = "shop.purchases.v1"
PAYMENTS = "shop.payments.v1"
SINGLE_OBJECT = b"\xc3\x01"
DEADLINE_SECONDS = 60


def version_1():
    return {
        "event_id": str(uuid.uuid4()),
        "purchase_id": str(uuid.uuid4()),
        "customer_id": "customer-\u00e9",
        "occurred_at": time.time_ns() // 1000,
        "item_id": 2341000,
        "unit_price_minor": 1999,
        "currency": "USD",
        "prime": False,
        "instructions": "Please put a ribbon on my package",
    }


def version_2():
    return version_1() | {
        "prime": True,
        "delivery_tier": "TWO_DAY",
        "quantity": 2,
        "channel": "APP",
        "shipping_minor": 499,
        "tax_minor": 320,
        "payment_ref": "pm_card_visa",
    }


def version_3():
    """A basket: what version 1 and 2 could say of it is left unstated."""
    line = {"quantity": 1, "unit_price_minor": 1000, "tax_minor": 80, "gift_wrap": False}
    return version_2() | {
        "item_id": 0,
        "unit_price_minor": -1,
        "quantity": 0,
        "shipping_minor": -1,
        "tax_minor": -1,
        "payment_ref": None,
        "lines": [
            line | {"line_no": 1, "item_id": 2341001},
            line | {"line_no": 2, "item_id": 2341002, "gift_wrap": True},
        ],
        "tenders": [
            {"kind": "GIFT_CARD", "amount_minor": 500, "ref": None},
            {"kind": "CARD", "amount_minor": 1660, "ref": "pm_card_visa"},
        ],
        "totals": {
            "items_minor": 2000,
            "tax_minor": 160,
            "shipping_minor": 0,
            "total_minor": 2160,
        },
    }


VERSIONS = {1: version_1, 2: version_2, 3: version_3}


class WithRegistry:
    """Confluent's prefix; the schemas have to be registered already."""

    name = "registry"

    def __init__(self, registry, texts):
        settings = {
            "auto.register.schemas": False,
            "subject.name.strategy": topic_record_subject_name_strategy,
        }
        self.serialisers = {
            version: AvroSerializer(registry, text, conf=settings) for version, text in texts.items()
        }

    def payload(self, version, purchase):
        context = SerializationContext(PURCHASES, MessageField.VALUE)
        return self.serialisers[version](purchase, context)


class ByFingerprint:
    """Avro's single-object encoding, which needs no registry."""

    name = "fingerprint"

    def __init__(self, texts):
        self.schemas = {version: json.loads(text) for version, text in texts.items()}

    def payload(self, version, purchase):
        schema = self.schemas[version]
        datum = io.BytesIO()
        fastavro.schemaless_writer(datum, fastavro.parse_schema(schema), purchase)
        return SINGLE_OBJECT + fingerprint(schema) + datum.getvalue()


def fingerprint(schema):
    """CRC-64-AVRO of the canonical form, little-endian."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def publish(bootstrap, registry, folder, count):
    texts = {
        version: (folder / f"purchase.v{version}.avsc").read_text() for version in VERSIONS
    }
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
        }
    )
    failures = []

    def delivered(error, message):
        if error is not None:
            failures.append(f"{message.key()}: {error}")

    for writer in (WithRegistry(registry, texts), ByFingerprint(texts)):
        for version, purchase in VERSIONS.items():
            for _ in range(count):
                bought = purchase()
                payload = writer.payload(version, bought)
                key = bought["purchase_id"]
                producer.produce(PURCHASES, key=key, value=payload, on_delivery=delivered)
                line = {"purchase_id": key, "version": version, "writer": writer.name}
                print(json.dumps(line))
    left = producer.flush(DEADLINE_SECONDS)
    if left or failures:
        sys.exit(f"not delivered: {left} left, {failures}")


def misplace(bootstrap, registry, folder, count):
    """Publishes as a shop does that leaves its client's partitioner at the default (CRC-32)."""
    version, purchase = max(VERSIONS.items())
    text = (folder / f"purchase.v{version}.avsc").read_text()
    writer = ByFingerprint({version: text})
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for _ in range(count):
        bought = purchase()
        key = bought["purchase_id"]
        producer.produce(PURCHASES, key=key, value=writer.payload(version, bought))
        print(json.dumps({"purchase_id": key, "version": version, "writer": writer.name}))
    if producer.flush(DEADLINE_SECONDS):
        sys.exit("not delivered")


def read(bootstrap, registry, folder):
    by_fingerprint = {}
    for file in folder.glob("*.avsc"):
        schema = json.loads(file.read_text())
        by_fingerprint[fingerprint(schema)] = fastavro.parse_schema(schema)
    deserialise = AvroDeserializer(registry)
    context = SerializationContext(PAYMENTS, MessageField.VALUE)
    for message in everything(bootstrap, PAYMENTS):
        payload = message.value()
        if payload[:2] == SINGLE_OBJECT:
            schema = by_fingerprint[payload[2:10]]
            fact = fastavro.schemaless_reader(io.BytesIO(payload[10:]), schema, None)
            reader = "fingerprint"
        else:
            fact, reader = deserialise(payload, context), "registry"
        line = {"reader": reader, "key": message.key().decode(), "fact": fact}
        print(json.dumps(line, default=str))


def everything(bootstrap, topic):
    """What the topic holds now, partition by partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "python"})
    partitions = consumer.list_topics(topic, timeout=DEADLINE_SECONDS).topics[topic].partitions
    for number in partitions:
        partition = TopicPartition(topic, number, OFFSET_BEGINNING)
        _, end = consumer.get_watermark_offsets(partition, timeout=DEADLINE_SECONDS)
        consumer.assign([partition])
        deadline = time.monotonic() + DEADLINE_SECONDS
        offset = 0
        while offset < end:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                offset = message.offset() + 1
                yield message
            elif time.monotonic() > deadline:
                sys.exit(f"{topic}[{number}]: at {offset} of {end}")
    consumer.close()


def main():
    command, bootstrap, registry, folder, *count = sys.argv[1:]
    registry = SchemaRegistryClient({"url": registry})
    folder = pathlib.Path(folder)
    if command == "publish":
        publish(bootstrap, registry, folder, int(count[0]))
    elif command == "misplace":
        misplace(bootstrap, registry, folder, int(count[0]))
    else:
        read(bootstrap, registry, folder)


if __name__ == "__main__":
    main()
