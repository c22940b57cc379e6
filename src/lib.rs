//! What the `counterflow` program can do: a file per command, and what the commands share.
//!
//! Thin on purpose: what a group, the storefront or the provider does is in its own crate. Here
//! configuration becomes their settings, signals become an orderly end, and errors an exit code.
//! A library, so that tests reach the parts without starting a process.

pub mod admin;
pub mod cli;
mod commands;
pub mod config;
pub mod context;
mod demo;
pub mod exit;
pub mod groups;
mod member;
mod output;
mod progress;
mod rows;
mod shutdown;
mod telemetry;
pub mod topics;
pub mod wiring;
