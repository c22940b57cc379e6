"""Decodes Avro datums with fastavro, as a second opinion on our own decoder.

Reads JSON lines {"schema": text, "datum": hexadecimal} and writes one JSON line for each:
{"value": ..., "rest": bytes left over} or {"refused": why}. Logical types are taken off, so that a
timestamp stays the integer that was written.
"""

import io
import json
import sys

import fastavro


def without_logical_types(schema):
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if key != "logicalType"}
        return {key: without_logical_types(value) for key, value in kept.items()}
    if isinstance(schema, list):
        return [without_logical_types(item) for item in schema]
    return schema


def decode(case, parsed):
    text = case["schema"]
    if text not in parsed:
        parsed[text] = fastavro.parse_schema(without_logical_types(json.loads(text)))
    datum = bytes.fromhex(case["datum"])
    source = io.BytesIO(datum)
    try:
        value = fastavro.schemaless_reader(source, parsed[text], None)
    except Exception as error:  # whatever it raises, it is a refusal
        return {"refused": type(error).__name__}
    return {"value": value, "rest": len(datum) - source.tell()}


def main():
    parsed = {}
    for line in sys.stdin:
        answer = decode(json.loads(line), parsed)
        print(json.dumps(answer, ensure_ascii=True), flush=True)


if __name__ == "__main__":
    main()
