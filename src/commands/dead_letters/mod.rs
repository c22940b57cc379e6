//! `counterflow dead-letters`: what a group has set aside, why, and trying it again.
//!
//! Everything is read from and written to the group's own database: a redrive concerns that group
//! alone, and no other group sees the record again.

mod list;
mod redrive;
mod redriven;
mod select;
mod show;

use clap::{Args, Subcommand};

use crate::{context::Context, exit::End, groups::GroupName, wiring::open_store};

const EXAMPLE: &str = "\
Example:
  counterflow dead-letters list payment --reason conflicting_duplicate --since 2h
  counterflow dead-letters show payment 'shop.purchases.v1[3]@1841'
  counterflow dead-letters redrive payment --reason unknown_schema --yes";

/// Lists, shows and redrives what a group has set aside
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::Arguments),
    Show(show::Arguments),
    Redrive(redrive::Arguments),
}

impl Action {
    fn group(&self) -> GroupName {
        match self {
            Self::List(asked) => asked.group,
            Self::Show(asked) => asked.group,
            Self::Redrive(asked) => asked.group,
        }
    }
}

pub(crate) async fn run(context: &Context, asked: Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&[])?;
    let now = jiff::Timestamp::now().as_microsecond();
    let store = open_store(&config, asked.action.group().as_str())?;
    let store = store.as_ref();
    match asked.action {
        Action::List(what) => list::run(store, &what, now, asked.json).await,
        Action::Show(what) => show::run(store, &what, asked.json).await,
        Action::Redrive(what) => {
            let redrives_max = i64::from(config.consumer.redrives_max);
            redrive::run(store, &what, now, redrives_max, asked.json).await
        }
    }
}
