//! What a process has used so far, as Linux counts it.

use std::fs;

use anyhow::Context as _;

/// The kernel reports times to programs in hundredths of a second, whatever it counts in itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used since it was started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Processor time of all its threads, its own and the kernel's on its behalf, seconds.
    pub cpu_seconds: f64,
    /// The most memory that it has had at a time, bytes.
    pub peak_bytes: u64,
}

/// Looks at a process that runs.
///
/// # Errors
/// When it has ended.
pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("read {path}"))
    };
    let cpu_seconds = cpu_seconds(&read("stat")?).context("read the times of a process")?;
    let peak_bytes = peak_bytes(&read("status")?).context("read the memory of a process")?;
    Ok(Usage {
        cpu_seconds,
        peak_bytes,
    })
}

/// Fields 14 and 15; the second is the program's name, in brackets, with whatever is in it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, behind_the_name) = stat.rsplit_once(')')?;
    let mut times = behind_the_name.split_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let kernel: f64 = times.next()?.parse().ok()?;
    Some((user + kernel) / TICKS_PER_SECOND)
}

fn peak_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 1 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("42 (short) S 1"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.peak_bytes > 100_000);
        assert!(usage.cpu_seconds >= 0.0);
    }
}
