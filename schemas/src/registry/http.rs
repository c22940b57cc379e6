//! One call to the registry: what was asked, and which of the few possible answers came.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::tls::{TlsConfig, TlsProvider};

use super::limits::TEXT_BYTES_MAX;
use super::{Config, RegistryError};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// A schema is quoted in its answer, which can double it, and stands beside a few words.
const ANSWER_BYTES_MAX: u64 = 2 * TEXT_BYTES_MAX as u64 + 16 * 1024;

/// A short answer that every registry has: the kinds of schemas that it keeps.
const ALWAYS_THERE: &str = "/schemas/types";

pub(super) struct Http {
    agent: Agent,
    url: String,
    authorization: Option<String>,
}

impl Http {
    pub(super) fn new(config: &Config, timeout: Duration) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .build()
            .new_agent();
        let url = config.url.trim_end_matches('/').to_owned();
        Self {
            agent,
            url,
            authorization: config.authorization.clone(),
        }
    }

    /// Asks, and returns the answer of a status of 200.
    pub(super) fn get(&self, path: &str) -> Result<Value, RegistryError> {
        answer(path, self.call(path))
    }

    /// Whether this is a registry that has no such call: what it answers is not in its own words, and
    /// it answers another call as a registry does. The look-up by GUID is younger than the rest of
    /// the API, and not every registry has it.
    pub(super) fn lacks(&self, path: &str) -> bool {
        let is_no_page = (self.call(path)).is_ok_and(|response| response.status().as_u16() == 404);
        is_no_page && self.is_there()
    }

    /// Whether it answers as a registry does, now.
    pub(super) fn is_there(&self) -> bool {
        self.get(ALWAYS_THERE).is_ok_and(|answer| answer.is_array())
    }

    fn call(&self, path: &str) -> Result<Response, ureq::Error> {
        let mut request = self
            .agent
            .get(format!("{}{path}", self.url))
            .header("accept", CONTENT_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        request.call()
    }

    /// Sends JSON, and returns the answer of a status of 200.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, RegistryError> {
        let request = self.agent.post(format!("{}{path}", self.url));
        self.send(path, request, body)
    }

    /// As [`post`](Self::post), with `PUT`.
    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, RegistryError> {
        let request = self.agent.put(format!("{}{path}", self.url));
        self.send(path, request, body)
    }

    fn send(
        &self,
        path: &str,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        body: &Value,
    ) -> Result<Value, RegistryError> {
        let mut request = request
            .header("accept", CONTENT_TYPE)
            .header("content-type", CONTENT_TYPE);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        answer(path, request.send(body.to_string()))
    }
}

type Response = ureq::http::Response<ureq::Body>;

fn answer(path: &str, response: Result<Response, ureq::Error>) -> Result<Value, RegistryError> {
    let away = |what: String| RegistryError::Away(format!("{path}: {what}"));
    let mut response = response.map_err(|error| away(error.to_string()))?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string();
    let body = body.map_err(|error| match error {
        // It is there, and this is its answer; no schema of ours is as long.
        ureq::Error::BodyExceedsLimit(most) if status == 200 => {
            RegistryError::Unusable(format!("{path}: more than {most} bytes"))
        }
        error => away(format!("status {status}: {error}")),
    })?;
    let json: Option<Value> = serde_json::from_str(&body).ok();
    let code = json
        .as_ref()
        .and_then(|json| json.get("error_code"))
        .and_then(Value::as_i64);
    match (status, json) {
        (200, Some(json)) => Ok(json),
        // A 404 counts only in the registry's own words: a wrong path or a proxy has none.
        (404, Some(_)) if matches!(code, Some(40401..=40403)) => {
            Err(RegistryError::Missing(path.to_owned()))
        }
        (409 | 422, Some(json)) => {
            let message = json
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("without a reason");
            Err(RegistryError::Refused(format!(
                "{path}: {}",
                shortened(message)
            )))
        }
        (400 | 410, _) => Err(RegistryError::Unusable(format!("{path}: status {status}"))),
        _ => Err(away(format!("status {status}"))),
    }
}

fn shortened(message: &str) -> String {
    message
        .chars()
        .filter(|c| !c.is_control())
        .take(500)
        .collect()
}
