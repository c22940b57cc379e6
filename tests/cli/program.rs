//! Running the program to its end, in an environment that holds nothing but what the test says.

use std::{path::Path, process::Command};

use runtime::kafka::in_process::InProcessCluster;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// What it answered.
    pub(crate) stdout: String,
    /// What it said besides.
    pub(crate) stderr: String,
}

impl Ended {
    /// Its answer as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the program ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs `counterflow <arguments>` with these settings in its environment.
pub(crate) fn counterflow(arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_counterflow"))
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The setting that puts every group's database into a folder.
pub(crate) fn databases_in(folder: &Path) -> String {
    format!("sqlite://{}/databases", folder.display())
}

/// Makes a test of each function, on SQLite files and on Postgres. A run without services leaves
/// out what is named `real`.
macro_rules! on_both_databases {
    ($($scenario:ident,)*) => {
        mod in_files {
            $(#[test] fn $scenario() {
                let folder = tempfile::tempdir().unwrap();
                super::$scenario(&crate::program::databases_in(folder.path()));
            })*
        }
        mod real {
            $(#[test] fn $scenario() {
                super::$scenario(&harness::postgres::shared().fresh_database());
            })*
        }
    };
}

/// A cluster with every topic that is declared, each with so many partitions.
pub(crate) fn cluster_with_topics(partitions: i32) -> InProcessCluster {
    let cluster = InProcessCluster::start().unwrap();
    let sizes = counterflow::context::Context::default().load(&[]).unwrap();
    for topic in counterflow::topics::declared(&sizes.config.topics) {
        cluster.create_topic(&topic.name, partitions).unwrap();
    }
    cluster
}
