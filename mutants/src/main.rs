//! Tries every mutant: the tests that are said to catch it pass without it and fail with it, or it
//! has survived.
//!
//! `make mutants`, or `make mutants ARGS="epoch-check-off timer-fired-twice"` for some of them.

#![expect(clippy::print_stdout, reason = "a program for a person")]

mod list;
mod mutant;
mod programs;
mod sites;
#[cfg(test)]
mod table;

use std::{
    collections::BTreeSet,
    env,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use list::MUTANTS;
use mutant::{Mutant, Test};
use programs::{Outcome, Programs};

fn main() -> ExitCode {
    let asked: Vec<String> = env::args().skip(1).collect();
    match try_all(&asked) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("mutants: {why}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// How many have survived.
fn try_all(asked: &[String]) -> Result<usize, String> {
    for name in asked {
        if !MUTANTS.iter().any(|mutant| mutant.name == name) {
            return Err(format!("there is no mutant {name}"));
        }
    }
    sites::check(root())?;
    let chosen: Vec<&Mutant> = (MUTANTS.iter())
        .filter(|mutant| asked.is_empty() || asked.iter().any(|name| name == mutant.name))
        .collect();
    let tests: BTreeSet<Test> = (chosen.iter())
        .flat_map(|mutant| mutant.caught_by)
        .copied()
        .collect();
    let tests: Vec<Test> = tests.into_iter().collect();
    let programs = Programs::build(root(), &tests)?;
    for test in &tests {
        match programs.run(*test, None)? {
            Outcome::Passed => {}
            Outcome::Failed(why) | Outcome::Unclear(why) => {
                return Err(format!("without a mutant, {}: {why}", test.name));
            }
        }
    }
    println!("{} tests pass without a mutant\n", tests.len());
    let started = Instant::now();
    let mut survivors = Vec::new();
    for mutant in &chosen {
        println!("{}: {}", mutant.name, mutant.breaks);
        let mut is_caught = true;
        for test in mutant.caught_by {
            is_caught &= catches(&programs, *test, mutant)?;
        }
        if !is_caught {
            survivors.push(mutant.name);
        }
    }
    let (all, caught) = (chosen.len(), chosen.len() - survivors.len());
    println!(
        "\n{caught} of {all} mutants caught in {}",
        seconds(started.elapsed())
    );
    for name in &survivors {
        println!("SURVIVED: {name}");
    }
    Ok(survivors.len())
}

/// Whether a test that is said to catch a mutant does.
fn catches(programs: &Programs, test: Test, mutant: &Mutant) -> Result<bool, String> {
    let started = Instant::now();
    let outcome = programs.run(test, Some(mutant.name))?;
    let (is_caught, verdict, why) = match outcome {
        Outcome::Failed(why) => (true, "caught by", why),
        Outcome::Passed => (false, "NOT CAUGHT BY", "it passed".to_owned()),
        Outcome::Unclear(why) => (false, "NOT CAUGHT BY", why),
    };
    let why: String = why.chars().take(100).collect();
    let took = seconds(started.elapsed());
    let (kind, name) = (test.kind(), test.shown());
    println!("    {verdict} {name} ({kind}) in {took}: {why}");
    Ok(is_caught)
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}
