//! The `counterflow` program from outside, as a person, a script or an orchestrator meets it:
//! arguments and environment in, output and exit code back.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[macro_use]
mod program;

mod configuration;
mod databases;
mod dead_letters;
mod follow;
mod help;
mod pipeline;
mod probes;
mod registry;
mod stock;
mod topics;
