//! The commands, a file each: what they are asked, and what they do about it.

pub(crate) mod analytics;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod dispatch;
pub(crate) mod explain;
pub(crate) mod healthcheck;
pub(crate) mod inventory;
pub(crate) mod migrate;
pub(crate) mod payment;
pub(crate) mod positions;
pub(crate) mod provider_sandbox;
pub(crate) mod schemas;
pub(crate) mod simulate;
pub(crate) mod stock;
pub(crate) mod storefront;
pub(crate) mod timeline;
pub(crate) mod topics;
