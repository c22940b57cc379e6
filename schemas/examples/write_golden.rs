//! Writes the golden bytes of a schema that has none yet: `cargo run -p schemas --example
//! write_golden`. Bytes that are there already are never written again; they are compared, and a
//! difference is an error, because it would make records on a topic unreadable.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

#[path = "../tests/cases/mod.rs"]
#[expect(clippy::unwrap_used, reason = "the cases are valid by test")]
mod cases;

#[expect(clippy::print_stdout, reason = "a program that reports what it wrote")]
fn main() -> ExitCode {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for case in cases::all() {
        let payload = case.encoded().payload;
        let hex: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = files.entry(case.golden_file()).or_default();
        file.push_str(&format!("{hex} {}\n", case.says));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut changed = false;
    for (name, text) in files {
        let path = folder.join(&name);
        match std::fs::read_to_string(&path) {
            Ok(there) if there == text => println!("unchanged  {name}"),
            Ok(_) => {
                changed = true;
                println!("DIFFERENT  {name}: released bytes must not change");
            }
            Err(_) => {
                std::fs::write(&path, text).expect("golden/ is writable");
                println!("written    {name}");
            }
        }
    }
    ExitCode::from(u8::from(changed))
}
