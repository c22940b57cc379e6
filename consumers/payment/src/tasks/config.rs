//! How the provider is reached.

use std::time::Duration;

/// Where the provider is and how long it is waited for.
#[derive(Clone)]
pub struct ProviderConfig {
    /// Scheme, host and port, before `/v1/...`.
    pub base_url: String,
    /// The bearer key; never printed.
    pub api_key: String,
    /// How long a connection may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long a request may take in all. Default 10 s.
    pub request_timeout: Duration,
    /// How long after a task was written its idempotency key is relied on. Default 23 h: Stripe
    /// keeps keys for at least 24 h, and clocks differ.
    pub key_window: Duration,
    /// How long the provider's search may take to show what was made. What it does not show by then
    /// is taken not to be there; should it turn up all the same, it is let go. Default 5 min: Stripe
    /// promises less than one in regular operation.
    pub search_lag: Duration,
}

impl ProviderConfig {
    /// The defaults.
    pub fn new(base_url: impl Into<String>, api_key: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            api_key: api_key.into(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
            key_window: Duration::from_secs(23 * 60 * 60),
            search_lag: Duration::from_secs(5 * 60),
        }
    }
}

impl std::fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderConfig")
            .field("base_url", &self.base_url)
            .field("api_key", &"hidden")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("key_window", &self.key_window)
            .field("search_lag", &self.search_lag)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderConfig;

    #[test]
    fn the_key_is_never_printed() {
        let printed = format!("{:?}", ProviderConfig::new("http://provider", "sk_secret"));
        assert!(!printed.contains("sk_secret") && printed.contains("http://provider"));
    }
}
