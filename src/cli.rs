//! The command line: which commands there are, and how each ends.

use std::{collections::BTreeMap, ffi::OsString, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::{
    commands::{
        analytics, audit, config, dead_letters, dispatch, explain, healthcheck, inventory, migrate,
        payment, positions, provider_sandbox, schemas, simulate, stock, storefront, timeline,
        topics,
    },
    context::{ConfigurationFlags, Context},
    demo,
    exit::{self, End},
};

const EXAMPLE: &str = "\
Settings come from defaults < --config FILE < COUNTERFLOW__SECTION__KEY < --set section.key=value;
`counterflow config` lists them all.

Example:
  counterflow topics apply --set kafka.bootstrap_servers=localhost:9092
  counterflow migrate
  counterflow payment --config counterflow.toml
";

/// Purchase events from the shop counter to the warehouse, each taking effect exactly once
#[derive(Debug, Parser)]
#[command(name = "counterflow", version, after_help = format!("{EXAMPLE}\n{}", exit::CODES))]
pub struct Cli {
    /// Where settings come from.
    #[command(flatten)]
    pub flags: ConfigurationFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Storefront(storefront::Arguments),
    Payment(payment::Arguments),
    Inventory(inventory::Arguments),
    Dispatch(dispatch::Arguments),
    Analytics(analytics::Arguments),
    Timeline(timeline::Arguments),
    ProviderSandbox(provider_sandbox::Arguments),
    Simulate(simulate::Arguments),
    Audit(audit::Arguments),
    Explain(explain::Arguments),
    DeadLetters(dead_letters::Arguments),
    Positions(positions::Arguments),
    Stock(stock::Arguments),
    Topics(topics::Arguments),
    Schemas(schemas::Arguments),
    Migrate(migrate::Arguments),
    Config(config::Arguments),
    Demo(demo::Arguments),
    Healthcheck(healthcheck::Arguments),
}

/// How long what is still running in the background is waited for once a command has ended.
const LAST_PATIENCE: Duration = Duration::from_millis(500);

/// Runs a command line to its end.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    environment: BTreeMap<String, String>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => return unparsed(&answer),
    };
    let context = Context {
        flags: cli.flags,
        environment,
    };
    let started = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = match started {
        Ok(runtime) => {
            let ended = runtime.block_on(run(cli.command, &context));
            runtime.shutdown_timeout(LAST_PATIENCE);
            ended
        }
        Err(error) => Err(anyhow::Error::new(error).context("start the threads")),
    };
    match ended {
        Ok(end) => ExitCode::from(end.code()),
        Err(error) => {
            // The chain is printed once, here.
            eprintln!("counterflow: {error:#}");
            ExitCode::from(exit::code(&error))
        }
    }
}

async fn run(command: Command, context: &Context) -> anyhow::Result<End> {
    match command {
        Command::Storefront(_) => storefront::run(context).await,
        Command::Payment(_) => payment::run(context).await,
        Command::Inventory(_) => inventory::run(context).await,
        Command::Dispatch(_) => dispatch::run(context).await,
        Command::Analytics(_) => analytics::run(context).await,
        Command::Timeline(_) => timeline::run(context).await,
        Command::ProviderSandbox(_) => provider_sandbox::run(context).await,
        Command::Simulate(asked) => simulate::run(context, &asked).await,
        Command::Audit(asked) => audit::run(context, &asked).await,
        Command::Explain(asked) => explain::run(context, &asked).await,
        Command::DeadLetters(asked) => dead_letters::run(context, asked).await,
        Command::Positions(asked) => positions::run(context, asked).await,
        Command::Stock(asked) => stock::run(context, asked).await,
        Command::Topics(asked) => topics::run(context, &asked).await,
        Command::Schemas(asked) => schemas::run(context, asked).await,
        Command::Migrate(asked) => migrate::run(context, &asked).await,
        Command::Config(asked) => config::run(context, &asked),
        Command::Demo(asked) => {
            context.refuse_settings("demo makes its own configuration")?;
            demo::run(asked).await
        }
        Command::Healthcheck(asked) => healthcheck::run(context, &asked).await,
    }
}

/// Help and version are answers; anything else is a mistake of whoever typed it.
fn unparsed(answer: &clap::Error) -> ExitCode {
    // A reader that has left is no error.
    drop(answer.print());
    match answer.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::USAGE),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn commands(command: &clap::Command, path: &str, all: &mut Vec<(String, clap::Command)>) {
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            let path = format!("{path} {}", inner.get_name());
            all.push((path.clone(), inner.clone()));
            commands(inner, &path, all);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_gives_an_example() {
        let mut all = Vec::new();
        commands(&Cli::command(), "counterflow", &mut all);
        assert!(all.len() >= 16, "{}", all.len());
        for (path, command) in all {
            assert!(command.get_about().is_some(), "{path}");
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains("Example:"), "{path}");
            assert!(help.contains(path.as_str()), "{path} in {help}");
        }
    }

    #[test]
    fn settings_are_taken_before_and_after_the_command() {
        for line in [
            "counterflow --set log.level=warn payment",
            "counterflow payment --set log.level=warn",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.flags.set, ["log.level=warn"], "{line}");
        }
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for line in [
            "counterflow",
            "counterflow pay",
            "counterflow payment --fast",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
