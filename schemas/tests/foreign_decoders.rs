//! Our decoder beside two foreign ones, fastavro (Python) and Avro for Java, on the same bytes.
//!
//! On valid data all three must say the same. On any other data ours must refuse at least what
//! each of them refuses. Differences that are known and meant: they accept bytes behind a datum
//! and ours does not; fastavro takes any byte for a boolean, negative indexes and integers of any
//! length; Java takes text that is not UTF-8; neither checks the size that a block states.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use schemas::{Encoder, released, versions};
use serde_json::{Value, json};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;
mod generated;

/// A datum and the schema that it is read by.
struct Datum {
    schema: &'static released::Released,
    bytes: Vec<u8>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &mut Command, needs: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; {needs}"));
    let text = String::from_utf8_lossy(&output.stderr);
    let more = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{command:?} failed; {needs}\n{text}{more}"
    );
}

/// What `tools/services/install` and the tests keep between runs.
fn cache() -> PathBuf {
    std::env::var_os("COUNTERFLOW_CACHE").map_or_else(|| root().join(".cache"), PathBuf::from)
}

/// Our program in Python, with the fastavro that the installer has fetched.
fn python() -> Command {
    let clients = cache().join("clients/lib");
    let is_installed = clients.join("fastavro").is_dir();
    assert!(
        is_installed,
        "fastavro is missing: tools/services/install clients"
    );
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", clients);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/fastavro_decode.py"));
    command
}

/// Our program in Java with Avro, built once, by the first test that asks.
static JAVA: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/java");
    let folder = root().join(".cache/foreign-java");
    let program = source.join("src/main/java/shop/foreign/Decode.java");
    let text = [source.join("pom.xml"), program].map(|path| std::fs::read_to_string(path).unwrap());
    let built = folder.join(format!(
        "ready-{}",
        &released::text_digest(&text.concat())[..16]
    ));
    if !built.exists() {
        let needs = "a JDK and Maven are needed: tools/needs tests";
        let pom = source.join("pom.xml");
        run(
            Command::new("mvn")
                .args(["-q", "-B", "package", "-f"])
                .arg(pom),
            needs,
        );
        std::fs::write(built, "").unwrap();
    }
    folder
});

fn java() -> Command {
    let classes = JAVA.join("classes");
    let libraries = JAVA.join("dependency/*");
    let mut command = Command::new("java");
    let path = format!("{}:{}", classes.display(), libraries.display());
    command.args(["-Xmx256m", "-cp", &path, "shop.foreign.Decode"]);
    command
}

/// Sends every datum and returns an answer for each. Writing has a thread of its own, so that
/// neither side can wait for the other with full pipes.
fn answers(mut command: Command, data: &[Datum]) -> Vec<Value> {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child: Child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let lines: Vec<String> = (data.iter())
        .map(|datum| {
            let hex: String = datum
                .bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            json!({ "schema": datum.schema.text, "datum": hex }).to_string()
        })
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
    });
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let answers: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), data.len());
    answers
}

fn valid() -> Vec<Datum> {
    let mut data: Vec<Datum> = (cases::all().iter())
        .map(|case| Datum {
            schema: released::by_name(case.event.kind(), case.version).unwrap(),
            bytes: case.encoded().payload[10..].to_vec(),
        })
        .collect();
    let mut runner = runner();
    for _ in 0..400 {
        let purchase = generated::purchase()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        for version in versions::lowest_version(&purchase)..=versions::NEWEST {
            let encoded = Encoder::new().encode_purchase(&purchase, version).unwrap();
            let schema = released::by_name("Purchase", version).unwrap();
            data.push(Datum {
                schema,
                bytes: encoded.payload[10..].to_vec(),
            });
        }
    }
    data
}

/// The same data on every run: a difference that was found is found again.
fn runner() -> TestRunner {
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(Config::default(), seed)
}

/// Every golden datum cut at every byte, and with every byte changed in a few ways.
fn damaged() -> Vec<Datum> {
    let mut data = Vec::new();
    for case in cases::all() {
        let schema = released::by_name(case.event.kind(), case.version).unwrap();
        let whole = case.encoded().payload[10..].to_vec();
        for at in 0..whole.len() {
            data.push(Datum {
                schema,
                bytes: whole[..at].to_vec(),
            });
            for change in [0x01, 0x80, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                data.push(Datum { schema, bytes });
            }
        }
        data.push(Datum {
            schema,
            bytes: [&whole[..], &[0]].concat(),
        });
    }
    data
}

fn compare(name: &str, command: Command, data: &[Datum], all_are_valid: bool) {
    let (mut agreed, mut refused) = (0, 0);
    for (datum, foreign) in data.iter().zip(answers(command, data)) {
        let ours = schemas::show::datum(datum.schema, &datum.bytes);
        let what = format!("{name}: {:?} {:02x?}", datum.schema, datum.bytes);
        match ours {
            Ok(ours) => {
                assert_eq!(foreign.get("value"), Some(&ours), "{what}");
                assert_eq!(foreign.get("rest"), Some(&json!(0)), "{what}");
                agreed += 1;
            }
            Err(refusal) => {
                assert!(!all_are_valid, "{what}: {refusal}");
                refused += 1;
            }
        }
    }
    assert!(
        agreed > 0 && (all_are_valid || refused > 0),
        "{name}: {agreed} and {refused}"
    );
}

#[test]
fn fastavro_reads_valid_data_as_we_do() {
    compare("fastavro", python(), &valid(), true);
}

#[test]
fn java_reads_valid_data_as_we_do() {
    compare("java", java(), &valid(), true);
}

#[test]
fn what_fastavro_refuses_we_refuse() {
    compare("fastavro", python(), &damaged(), false);
}

#[test]
fn what_java_refuses_we_refuse() {
    compare("java", java(), &damaged(), false);
}
