//! The table of mutants in `tests/README.md` says what the list says.
//!
//! `COUNTERFLOW_WRITE_README=1 cargo test --workspace --bin mutants` writes it.

use std::{env, fmt::Write as _, fs};

use crate::{list::MUTANTS, root};

const BEGIN: &str = "<!-- mutants: written from mutants/src/list.rs -->\n";
/// Which of them the choreography's simulation cannot notice, and why.
const UNSEEN: [(&str, &str); 1] = [(
    "timer-fired-twice",
    "each group goes by its row, and finds nothing left to do the second time",
)];
const END: &str = "<!-- end of mutants -->\n";

fn rows() -> String {
    let mut text = "\n| Mutant | What it breaks | Caught by |\n|---|---|---|\n".to_owned();
    for mutant in MUTANTS {
        let tests = mutant.caught_by.iter();
        let tests: Vec<String> = tests
            .map(|test| format!("{}: `{}`", test.kind(), test.shown()))
            .collect();
        let (name, breaks, tests) = (mutant.name, mutant.breaks, tests.join(", "));
        let unseen = UNSEEN.iter().find(|(of, _)| *of == mutant.name);
        let unseen = unseen.map_or_else(String::new, |(_, why)| {
            format!("; not by the choreography's simulation: {why}")
        });
        writeln!(text, "| `{name}` | {breaks} | {tests}{unseen} |").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_table_shows_every_mutant_and_what_catches_it() {
    let path = root().join("tests/README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (listed, after) = rest.split_once(END).expect("the table has an end");
    if env::var_os("COUNTERFLOW_WRITE_README").is_some() {
        let written = format!("{before}{BEGIN}{}{END}{after}", rows());
        fs::write(path, written).unwrap();
        return;
    }
    assert_eq!(listed, rows(), "run the command at the head of this file");
}

#[test]
fn every_mutant_is_said_to_be_caught_by_something() {
    assert!(MUTANTS.len() >= 17);
    for mutant in MUTANTS {
        assert!(!mutant.caught_by.is_empty(), "{}", mutant.name);
    }
}
