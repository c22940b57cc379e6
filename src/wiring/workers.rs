//! What the groups are told: where the provider and the carrier are, and how long things may take.

use crate::config::{Config, HttpUrl, Secret};

/// How payment reaches the provider.
#[must_use]
pub fn provider_config(config: &Config) -> payment::ProviderConfig {
    let key = config.provider.key.as_ref().map_or("", Secret::reveal);
    payment::ProviderConfig {
        request_timeout: config.tasks.timeout,
        search_lag: config.provider.search_lag,
        ..payment::ProviderConfig::new(address(config.provider.url.as_ref()), key)
    }
}

/// How dispatch reaches the carrier.
#[must_use]
pub fn carrier_config(config: &Config) -> dispatch::CarrierConfig {
    dispatch::CarrierConfig {
        request_timeout: config.tasks.timeout,
        ..dispatch::CarrierConfig::new(address(config.carrier.url.as_ref()))
    }
}

/// The times that dispatch keeps.
#[must_use]
pub fn dispatch_deadlines(config: &Config) -> dispatch::Deadlines {
    let deadlines = &config.deadlines;
    dispatch::Deadlines {
        answers: deadlines.answers,
        standard: deadlines.deliver_standard,
        two_day: deadlines.deliver_two_day,
        next_day: deadlines.deliver_next_day,
        transit: deadlines.transit,
        // From the purchase to the carrier is what its way to the customer leaves over.
        next_day_ship: (deadlines.deliver_next_day).saturating_sub(deadlines.transit_next_day),
        return_window: deadlines.return_window.0,
    }
}

/// The times that inventory keeps.
#[must_use]
pub fn inventory_deadlines(config: &Config) -> inventory::Deadlines {
    inventory::Deadlines {
        reservation: config.deadlines.reservation,
    }
}

fn address(url: Option<&HttpUrl>) -> String {
    url.map(|url| url.0.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    #[test]
    fn the_default_deadlines_are_those_that_the_shop_promises() {
        let config = Context::default().load(&[]).unwrap().config;
        assert_eq!(dispatch_deadlines(&config), dispatch::Deadlines::default());
        assert_eq!(
            inventory_deadlines(&config),
            inventory::Deadlines::default()
        );
    }
}
