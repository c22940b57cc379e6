//! What the `counterflow` commands share.
pub mod config;
