//! Asking a process over HTTP from a test that is not asynchronous: what it answers, or that it does not.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context as _;

use crate::wait;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The status and the body of an answer.
///
/// # Errors
/// When there is none.
pub fn get(url: &str) -> anyhow::Result<(u16, String)> {
    wait::block_on(ask(|client| client.get(url))).with_context(|| format!("get {url}"))
}

/// Sends JSON; the status and the body of the answer.
///
/// # Errors
/// When there is none.
pub fn post(url: &str, body: &serde_json::Value) -> anyhow::Result<(u16, String)> {
    wait::block_on(ask(|client| client.post(url).json(body))).with_context(|| format!("post {url}"))
}

/// The same, with headers.
///
/// # Errors
/// When there is none.
pub fn post_with(
    url: &str,
    headers: &[(&str, &str)],
    body: &serde_json::Value,
) -> anyhow::Result<(u16, String)> {
    let request = |client: &reqwest::Client| {
        let plain = client.post(url).json(body);
        headers.iter().fold(plain, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    wait::block_on(ask(request)).with_context(|| format!("post {url}"))
}

/// Sends a form, with headers.
///
/// # Errors
/// When there is no answer.
pub fn post_form(
    url: &str,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> anyhow::Result<(u16, String)> {
    let request = |client: &reqwest::Client| {
        let plain = client.post(url).form(form);
        headers.iter().fold(plain, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    wait::block_on(ask(request)).with_context(|| format!("post {url}"))
}

async fn ask(
    request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
) -> anyhow::Result<(u16, String)> {
    let answer = request(client()).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// One for all: making it reads every certificate of the machine, which takes longer than to ask. It keeps
/// no connection, for the next to ask does so on a runtime of its own.
fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let builder = reqwest::Client::builder().no_proxy();
        let builder = builder.timeout(ANSWER_WITHIN).pool_max_idle_per_host(0);
        builder.build().expect("a client needs nothing but memory")
    })
}
