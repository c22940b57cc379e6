//! What happens, in which order and for how long: a function of the seed alone. Whether it can happen when
//! it is due is the nemesis's business.

use std::time::Duration;

use harness::proxy::Fault;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::machine::WAYS;
use crate::whole::members::GROUPS;

/// Who can be killed or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// The member of a group, by its place among them, that is killed only with its whole group.
    Steady(usize),
    /// The one that is.
    Mortal(usize),
    Storefront,
    /// The provider and the carrier.
    Sandbox,
    Broker,
    Database,
}

/// One thing that is wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// SIGSTOP, later SIGCONT.
    Stopped(Who),
    /// On one of the [`WAYS`].
    Network(usize, Fault),
}

/// A death: SIGKILL, and after some time a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) who: Who,
    /// Nobody takes its place for so long.
    pub(super) away: Duration,
    /// Whether it waits until the member has its share; else it may die as it starts.
    pub(super) is_patient: bool,
}

/// Both members of a group die at once: nobody is left who could take its shards over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Down {
    /// By its place among the groups.
    pub(super) group: usize,
    pub(super) away: Duration,
}

/// Of so many deaths, how many are whose; the rest are members'. Dealt as cards are, so that in every fifty
/// deaths there are some of each.
const DEALT: usize = 50;
const OF_ONE: [(Who, usize); 4] = [
    (Who::Storefront, 6),
    (Who::Sandbox, 4),
    (Who::Database, 2),
    (Who::Broker, 2),
];
/// In how many kills' time a whole group goes down.
const DOWN_EVERY: u32 = 20;

/// The events of a run, without end.
#[derive(Debug)]
pub(super) struct Schedule {
    kills: StdRng,
    dealt: Vec<Who>,
    downs: StdRng,
    troubles: StdRng,
    kill_every: Duration,
    trouble_every: Duration,
}

impl Schedule {
    pub(super) fn new(seed: u64, kill_every: Duration, trouble_every: Duration) -> Self {
        // Streams of their own, so that none depends on how far another has come.
        Self {
            kills: StdRng::seed_from_u64(seed),
            dealt: Vec::new(),
            downs: StdRng::seed_from_u64(seed ^ 0xc2b2_ae3d_27d4_eb4f),
            troubles: StdRng::seed_from_u64(seed ^ 0x9e37_79b9_7f4a_7c15),
            kill_every,
            trouble_every,
        }
    }

    /// The next death, and how long after the last.
    pub(super) fn next_kill(&mut self) -> (Duration, Kill) {
        let random = &mut self.kills;
        let gap = around(random, self.kill_every);
        if self.dealt.is_empty() {
            let of_one = OF_ONE.iter().flat_map(|(who, times)| [*who].repeat(*times));
            self.dealt.extend(of_one);
            let members = (0..GROUPS.len()).cycle().map(Who::Mortal);
            self.dealt.extend(members.take(DEALT - self.dealt.len()));
            self.dealt.shuffle(random);
        }
        let who = self.dealt.pop().expect("there are some");
        // One in five members is away for long enough that its shards go to the other.
        let away = match (who, random.random_bool(0.2)) {
            (Who::Mortal(_), true) => between(random, 6_500, 10_000),
            _ => between(random, 0, 500),
        };
        let is_patient = random.random_bool(0.7);
        (
            gap,
            Kill {
                who,
                away,
                is_patient,
            },
        )
    }

    /// The next group that goes down, and how long after the last.
    pub(super) fn next_down(&mut self) -> (Duration, Down) {
        let random = &mut self.downs;
        let gap = around(random, self.kill_every * DOWN_EVERY);
        let group = random.random_range(0..GROUPS.len());
        // Longer than a session in one of two.
        let away = between(random, 500, 11_500);
        (gap, Down { group, away })
    }

    /// The next trouble, how long after the last, and for how long.
    pub(super) fn next_trouble(&mut self) -> (Duration, Trouble, Duration) {
        let random = &mut self.troubles;
        let gap = around(random, self.trouble_every);
        let trouble = match random.random_range(0..100) {
            0..16 => Trouble::Stopped(Who::Steady(random.random_range(0..GROUPS.len()))),
            16..24 => Trouble::Stopped(Who::Mortal(random.random_range(0..GROUPS.len()))),
            24..28 => Trouble::Stopped(Who::Storefront),
            28..32 => Trouble::Stopped(Who::Sandbox),
            32..35 => Trouble::Stopped(Who::Broker),
            35..39 => Trouble::Stopped(Who::Database),
            _ => Trouble::Network(random.random_range(0..WAYS.len()), fault(random)),
        };
        // A third of what is stopped is taken for dead, and comes back as if nothing had been.
        let time = match trouble {
            Trouble::Stopped(Who::Broker | Who::Database) => between(random, 500, 4_000),
            Trouble::Stopped(_) => between(random, 500, 9_000),
            Trouble::Network(..) => between(random, 500, 8_000),
        };
        (gap, trouble, time)
    }
}

fn fault(random: &mut StdRng) -> Fault {
    match random.random_range(0..6) {
        0 => Fault::Latency(between(random, 20, 300)),
        1 => Fault::Cut,
        2 => Fault::CutToServer,
        3 => Fault::CutToClient,
        4 => Fault::Reset,
        _ => Fault::DropReply,
    }
}

/// From a half to one and a half of it.
fn around(random: &mut StdRng, mean: Duration) -> Duration {
    mean.mul_f64(random.random_range(0.5..1.5))
}

fn between(random: &mut StdRng, least_ms: u64, most_ms: u64) -> Duration {
    Duration::from_millis(random.random_range(least_ms..=most_ms))
}

#[test]
fn the_same_seed_gives_the_same_schedule_with_everything_in_it() {
    let second = Duration::from_secs(1);
    let of = |seed| {
        let mut schedule = Schedule::new(seed, second, second);
        let kills: Vec<_> = (0..500).map(|_| schedule.next_kill()).collect();
        let troubles: Vec<_> = (0..500).map(|_| schedule.next_trouble()).collect();
        (kills, troubles)
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7).0, of(8).0);
    let (kills, troubles) = of(7);
    for (who, times) in OF_ONE {
        let of_those = kills[..DEALT].iter().filter(|(_, kill)| kill.who == who);
        assert_eq!(of_those.count(), times, "{who:?}");
    }
    let is_steady = |(_, kill): &(Duration, Kill)| matches!(kill.who, Who::Steady(_));
    assert!(!kills.iter().any(is_steady));
    for (way, name) in WAYS.iter().enumerate() {
        let meets = |(_, trouble, _): &(Duration, Trouble, Duration)| matches!(trouble, Trouble::Network(at, _) if *at == way);
        assert!(troubles.iter().any(meets), "{name:?}");
    }
}
