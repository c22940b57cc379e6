//! Where a search begins: the cases of the golden bytes in every form, and messages, requests and
//! files as they should be and as they should not.

mod json;
mod records;
mod spool;

#[path = "../../../schemas/tests/cases/mod.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;

/// The seeds of a target by name of file, in order.
pub(crate) fn of(target: &str) -> Vec<(String, Vec<u8>)> {
    let seeds = match target {
        "envelope" => records::envelopes(),
        "prefix" => records::prefixes(),
        "single_object" => records::single_objects(),
        "schema_header" => records::schema_headers(),
        "newer_schema" => records::newer_schemas(),
        "v0_mapping" => json::messages(),
        "spool_recovery" => spool::lives(),
        "http_body" => json::requests(),
        other => panic!("{other} has no seeds"),
    };
    let named = seeds.into_iter().enumerate();
    named
        .map(|(number, seed)| (format!("seed-{number:02}"), seed))
        .collect()
}
