//! The corpus, replayed: every file as it is, and with mutations that are the same in every run.
//! A crasher that `make fuzz` has found is one more file in `corpus/<target>/`.
//!
//! `COUNTERFLOW_WRITE_CORPUS=1 cargo test --workspace --test corpus` writes the seeds.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod seeds;

use std::path::{Path, PathBuf};

use fuzz::{Target, mutate};

/// All that is checked in.
const CORPUS_BYTES_MAX: usize = 300 * 1024;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// Names and contents, in order.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Keeps an input on disk when its run panics.
struct Running<'a> {
    target: &'a Target,
    origin: String,
    input: &'a [u8],
}

impl Running<'_> {
    fn run(self) -> bool {
        (self.target.run)(self.input)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let name = self.target.name;
        let path = std::env::temp_dir().join(format!("counterflow-{name}-{}", self.origin));
        match std::fs::write(&path, self.input) {
            Ok(()) => eprintln!("the input of {name} that broke it: {}", path.display()),
            Err(error) => eprintln!("{}: {error}: {:02x?}", path.display(), self.input),
        }
    }
}

fn replay(name: &str) {
    let target = fuzz::target(name).unwrap();
    let files = corpus(name);
    let (mut taken, mut refused) = (0, 0);
    let mut run = |origin: String, input: &[u8]| {
        let running = Running {
            target,
            origin,
            input,
        };
        if running.run() {
            taken += 1;
        } else {
            refused += 1;
        }
    };
    for (place, (file, input)) in files.iter().enumerate() {
        run(file.clone(), input);
        let (_, other) = &files[(place + 1) % files.len()];
        for number in 0..target.mutations {
            let mutated = mutate::mutated(input, other, u64::from(number));
            run(format!("{file}-{number}"), &mutated);
        }
    }
    // Where everything was refused, or nothing, little was shown.
    eprintln!("{name}: {taken} taken, {refused} refused");
    assert!(
        taken >= 3 && refused >= 3,
        "{taken} taken, {refused} refused"
    );
}

macro_rules! replayed {
    ($($target:ident),* $(,)?) => {
        const REPLAYED: &[&str] = &[$(stringify!($target)),*];

        mod keeps_its_promises {
            $(
                #[test]
                fn $target() {
                    super::replay(stringify!($target));
                }
            )*
        }
    };
}

replayed!(
    envelope,
    prefix,
    single_object,
    schema_header,
    newer_schema,
    v0_mapping,
    spool_recovery,
    http_body,
);

#[test]
fn every_target_is_replayed_and_has_seeds() {
    let targets: Vec<&str> = fuzz::TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(targets, REPLAYED);
    for target in targets {
        assert!(corpus(target).len() >= 3, "{target}");
    }
}

#[test]
fn the_readme_of_the_tests_says_what_every_target_promises() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let rows: String = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for target in &fuzz::TARGETS {
        assert!(
            rows.contains(&format!("`{}`", target.name)),
            "{}",
            target.name
        );
    }
}

#[test]
fn the_seeds_are_what_is_written_from_the_golden_cases_and_the_corpus_is_small() {
    let is_written = std::env::var_os("COUNTERFLOW_WRITE_CORPUS").is_some();
    let mut bytes = 0;
    for target in &fuzz::TARGETS {
        let seeds = seeds::of(target.name);
        let folder = folder(target.name);
        if is_written {
            std::fs::create_dir_all(&folder).unwrap();
            for (name, _) in corpus(target.name) {
                if name.starts_with("seed-") {
                    std::fs::remove_file(folder.join(name)).unwrap();
                }
            }
            for (name, seed) in &seeds {
                std::fs::write(folder.join(name), seed).unwrap();
            }
        }
        let there = corpus(target.name);
        bytes += there.iter().map(|(_, input)| input.len()).sum::<usize>();
        let written: Vec<_> = (there.into_iter())
            .filter(|(name, _)| name.starts_with("seed-"))
            .collect();
        assert!(
            written == seeds,
            "{}: run the command at the head of this file",
            target.name
        );
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes are checked in");
}
