//! The table of faults in `tests/README.md`, held against the sources: it has every row, names each test whose
//! name begins with one, and no row is without a test on real services or a reason.

use std::{collections::BTreeSet, fs, path::Path};

use super::{quoted, read, root};

/// Every row of the table of faults, by letter and number.
const FAULTS: [(&str, std::ops::RangeInclusive<u32>); 7] = [
    ("A", 1..=18),
    ("B", 1..=14),
    ("C", 1..=11),
    ("D", 1..=4),
    ("E", 1..=9),
    ("F", 1..=26),
    ("G-", 8..=8),
];

/// Where a fault is made on real services.
const ON_SERVICES: &str = "tests/pipeline/real";
/// How the reason begins that stands in the place of a test.
const NOT_RUN: &str = "Not run: ";

/// Tests in a folder whose names begin as a row's do: `a1_...`.
fn fault_tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            fault_tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let tests = text.split("#[test]\n").chain(text.split("#[tokio::test"));
            let names = tests.skip(1).filter_map(|test| {
                let (_, rest) = test.split_once("fn ")?;
                rest.split('(').next()
            });
            found.extend(
                names
                    .filter(|name| row_of(name).is_some())
                    .map(str::to_owned),
            );
        }
    }
}

/// The row that a test's name begins with.
fn row_of(name: &str) -> Option<String> {
    let (row, _) = name.split_once('_')?;
    let letter = row.chars().next()?;
    let number: u32 = row[1..].parse().ok()?;
    let (letter, _) = FAULTS.iter().find(|(known, numbers)| {
        known.starts_with(letter.to_ascii_uppercase()) && numbers.contains(&number)
    })?;
    Some(format!("{letter}{number}"))
}

#[test]
fn the_table_of_faults_has_every_row_and_names_the_tests_that_there_are() {
    let text = read("tests/README.md");
    let (_, table) = text.split_once("## Faults\n").expect("there is a table");
    let table = table.split("\n## ").next().unwrap();
    let mut on_services = BTreeSet::new();
    fault_tests(&root().join(ON_SERVICES), &mut on_services);
    let mut listed = Vec::new();
    let mut named = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [row, promise, shown] = cells[..] else {
            panic!("three cells: {line}")
        };
        assert!(!promise.is_empty() && !shown.is_empty(), "{line}");
        let mut is_shown = false;
        for test in quoted(shown).filter(|word| row_of(word).is_some()) {
            assert_eq!(
                row_of(test).as_deref(),
                Some(row),
                "{test} is of another row"
            );
            is_shown |= on_services.contains(test);
            named.insert(test.to_owned());
        }
        let is_excused = shown
            .strip_prefix(NOT_RUN)
            .is_some_and(|reason| reason.len() > 20);
        assert!(
            is_shown || is_excused,
            "{row} needs a test in {ON_SERVICES}, or a reason that begins with {NOT_RUN:?}"
        );
        listed.push(row.to_owned());
    }
    let rows = FAULTS.iter().flat_map(|(letter, numbers)| {
        numbers
            .clone()
            .map(move |number| format!("{letter}{number}"))
    });
    assert_eq!(listed, rows.collect::<Vec<_>>());
    let mut tests = BTreeSet::new();
    for folder in [
        "tests",
        "runtime",
        "consumers",
        "auditor",
        "producers",
        "codec",
        "schemas",
    ] {
        fault_tests(&root().join(folder), &mut tests);
    }
    assert_eq!(named, tests, "what the table names, and what there is");
}
