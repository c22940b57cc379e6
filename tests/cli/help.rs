//! What the program says about itself.

use crate::program::counterflow;

/// The commands that the help of a command lists.
fn listed(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    (commands.lines())
        .take_while(|line| line.starts_with("  "))
        // What does not fit a line goes on further to the right.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = counterflow(&arguments, &[]).code(0).stdout;
        assert!(help.contains("Example:"), "{path:?}: {help}");
        seen += 1;
        for name in listed(&help) {
            waiting.push(path.iter().cloned().chain([name]).collect());
        }
    }
    assert!(seen >= 25, "only {seen} commands were found");
}

#[test]
fn help_documents_the_exit_codes() {
    let help = counterflow(&["--help"], &[]).code(0).stdout;
    for code in ["  0 ", "  1 ", "  64 ", "  70 ", "  75 "] {
        assert!(help.contains(code), "{code}: {help}");
    }
}

#[test]
fn what_is_not_a_command_ends_with_64() {
    for line in [&["pay"][..], &["payment", "--fast"], &["topics"], &[]] {
        let ended = counterflow(line, &[]).code(64);
        assert!(ended.stdout.is_empty(), "{line:?}: {ended:?}");
        assert!(ended.stderr.contains("Usage:"), "{line:?}: {ended:?}");
    }
}
