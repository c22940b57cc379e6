//! Schemas against a real registry: registered once, found again, and named by id from then on.

/// On services. A run without them leaves out what is named `real`.
mod real {
    use crate::program::counterflow;

    #[test]
    fn schemas_are_registered_once_and_found_again() {
        let registry = harness::registry::Registry::start().unwrap();
        let url = registry.url();
        let settings = [("COUNTERFLOW__REGISTRY__URL", url.as_str())];
        let ids = |answer: &serde_json::Value| -> Vec<Option<u64>> {
            let schemas = answer.as_array().unwrap().iter();
            schemas.map(|schema| schema["id"].as_u64()).collect()
        };
        let before = counterflow(&["schemas", "versions", "--json"], &settings)
            .code(1)
            .json();
        assert!(ids(&before).iter().all(Option::is_none), "{before}");
        let first = counterflow(&["schemas", "register", "--json"], &settings)
            .code(0)
            .json();
        assert!(ids(&first).iter().all(Option::is_some), "{first}");
        let again = counterflow(&["schemas", "register", "--json"], &settings)
            .code(0)
            .json();
        assert_eq!(ids(&first), ids(&again));
        let after = counterflow(&["schemas", "versions", "--json"], &settings)
            .code(0)
            .json();
        assert_eq!(ids(&after), ids(&first));
        counterflow(&["schemas", "check"], &settings).code(0);
    }
}
