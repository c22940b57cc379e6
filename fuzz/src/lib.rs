//! Whatever comes from outside, held against what is promised of it: bytes on a topic, schemas of a
//! registry, messages of version 0, the files that a crash leaves, bodies of HTTP requests.
//!
//! Each target is a plain function of bytes that panics when a promise is broken, and each promises
//! more than not to panic. The same functions run in three ways: `make fuzz` searches with an engine
//! that sees which branches were taken; `cargo test` replays the corpus, and every seed a few hundred
//! times with [mutations](mutate); and a crasher that was found is one more file of the corpus.

// A target has no way to say that a promise is broken but to panic.
#![expect(clippy::unwrap_used, reason = "a target fails where it stands")]

mod alike;
mod envelope;
mod http_body;
pub mod input;
pub mod mutate;
mod newer_schema;
mod readers;
mod spool_recovery;
mod v0_mapping;
mod wire_forms;

/// One thing that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its folder in `corpus/`.
    pub name: &'static str,
    /// What it promises, for a listing.
    pub promises: &'static str,
    /// Says whether the input was taken for what it claims to be; panics when a promise is broken.
    pub run: fn(&[u8]) -> bool,
    /// How often the replay mutates each seed: less where a run costs more.
    pub mutations: u32,
}

/// Every target.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "envelope",
        promises: "headers, key and payload: what is read is valid, agrees, and is written back the same",
        run: envelope::run,
        mutations: 300,
    },
    Target {
        name: "prefix",
        promises: "a schema named by id: every byte counts, and the datum is read back the same",
        run: wire_forms::prefix,
        mutations: 300,
    },
    Target {
        name: "single_object",
        promises: "a schema named by fingerprint: the same",
        run: wire_forms::single_object,
        mutations: 300,
    },
    Target {
        name: "schema_header",
        promises: "a schema named in a header, by GUID or id: the same",
        run: wire_forms::schema_header,
        mutations: 300,
    },
    Target {
        name: "newer_schema",
        promises: "a registry's text and a datum of it: bounded, and never read as what it does not say",
        run: newer_schema::run,
        mutations: 150,
    },
    Target {
        name: "v0_mapping",
        promises: "a message of version 0: every field of the purchase stands in it",
        run: v0_mapping::run,
        mutations: 300,
    },
    Target {
        name: "spool_recovery",
        promises: "damaged files: no record that was not written, none lost that is whole, the rest kept aside",
        run: spool_recovery::run,
        mutations: 150,
    },
    Target {
        name: "http_body",
        promises: "a request: refused in a bounded 4xx, or a purchase that every reader takes",
        run: http_body::run,
        mutations: 300,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
