//! The `counterflow` program. What it can do is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One limit per process, so it is set before anything else could set another.
    schemas::init();
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    counterflow::cli::main(std::env::args_os(), environment)
}
