//! What is done to one of all that runs, and what it says of itself.

use super::{
    machine::Machine,
    schedule::{Trouble, Who},
};
use crate::whole::members::GROUPS;

impl Machine {
    /// A process of ours by the name that the report gives it.
    pub(super) fn name_of(&self, who: Who) -> String {
        match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.members[place(who)].name.clone(),
            Who::Storefront => "storefront".to_owned(),
            Who::Sandbox => "sandbox".to_owned(),
            Who::Broker => "broker".to_owned(),
            Who::Database => "database".to_owned(),
        }
    }

    /// Its process id, if it runs.
    pub(super) fn pid_of(&mut self, who: Who) -> Option<u32> {
        match who {
            Who::Steady(_) | Who::Mortal(_) => Some(self.pipeline.members[place(who)].id()),
            Who::Storefront => Some(self.pipeline.storefront_process()?.pid()),
            Who::Sandbox => Some(self.pipeline.sandbox_process()?.pid()),
            Who::Broker => self.kafka.pid(),
            Who::Database => self.postgres.pid(),
        }
    }

    /// Something goes wrong, until it is healed.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped(who) => self.stop(who),
            Trouble::Network(way, fault) => self.proxy(way).set(fault),
        }
    }

    /// It does no more.
    pub(super) fn heal(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped(who) => self.cont(who),
            Trouble::Network(way, _) => self.proxy(way).heal(),
        }
    }

    /// SIGSTOP.
    fn stop(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().stop();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().stop(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().stop(),
            Who::Broker => self.kafka.stop(),
            Who::Database => self.postgres.stop(),
        }
    }

    /// SIGCONT.
    fn cont(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().cont();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().cont(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().cont(),
            Who::Broker => self.kafka.cont(),
            Who::Database => self.postgres.cont(),
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().kill();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().kill(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().kill(),
            Who::Broker => self.kafka.kill(),
            Who::Database => self.postgres.kill(),
        }
    }

    /// A new process in the place of one that was killed.
    pub(super) fn start_again(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.start_again(place(who)),
            // Without waiting: what they need may be cut off, or be slow.
            Who::Storefront => drop(self.pipeline.spawn_storefront()),
            Who::Sandbox => self.pipeline.spawn_sandbox(),
            // Nothing else dies meanwhile: they would be away for most of the time.
            Who::Broker => self.kafka.restart().unwrap(),
            Who::Database => self.postgres.restart().unwrap(),
        }
    }

    /// The last words of a process that has ended by itself.
    pub(super) fn last_words(&mut self, who: Who) -> Option<String> {
        let process = match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.members[place(who)].process_mut(),
            Who::Storefront => self.pipeline.storefront_process()?,
            Who::Sandbox => self.pipeline.sandbox_process()?,
            Who::Broker => return self.kafka.last_words(),
            Who::Database => return self.postgres.last_words(),
        };
        if process.is_running() {
            return None;
        }
        let last = process.output().lines().last().map(str::to_owned);
        Some(last.unwrap_or_default())
    }

    /// How often a member has hung with a batch in hand, over all its lives.
    pub(super) fn hung(&mut self, who: Who) -> usize {
        let output = self.pipeline.members[place(who)].process_mut().output();
        output.matches("failpoint: hangs at decoded").count()
    }

    /// How many batches a member has had refused because it was taken for dead; 0 while it does not answer.
    pub(super) fn fenced_batches(&self, who: Who) -> u64 {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                let member = &self.pipeline.members[place(who)];
                member.metric("counterflow_fenced_batches_total") as u64
            }
            _ => 0,
        }
    }

    /// Whether a member has its share; the others always have theirs.
    pub(super) fn is_ready(&self, who: Who) -> bool {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                let probed = self.pipeline.members[place(who)].probe("readyz");
                probed.is_some_and(|(status, _)| status == 200)
            }
            _ => true,
        }
    }
}

/// All that runs.
pub(super) fn all() -> impl Iterator<Item = Who> {
    let members = 0..GROUPS.len();
    (members.clone().map(Who::Steady))
        .chain(members.map(Who::Mortal))
        .chain([Who::Storefront, Who::Sandbox, Who::Broker, Who::Database])
}

/// The place of a member among all.
fn place(who: Who) -> usize {
    match who {
        Who::Steady(group) => group,
        Who::Mortal(group) => GROUPS.len() + group,
        _ => unreachable!("only members have a place"),
    }
}
