//! From configuration to what the services are made of, one file per part. Nothing here decides
//! anything: a setting goes where its name says.

mod codec;
mod member_config;
mod publisher;
mod read_model;
mod schema_ids;
mod store;
mod versions;
mod workers;

pub use codec::{open_codec, open_registry};
pub use member_config::member_config;
pub use publisher::{open_publisher, publisher_config, spooled_publisher_config};
pub use read_model::TimelineModel;
pub use store::open_store;
pub use versions::{LiveGroups, write_version};
pub use workers::{carrier_config, dispatch_deadlines, inventory_deadlines, provider_config};
