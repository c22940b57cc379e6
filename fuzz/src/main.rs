//! The engine's program: libFuzzer around the target that `COUNTERFLOW_FUZZ_TARGET` names. Built by
//! `make fuzz` alone, with the instrumentation that the engine needs.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<&fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("COUNTERFLOW_FUZZ_TARGET").unwrap_or_default();
    fuzz::target(&name).unwrap_or_else(|| panic!("COUNTERFLOW_FUZZ_TARGET={name}: no such target"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    (TARGET.run)(data);
});
