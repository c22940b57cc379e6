//! Limits that must fit into one another: a batch into a drain, a drain into a shutdown, a shutdown
//! into the group's patience. One that does not fit would break only under stress, so it is refused
//! at start.

use std::{collections::BTreeMap, time::Duration};

use super::{
    layers::Layers,
    mistake::{Mistake, Mistakes},
    settings::Config,
};
use crate::wiring::member_config;

/// Checks every pair, and then the whole.
pub(super) fn check(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    check_pairs(config, layers, mistakes);
    check_member(config, mistakes);
}

/// Checks every pair; each mistake names the settings that it is about.
pub(super) fn check_pairs(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    check_times(config, layers, mistakes);
    check_sizes(config, layers, mistakes);
    check_replicas(config, layers, mistakes);
    check_accounts(config, layers, mistakes);
    if config.schemas.write_version > config.schemas.reader_version {
        let key = "schemas.write_version";
        let problem = "must not be above schemas.reader_version: what is written must be readable";
        mistakes.push(at(layers, key, problem));
    }
}

fn check_times(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    let consumer = &config.consumer;
    let linger = ("consumer.batch_linger", consumer.batch_linger);
    let call = ("tasks.timeout", config.tasks.timeout);
    let attempt = ("tasks.attempt_timeout", config.tasks.attempt_timeout);
    let drain = ("consumer.drain_timeout", consumer.drain_timeout);
    let shutdown = ("consumer.shutdown_timeout", consumer.shutdown_timeout);
    let session = ("consumer.session_timeout", consumer.session_timeout);
    let poll = ("consumer.max_poll_interval", consumer.max_poll_interval);
    let deadlines = &config.deadlines;
    let transit = ("deadlines.transit", deadlines.transit);
    let chain = [
        (
            linger,
            drain,
            "a revoked shard finishes a batch that is still waiting for records",
        ),
        (
            drain,
            shutdown,
            "a shutdown drains, publishes and leaves the group",
        ),
        // Neither has to fit into a shutdown: it waits for no call, and whoever owns the task next
        // makes the same call again.
        (
            call,
            attempt,
            "an attempt is one call, and as many to ask what became of one before",
        ),
        (
            shutdown,
            session,
            "a member that is leaving must not be taken for dead",
        ),
        (
            session,
            poll,
            "a dead member must be noticed before a slow one",
        ),
        (
            session,
            ("consumer.timer_patience", consumer.timer_patience),
            "a partition that is only slow to come must not be taken for one that is read",
        ),
        (
            transit,
            ("deadlines.deliver_two_day", deadlines.deliver_two_day),
            "goods are shipped after they were bought",
        ),
        (
            transit,
            ("deadlines.deliver_standard", deadlines.deliver_standard),
            "goods are shipped after they were bought",
        ),
        (
            ("deadlines.transit_next_day", deadlines.transit_next_day),
            ("deadlines.deliver_next_day", deadlines.deliver_next_day),
            "goods are shipped after they were bought",
        ),
    ];
    for (shorter, longer, why) in chain {
        if shorter.1 >= longer.1 {
            mistakes.push(misfit(layers, shorter, longer, why));
        }
    }
    if drain.1 < shutdown.1 && drain.1 > poll.1 / 2 {
        let problem = format!(
            "{:?} must be at most half of consumer.max_poll_interval, which is {:?}: the poll \
             thread is away while a revoked shard drains, and the broker must not take it for dead",
            drain.1, poll.1
        );
        mistakes.push(at(layers, drain.0, problem));
    }
}

/// The runtime's own word: what it would refuse at its start is said with the rest. It has no names
/// of settings, so what is found here by name is not said twice.
fn check_member(config: &Config, mistakes: &mut Mistakes) {
    if !mistakes.0.is_empty() {
        return;
    }
    let problems = member_config(config, "counterflow").mistakes();
    mistakes
        .0
        .extend(problems.into_iter().map(|problem| Mistake {
            key: "consumer".to_owned(),
            origin: "as a whole".to_owned(),
            problem,
        }));
}

fn check_sizes(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    let consumer = &config.consumer;
    let records = (
        consumer.batch_records_max.get(),
        consumer.queue_records_max.get(),
    );
    if records.0 > records.1 {
        mistakes.push(too_small(
            layers,
            "consumer.queue_records_max",
            "consumer.batch_records_max",
        ));
    }
    if consumer.batch_bytes_max > consumer.queue_bytes_max {
        mistakes.push(too_small(
            layers,
            "consumer.queue_bytes_max",
            "consumer.batch_bytes_max",
        ));
    }
}

/// More replicas than there are can never have a record: nothing could be written.
fn check_replicas(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    let topics = &config.topics;
    if topics.min_insync_replicas > topics.replication {
        let key = "topics.min_insync_replicas";
        let problem = "must not be above topics.replication, or nothing could be written";
        mistakes.push(at(layers, key, problem));
    }
}

/// The first group of a purchase's id says whose it is; two accounts with the same one would see
/// and cancel each other's purchases.
fn check_accounts(config: &Config, layers: &Layers, mistakes: &mut Mistakes) {
    let Some(keys) = &config.http.account_keys else {
        return;
    };
    let mut by_mark = BTreeMap::new();
    for account in keys.0.values() {
        let first = by_mark.entry(schemas::ids::account_mark(account));
        let first = *first.or_insert(account);
        if first != account {
            let problem = format!(
                "the purchases of {first:?} and of {account:?} could not be told apart; name one \
                 of the two accounts differently"
            );
            mistakes.push(at(layers, "http.account_keys", problem));
        }
    }
}

fn misfit(
    layers: &Layers,
    shorter: (&str, Duration),
    longer: (&str, Duration),
    why: &str,
) -> Mistake {
    let (key, value) = shorter;
    let origin = layers
        .get(longer.0)
        .map_or_else(String::new, |entry| entry.origin.to_string());
    let problem = format!(
        "{value:?} must be shorter than {} ({origin}), which is {:?}: {why}",
        longer.0, longer.1
    );
    at(layers, key, problem)
}

fn too_small(layers: &Layers, queue: &str, batch: &str) -> Mistake {
    at(
        layers,
        queue,
        format!("must be at least {batch}, or no batch could be full"),
    )
}

fn at(layers: &Layers, key: &str, problem: impl Into<String>) -> Mistake {
    let origin = layers
        .get(key)
        .map_or_else(String::new, |entry| entry.origin.to_string());
    Mistake {
        key: key.to_owned(),
        origin,
        problem: problem.into(),
    }
}
