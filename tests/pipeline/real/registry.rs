//! Apicurio Registry under the harness: it answers as Confluent's registry does.

use harness::registry;
use serde_json::{Value, json};

#[tokio::test]
async fn a_schema_that_is_registered_is_returned_by_its_id() {
    let url = registry::shared().url();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let schema = r#"{"type":"record","name":"Kept","fields":[{"name":"n","type":"long"}]}"#;
    let registered = client
        .post(format!("{url}/subjects/kept/versions"))
        .json(&json!({ "schema": schema }))
        .send()
        .await
        .unwrap();
    let id = registered.json::<Value>().await.unwrap()["id"]
        .as_i64()
        .unwrap();

    let returned = client
        .get(format!("{url}/schemas/ids/{id}"))
        .send()
        .await
        .unwrap();
    let returned: Value = returned.json().await.unwrap();

    let text = returned["schema"].as_str().unwrap();
    let same = serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(same, serde_json::from_str::<Value>(schema).unwrap());
}
