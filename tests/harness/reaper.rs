//! Ends what a test program has started, however the program ends. Destructors do not run for statics,
//! nor when the program is killed, so a small shell of its own process group holds the read end of a
//! pipe from us: when we are gone, whichever way, the pipe ends, and the shell ends every process group
//! that is still on its list, by id, and removes the program's temporary folder.

use std::{
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::Context as _;

/// `add` and `drop` name a process group and the signal that ends it; the end of the input is the
/// end of the test program.
const SHELL: &str = r#"
groups=" "
while read -r verb group signal; do
  case $verb in
    add) groups="$groups$group:$signal " ;;
    drop) left=" "
      for each in $groups; do [ "${each%:*}" = "$group" ] || left="$left$each "; done
      groups=$left ;;
  esac
done
for each in $groups; do kill -s "${each#*:}" -- "-${each%:*}" 2>/dev/null; done
[ -z "$KEEP" ] || exit 0
tries=0
until rm -rf "$0" 2>/dev/null || [ $tries -ge 100 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
"#;

struct Reaper {
    orders: Mutex<ChildStdin>,
    folder: PathBuf,
}

fn reaper() -> &'static Reaper {
    static REAPER: OnceLock<Reaper> = OnceLock::new();
    REAPER.get_or_init(|| start().expect("a shell starts and the temporary folder is writable"))
}

fn start() -> anyhow::Result<Reaper> {
    let name = format!(
        "counterflow-{}-{}",
        std::process::id(),
        uuid::Uuid::new_v4().simple()
    );
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
    // PostgreSQL runs as another user and has to reach its own folder inside.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(SHELL).arg(&folder);
    let keep = std::env::var("COUNTERFLOW_KEEP").unwrap_or_default();
    if !keep.is_empty() {
        eprintln!("harness: keeping {}", folder.display());
    }
    command.env("KEEP", keep);
    let mut shell = (command.stdin(Stdio::piped()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("start /bin/sh")?;
    let orders = shell.stdin.take().context("the shell's input is piped")?;
    Ok(Reaper {
        orders: Mutex::new(orders),
        folder,
    })
}

/// Puts a process group on the list; `signal` (a name as `kill -s` takes it) is what ends it for good.
pub(crate) fn add(group: u32, signal: &str) {
    order(&format!("add {group} {signal}\n"));
}

/// Takes a process group off the list: it has ended, and its number may be given to another.
pub(crate) fn remove(group: u32) {
    order(&format!("drop {group} -\n"));
}

fn order(line: &str) {
    let mut orders = reaper()
        .orders
        .lock()
        .expect("nobody panics while holding it");
    let written = orders
        .write_all(line.as_bytes())
        .and_then(|()| orders.flush());
    written.expect("the shell reads until this program ends");
}

/// A new empty folder that is removed when the test program ends, at the latest.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = reaper().folder.join(format!("{name}-{number}"));
    fs::create_dir(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// Removes a folder made by [`folder`], unless it is to be kept for a look.
pub(crate) fn remove_folder(folder: &Path) {
    if std::env::var_os("COUNTERFLOW_KEEP").is_none_or(|keep| keep.is_empty())
        && let Err(error) = fs::remove_dir_all(folder)
    {
        eprintln!("harness: {} stays until the end: {error}", folder.display());
    }
}
