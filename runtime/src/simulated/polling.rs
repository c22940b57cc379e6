//! In place of the poll thread: it gives and takes partitions as the group says, and hands over
//! records as whoever drives it says, under the tickets that it was told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc as std_mpsc},
};

use tokio::sync::mpsc;

use super::{Topics, client::Place};
use crate::{
    intake::{Intake, Polled},
    kafka::{Command, PollEvent, lane_of},
};

/// What is read of a partition: under which ticket, and from where on.
type Reading = (u64, i64);

/// What the thread would hold.
#[derive(Debug)]
pub(super) struct Polling {
    names: Vec<String>,
    intakes: Vec<Arc<Intake>>,
    /// Dropped when the thread would end.
    events: Option<mpsc::UnboundedSender<PollEvent>>,
    commands: std_mpsc::Receiver<Command>,
    owned: BTreeSet<Place>,
    started: BTreeMap<Place, Reading>,
    revoking: Option<(Vec<Place>, std_mpsc::Receiver<()>)>,
    is_told_to_stop: bool,
}

impl Polling {
    pub(super) fn new(
        names: Vec<String>,
        intakes: Vec<Arc<Intake>>,
        events: mpsc::UnboundedSender<PollEvent>,
        commands: std_mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            names,
            intakes,
            events: Some(events),
            commands,
            owned: BTreeSet::new(),
            started: BTreeMap::new(),
            revoking: None,
            is_told_to_stop: false,
        }
    }

    pub(super) fn assign(&mut self, shards: &[i32]) {
        let partitions = self.partitions_of(shards);
        self.owned.extend(partitions.iter().cloned());
        self.tell(PollEvent::Assigned { partitions });
    }

    /// While the lanes let go nothing else happens on the thread.
    pub(super) fn revoke(&mut self, shards: &[i32], lost: bool) {
        let (done, let_go) = std_mpsc::sync_channel(0);
        let partitions = self.partitions_of(shards);
        self.revoking = Some((partitions.clone(), let_go));
        self.tell(PollEvent::Revoked {
            partitions,
            lost,
            done,
        });
    }

    /// Whether partitions are being taken that the lanes hold on to.
    pub(super) fn is_revoking(&self) -> bool {
        let told = |(_, let_go): &(_, std_mpsc::Receiver<()>)| let_go.try_recv();
        (self.revoking.as_ref()).is_some_and(|one| told(one) == Err(std_mpsc::TryRecvError::Empty))
    }

    /// Goes on, whether or not the lanes have let go: a revocation has a time-out.
    pub(super) fn revoked(&mut self) {
        let (partitions, _) = self.revoking.take().unwrap_or_else(|| {
            let (_, none) = std_mpsc::sync_channel(0);
            (vec![], none)
        });
        for place in &partitions {
            self.owned.remove(place);
            self.started.remove(place);
        }
    }

    /// Follows what the member says.
    pub(super) fn listen(&mut self) {
        if self.revoking.is_some() {
            return;
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Start { ticket, partitions } => {
                    let reading =
                        |(topic, partition, offset)| ((topic, partition), (ticket, offset));
                    self.started = partitions.into_iter().map(reading).collect();
                    let owned = &self.owned;
                    self.started.retain(|place, _| owned.contains(place));
                }
                Command::Stop => self.is_told_to_stop = true,
            }
        }
    }

    pub(super) fn is_told_to_stop(&self) -> bool {
        self.is_told_to_stop
    }

    /// The thread ends.
    pub(super) fn end(&mut self) {
        self.started.clear();
        self.owned.clear();
        self.events = None;
    }

    /// The partitions of which something can be handed over.
    pub(super) fn readable(&self, topics: &Topics) -> Vec<Place> {
        if self.revoking.is_some() {
            return vec![];
        }
        let readable = self
            .started
            .iter()
            .filter(|((topic, partition), (_, next))| {
                let intake = &self.intakes[lane_of(*partition, self.intakes.len())];
                *next < topics.end(topic, *partition) && !intake.is_full()
            });
        readable.map(|(place, _)| place.clone()).collect()
    }

    /// Hands over the next records of a partition; the offsets of the first and behind the last.
    pub(super) fn hand_over(&mut self, topics: &Topics, place: &Place, most: usize) -> (i64, i64) {
        let Some((ticket, next)) = self.started.get_mut(place) else {
            return (0, 0);
        };
        let first = *next;
        let records = topics.read(&place.0, place.1, first, most);
        let polled = |record| Polled {
            ticket: *ticket,
            record,
        };
        let mut polled: Vec<Polled> = records.into_iter().map(polled).collect();
        *next += i64::try_from(polled.len()).unwrap_or_default();
        let behind = *next;
        self.intakes[lane_of(place.1, self.intakes.len())].push_all(&mut polled);
        (first, behind)
    }

    fn partitions_of(&self, shards: &[i32]) -> Vec<Place> {
        let of_topic = |topic: &String| {
            let topic = topic.clone();
            shards.iter().map(move |shard| (topic.clone(), *shard))
        };
        self.names.iter().flat_map(of_topic).collect()
    }

    fn tell(&self, event: PollEvent) {
        if let Some(events) = &self.events {
            drop(events.send(event));
        }
    }
}
