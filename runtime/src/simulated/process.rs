//! One process of a group: the member that is deployed, and what stands in for Kafka around it.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::Registry;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::{Clock, Topics, client::Client, polling::Polling};
use crate::{
    broker::Broker,
    config::Config,
    group::{Group, Timestamp},
    intake::Intake,
    kafka::PollThread,
    machine::Machine,
    record::{Outgoing, Record},
    service::{Connected, RunError, Service},
    status::Status,
    store::Store,
    task::Worker,
};

type Outcome = Arc<Mutex<Option<Result<(), RunError>>>>;

/// A member that runs as a task of the present tokio runtime.
#[derive(Debug)]
pub struct Process {
    clock: Arc<Clock>,
    client: Arc<Client>,
    polling: Polling,
    status: Arc<Status>,
    task: AbortHandle,
    stop: Option<oneshot::Sender<()>>,
    outcome: Outcome,
    registry: Registry,
}

impl Process {
    /// Starts it, without any partitions.
    pub fn start<G: Group, W: Worker>(
        (group, worker): (G, W),
        store: Arc<dyn Store>,
        config: Config,
        topics: &Arc<Topics>,
        clock: &Arc<Clock>,
    ) -> Self {
        let intakes = Intake::of_lanes(&config);
        let client = Arc::new(Client::new(Arc::clone(topics), intakes.clone()));
        let (poll, commands) = PollThread::simulated();
        let (events, from_poll) = mpsc::unbounded_channel();
        let polling = Polling::new(group.topics(), intakes.clone(), events, commands);
        let connected = Connected {
            intakes,
            broker: Arc::clone(&client) as Arc<dyn Broker>,
            poll,
            from_poll,
        };
        let machine = Machine::Simulated(Arc::clone(clock));
        let registry = Registry::new();
        let service = Service::new(group, worker, store, config).with_registry(registry.clone());
        let service = service.on(machine);
        let status = service.status();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        let outcome = Outcome::default();
        let tell = Arc::clone(&outcome);
        let task = tokio::spawn(async move {
            let ended = service.run_on(shutdown, |_| Ok(connected)).await;
            *tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        });
        Self {
            clock: Arc::clone(clock),
            client,
            polling,
            status,
            task: task.abort_handle(),
            stop: Some(stop),
            outcome,
            registry,
        }
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What it knows about itself.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// It ends here and now. Of what is on its way to a partition, as many events still arrive as
    /// `survive` says of how many there are, the first ones; the others are lost, and returned.
    pub fn kill(&mut self, survive: impl FnMut(usize) -> usize) -> Vec<Outgoing> {
        self.polling.end();
        self.task.abort();
        self.client.end(survive)
    }

    /// Its client has room for no more than so many events at once.
    pub fn set_room(&self, events: usize) {
        self.client.set_room(events);
    }

    /// Its client meets an error from which it cannot recover.
    pub fn break_client(&self, why: &str) {
        self.client.set_broken(why);
    }

    /// How many of its batches another owner's epoch has refused.
    #[must_use]
    pub fn fenced_batches(&self) -> u64 {
        let families = self.registry.gather();
        let fenced =
            (families.iter()).filter(|family| family.name().ends_with("fenced_batches_total"));
        let counts = fenced.flat_map(|family| family.get_metric());
        counts.map(|one| one.get_counter().get_value() as u64).sum()
    }

    /// It is told to stop.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
    }

    /// How it has ended, if it has, other than by being killed.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<(), String>> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        let told = outcome.as_ref()?.as_ref();
        Some(told.map_err(ToString::to_string).copied())
    }

    /// The group gives it shards.
    pub fn assign(&mut self, shards: &[i32]) {
        self.polling.assign(shards);
    }

    /// The group takes shards from it, or has taken them without it knowing (`lost`).
    pub fn revoke(&mut self, shards: &[i32], lost: bool) {
        self.polling.revoke(shards, lost);
    }

    /// Whether it has not let go yet of what is taken from it.
    #[must_use]
    pub fn is_revoking(&self) -> bool {
        self.polling.is_revoking()
    }

    /// It has let go, or the time for that has passed.
    pub fn revoked(&mut self) {
        self.polling.revoked();
    }

    /// Follows what the member says to its client; whether it is about to leave the group.
    pub fn listen(&mut self) -> bool {
        self.polling.listen();
        self.polling.is_told_to_stop()
    }

    /// Its client leaves the group.
    pub fn leave(&mut self) {
        self.polling.end();
    }

    /// The partitions of which it can be handed records.
    #[must_use]
    pub fn readable(&self) -> Vec<(String, i32)> {
        self.polling.readable(self.client.topics())
    }

    /// Hands over the next records of a partition, so many at most: the offsets of the first and
    /// behind the last.
    pub fn hand_over(&mut self, place: &(String, i32), most: usize) -> (i64, i64) {
        self.polling.hand_over(self.client.topics(), place, most)
    }

    /// Where events are on their way to.
    #[must_use]
    pub fn on_their_way(&self) -> Vec<(String, i32)> {
        self.client.on_their_way()
    }

    /// The next event for a partition arrives, or is refused: the event, and its record if it has
    /// become one.
    pub fn arrive(
        &self,
        place: &(String, i32),
        refused: Option<&str>,
        now: Timestamp,
    ) -> Option<(Outgoing, Option<Arc<Record>>)> {
        self.client.arrive(place, refused, now)
    }

    /// How many replies of the topics are on their way to it.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.client.replies()
    }

    /// The reply of that number reaches it.
    pub fn reply(&self, number: usize) {
        self.client.reply(number);
    }

    /// From now on the cluster does not tell it of topics, or does again.
    pub fn set_cluster_away(&self, is_away: bool) {
        self.client.set_away(is_away);
    }
}
