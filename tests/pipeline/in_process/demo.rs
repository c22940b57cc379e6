//! `counterflow demo` as a person runs it.

use std::{fs, time::Duration};

use harness::{Processes, eventually};

/// On a loaded machine.
const DEADLINE: Duration = Duration::from_secs(180);

#[test]
fn the_demo_kills_each_of_its_processes_and_proves_that_nothing_was_lost() {
    let processes = Processes::new().unwrap();
    let mut demo = processes
        .start("demo", &["demo", "--purchases", "1500"])
        .unwrap();
    let status = demo.wait(DEADLINE).unwrap();
    let output = demo.output();
    assert!(status.success(), "{status}\n{output}");
    assert!(
        output.contains("nothing lost, nothing doubled, nothing invented"),
        "{output}"
    );
    for name in [
        "payment",
        "inventory",
        "dispatch",
        "analytics",
        "timeline",
        "storefront",
    ] {
        assert!(
            output.contains(&format!("killed {name} with SIGKILL")),
            "{output}"
        );
    }
}

#[test]
fn a_demo_that_is_killed_leaves_no_process_behind() {
    let processes = Processes::new().unwrap();
    let folder = processes.folder().join("demo");
    let folder = folder.display().to_string();
    let arguments = ["demo", "--purchases", "100000", "--dir", &folder];
    let mut demo = processes.start("demo", &arguments).unwrap();
    demo.until_output(DEADLINE, "records published").unwrap();
    let children = children_of(demo.pid());
    assert_eq!(children.len(), 6, "five groups and the storefront");
    // The demo alone, not its group of processes: that is what an out-of-memory killer does.
    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    for child in children {
        eventually(Duration::from_secs(60), "a child of the demo ends", || {
            has_ended(child)
        });
    }
}

#[test]
fn a_demo_that_is_told_to_stop_removes_what_it_made() {
    let processes = Processes::new().unwrap();
    let mut demo = processes
        .start("demo", &["demo", "--purchases", "100000"])
        .unwrap();
    demo.until_output(DEADLINE, "records published").unwrap();
    let output = demo.output();
    let (_, folder) = output
        .split_once("files in ")
        .expect("it says where its files are");
    let folder = folder.lines().next().unwrap().to_owned();
    let children = children_of(demo.pid());
    let status = demo.terminate(Duration::from_secs(60)).unwrap();
    assert_eq!(
        status.code(),
        Some(70),
        "nothing is proven:\n{}",
        demo.output()
    );
    assert!(!fs::exists(&folder).unwrap(), "{folder} is gone");
    assert!(children.into_iter().all(has_ended));
}

/// The processes that a process has started, by `/proc`.
fn children_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// The fourth field of `stat`; the second is the name in parentheses and may hold anything.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(1)?.parse().ok()
}

/// Gone, or dead and not yet waited for by whoever inherited it.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_none_or(|state| state == "Z")
}
