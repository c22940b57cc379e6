//! Where a foreign service is, how long it is waited for, and the connections to it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Url, redirect::Policy};

/// Where a service is and how long it is waited for.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// An `http` or `https` URL; its path, if it has one, comes before that of every call.
    pub base_url: String,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a call may take in all.
    pub request_timeout: Duration,
    /// A longer reply is none that is known, bytes.
    pub reply_bytes_max: usize,
}

/// The service cannot be called with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is none.
    #[error("{0:?} is not an http or https URL")]
    Address(String),
    /// The client cannot be built: the machine's TLS set-up is unusable.
    #[error("build the HTTP client")]
    Client(#[from] reqwest::Error),
}

/// A foreign service, with a pool of connections.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    base: Url,
    pub(crate) reply_bytes_max: usize,
}

impl Remote {
    /// A pool without connections: they are made when they are wanted.
    ///
    /// # Errors
    /// [`RemoteError`] when the address or the machine's TLS set-up is unusable.
    pub fn new(config: &RemoteConfig) -> Result<Self, RemoteError> {
        let base = (Url::parse(&config.base_url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https") && !url.cannot_be_a_base())
            .ok_or_else(|| RemoteError::Address(config.base_url.clone()))?;
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            // A redirect would carry a key elsewhere and turn a POST into a GET.
            .redirect(Policy::none())
            // Repeating is decided by the task alone, so that each attempt is counted.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self {
            client,
            base,
            reply_bytes_max: config.reply_bytes_max,
        })
    }

    /// A request; each segment of the path is escaped.
    pub fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.client.request(method, url)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Method;

    use super::{Remote, RemoteConfig, RemoteError};

    fn remote(base_url: &str) -> Result<Remote, RemoteError> {
        Remote::new(&RemoteConfig {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(1),
            reply_bytes_max: 1,
        })
    }

    #[test]
    fn an_address_that_cannot_be_called_is_refused_by_name() {
        for wrong in ["", "provider:80", "ftp://provider", "mailto:a@b"] {
            let error = remote(wrong).unwrap_err();
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn a_path_is_put_behind_that_of_the_address_and_escaped() {
        for base in ["http://a/b", "http://a/b/"] {
            let request = (remote(base).unwrap()).request(Method::GET, &["v1", "x/../y?z"]);
            let url = request.build().unwrap().url().to_string();
            assert_eq!(url, "http://a/b/v1/x%2F..%2Fy%3Fz");
        }
    }
}
