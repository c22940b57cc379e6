//! The provider and the carrier while they run: what they have met, and how they are to go wrong from now on.

use ::sandbox::Faults;
use harness::probe;

use super::Pipeline;

impl Pipeline {
    /// Where the provider answers a path.
    pub(crate) fn sandbox_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.sandbox_port)
    }

    /// What it counts of itself.
    pub(crate) fn sandbox_state(&self) -> serde_json::Value {
        let (_, state) = probe::get(&self.sandbox_url("/sandbox/state")).unwrap();
        serde_json::from_str(&state).unwrap()
    }

    /// Lets it go wrong so from now on.
    pub(crate) fn change_faults(&self, faults: &Faults) {
        let faults = serde_json::to_value(faults).unwrap();
        let (status, body) = probe::post(&self.sandbox_url("/sandbox/faults"), &faults).unwrap();
        assert_eq!(status, 200, "{body}");
    }
}
