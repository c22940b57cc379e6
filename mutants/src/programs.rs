//! The test programs, built with every mutant in them, and running one test of one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::mutant::{Program, Test};

/// What takes longer hangs, and has caught nothing.
const TEST_MAX: Duration = Duration::from_secs(600);

/// Where the programs are.
pub(crate) struct Programs {
    paths: BTreeMap<Program, PathBuf>,
    outputs: PathBuf,
}

/// How a test ended.
pub(crate) enum Outcome {
    Passed,
    /// With the first line of what it says.
    Failed(String),
    /// It was not there, hung, or ended without a verdict.
    Unclear(String),
}

impl Programs {
    /// Builds the programs of these tests, all at once and apart from every other build.
    pub(crate) fn build(root: &Path, tests: &[Test]) -> Result<Self, String> {
        let target = root.join("target/mutants");
        // Some of them start it as processes.
        let mut cargo = building(root, &target);
        cargo.args(["build", "--workspace", "--locked", "--bin", "counterflow"]);
        let built = cargo.status().map_err(|error| format!("cargo: {error}"))?;
        if !built.success() {
            return Err("the program does not build".to_owned());
        }
        let mut cargo = building(root, &target);
        cargo
            .args(["test", "--workspace", "--locked", "--no-run", "--lib"])
            .arg("--message-format=json-render-diagnostics")
            .stdout(Stdio::piped());
        let wanted: BTreeSet<Program> = tests.iter().map(|test| test.program).collect();
        for program in &wanted {
            if let Program::Integration(_, name) = program {
                cargo.args(["--test", name]);
            }
        }
        let mut building = cargo.spawn().map_err(|error| format!("cargo: {error}"))?;
        let mut paths = BTreeMap::new();
        for line in
            (building.stdout.take().into_iter()).flat_map(|said| BufReader::new(said).lines())
        {
            let line = line.map_err(|error| error.to_string())?;
            let Some((name, path)) = executable(&line) else {
                continue;
            };
            if let Some(program) = wanted.iter().find(|program| name_of(**program) == name) {
                paths.insert(*program, PathBuf::from(path));
            }
        }
        let built = building.wait().map_err(|error| error.to_string())?;
        if !built.success() {
            return Err("the tests do not build".to_owned());
        }
        if let Some(missing) = wanted.iter().find(|program| !paths.contains_key(program)) {
            return Err(format!("there is no test program {missing:?}"));
        }
        let outputs = target.join("output");
        fs::create_dir_all(&outputs).map_err(|error| error.to_string())?;
        Ok(Self { paths, outputs })
    }

    /// Runs a test, with a mutant or without.
    pub(crate) fn run(&self, test: Test, mutant: Option<&str>) -> Result<Outcome, String> {
        let name = format!(
            "{}-{}.txt",
            mutant.unwrap_or("none"),
            test.name.replace("::", "-")
        );
        let path = self.outputs.join(name);
        let output = fs::File::create(&path).map_err(|error| error.to_string())?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.paths[&test.program]);
        command
            .args(["--exact", test.name])
            .env_remove(mutants::VARIABLE)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        if let Some(mutant) = mutant {
            command.env(mutants::VARIABLE, mutant);
        }
        let mut running = command.spawn().map_err(|error| error.to_string())?;
        let started = Instant::now();
        let ended = loop {
            if let Some(ended) = running.try_wait().map_err(|error| error.to_string())? {
                break ended;
            }
            if started.elapsed() > TEST_MAX {
                running.kill().map_err(|error| error.to_string())?;
                running.wait().map_err(|error| error.to_string())?;
                return Ok(Outcome::Unclear(format!("no verdict within {TEST_MAX:?}")));
            }
            thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read(&path).map_err(|error| error.to_string())?;
        Ok(verdict(&String::from_utf8_lossy(&said), ended.success()))
    }
}

/// Cargo, with the mutants compiled in and a folder of its own for what it builds.
fn building(root: &Path, target: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    cargo
        .current_dir(root)
        .env("RUSTFLAGS", format!("{flags} --cfg counterflow_mutants"))
        .env("CARGO_TARGET_DIR", target);
    cargo
}

/// Package and test program; no program for the tests beside the code.
type Name<'a> = (&'a str, Option<&'a str>);

fn name_of(program: Program) -> Name<'static> {
    match program {
        Program::Unit(package) => (package, None),
        Program::Integration(package, name) => (package, Some(name)),
    }
}

/// The program that a line of cargo's speaks of, and where it is.
fn executable(line: &str) -> Option<(Name<'_>, &str)> {
    let path = field(line, "executable")?;
    // A path with the name behind it, where that is not its last folder's.
    let (folder, version) = field(line, "package_id")?.split_once('#')?;
    let package = match version.split_once('@') {
        Some((name, _)) => name,
        None => folder.rsplit('/').next()?,
    };
    let target = line.split_once("\"target\":")?.1;
    let (_, kind) = target.split_once("\"kind\":[\"")?;
    let program = match kind.split_once('"')?.0 {
        "test" => Some(field(target, "name")?),
        "lib" => None,
        _ => return None,
    };
    Some(((package, program), path))
}

/// A text of a line of JSON, as far as none of them holds a quotation mark.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = line.split_once(&format!("\"{name}\":\""))?;
    Some(after.split_once('"')?.0)
}

fn verdict(said: &str, is_success: bool) -> Outcome {
    if is_success && said.contains("test result: ok. 1 passed;") {
        return Outcome::Passed;
    }
    if !is_success && said.contains("test result: FAILED. 0 passed; 1 failed;") {
        let after = said
            .split_once("panicked at ")
            .map_or("", |(_, after)| after);
        let reason = after
            .lines()
            .skip(1)
            .map(str::trim)
            .find(|line| !line.is_empty());
        return Outcome::Failed(reason.unwrap_or("failed").to_owned());
    }
    if said.contains("running 0 tests") {
        return Outcome::Unclear("there is no such test".to_owned());
    }
    Outcome::Unclear("it ended without a verdict".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_package_and_its_name() {
        let line = |id: &str, kind: &str, name: &str, executable: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///a/{id}\",\
                 \"target\":{{\"kind\":[\"{kind}\"],\"name\":\"{name}\"}},\"executable\":{executable}}}"
            )
        };
        let beside = line("runtime#0.1.0", "lib", "runtime", "\"/t/runtime-12\"");
        assert_eq!(
            executable(&beside),
            Some((("runtime", None), "/t/runtime-12"))
        );
        let apart = line(
            "tests#harness@0.1.0",
            "test",
            "simulation",
            "\"/t/simulation-12\"",
        );
        let name = ("harness", Some("simulation"));
        assert_eq!(executable(&apart), Some((name, "/t/simulation-12")));
        assert_eq!(
            executable(&line("runtime#0.1.0", "lib", "runtime", "null")),
            None
        );
    }

    #[test]
    fn only_a_test_that_ran_and_failed_has_caught_anything() {
        let failed = "running 1 test\nthread 'x' panicked at a.rs:1:2:\nleft is not right\n\n\
                      test result: FAILED. 0 passed; 1 failed; 0 ignored";
        let said = |outcome| match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(why) | Outcome::Unclear(why) => why,
        };
        assert_eq!(said(verdict(failed, false)), "left is not right");
        assert!(matches!(verdict("", false), Outcome::Unclear(_)));
        let none = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed;";
        assert!(matches!(verdict(none, true), Outcome::Unclear(_)));
        let passed = "running 1 test\n\ntest result: ok. 1 passed; 0 failed;";
        assert!(matches!(verdict(passed, true), Outcome::Passed));
    }
}
