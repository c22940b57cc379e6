//! What reading, upcasting and writing a purchase costs, by version.

use divan::Bencher;
use schemas::versions::v2::PurchaseV2;
use schemas::versions::v3::PurchaseV3;
use schemas::{Decoder, Encoder, Purchase, RawRecord, versions};

#[path = "../tests/cases/mod.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[expect(clippy::unwrap_used, reason = "the cases are valid by test")]
mod cases;

fn main() {
    divan::main();
}

fn of(version: u32) -> Purchase {
    match version {
        1 => cases::plain(),
        2 => cases::several(),
        _ => cases::basket(),
    }
}

#[divan::bench(args = [1, 2, 3])]
fn encode(bencher: Bencher, version: u32) {
    let (encoder, purchase) = (Encoder::new(), of(version));
    bencher.bench(|| encoder.encode_purchase(divan::black_box(&purchase), version));
}

#[divan::bench(args = [1, 2, 3])]
fn decode_and_upcast(bencher: Bencher, version: u32) {
    let decoder = Decoder::new(versions::NEWEST);
    let encoded = Encoder::new()
        .encode_purchase(&of(version), version)
        .expect("it fits by test");
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(&encoded.payload),
        headers: &encoded.headers,
        timestamp_micros: cases::AT,
    };
    bencher.bench(|| decoder.decode(divan::black_box(&record)));
}

#[divan::bench]
fn upcast_from_2(bencher: Bencher) {
    let old = PurchaseV2::of(&cases::several());
    bencher
        .with_inputs(|| old.clone())
        .bench_values(|old| PurchaseV3::from(old).into_domain(2));
}

#[divan::bench]
fn upcast_from_3(bencher: Bencher) {
    let old = PurchaseV3::of(&cases::basket());
    bencher
        .with_inputs(|| old.clone())
        .bench_values(|old| old.into_domain(3));
}
