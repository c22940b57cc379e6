//! What the registry says, what its silence means, and that ids are for ever.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;

use schemas::decode::SchemaSource;
use schemas::registry::{Config, TEXT_BYTES_MAX};
use schemas::wire::framing::{SCHEMA_ID_HEADER, SchemaName, WireForm};
use schemas::{Encoded, Encoder, Refused, Registry, RegistryError, released};
use serde_json::json;

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod cases;
mod fake_registry;
mod reading;

use fake_registry::FakeRegistry;
use reading::{as_prefix, decode, open, reason, schema};

#[test]
fn every_wire_form_of_every_event_is_read_as_the_same_event() {
    let fake = FakeRegistry::start();
    let source = open(&fake);
    for (id, schema_of) in (1_u32..).zip(released::all()) {
        fake.answers(
            &format!("GET /schemas/ids/{id}"),
            200,
            schema(schema_of.text),
        );
        let guid = uuid::Uuid::from_u128(u128::from(id));
        fake.answers(
            &format!("GET /schemas/guids/{guid}"),
            200,
            schema(schema_of.text),
        );
    }
    for case in cases::all() {
        let encoded = case.encoded();
        let position = released::all()
            .iter()
            .position(|it| it.name == case.event.kind() && it.version == case.version);
        let id = u32::try_from(position.unwrap() + 1).unwrap();
        let with_header = |value: Vec<u8>| {
            let mut named = Encoded {
                payload: encoded.payload[10..].to_vec(),
                ..encoded.clone()
            };
            named.headers.push((SCHEMA_ID_HEADER.to_owned(), value));
            named
        };
        let guid = [&[1][..], &u128::from(id).to_be_bytes()].concat();
        let id_in_header = [&[0][..], &id.to_be_bytes()].concat();
        for (form, record) in [
            (WireForm::SingleObject, encoded.clone()),
            (WireForm::ConfluentPrefix, as_prefix(&encoded, id)),
            (WireForm::ConfluentHeader, with_header(guid)),
            (WireForm::ConfluentHeader, with_header(id_in_header)),
        ] {
            let decoded = decode(&source, &record).unwrap();
            assert_eq!(decoded.event, case.event, "{form:?}");
            assert_eq!(
                (decoded.written.form, decoded.written.version),
                (form, case.version)
            );
        }
    }
    let ids = 2 * released::all().len();
    assert_eq!(fake.asked(), ids, "each name is asked for once");
}

#[test]
fn an_encoder_with_ids_writes_the_prefix_form() {
    let fake = FakeRegistry::start();
    for (id, schema) in (1_u32..).zip(released::all()) {
        let request = format!("POST /subjects/{}", schema.subject());
        fake.answers_to(&request, schema.text, 200, json!({ "id": id }).to_string());
    }
    let registry = open(&fake);
    let ids = registry.ids().unwrap();
    assert_eq!(
        (ids.known.len(), ids.unknown.len()),
        (released::all().len(), 0)
    );
    let encoder = Encoder::with_ids(ids.known);
    let encoded = encoder.encode_purchase(&cases::basket(), 3).unwrap();
    assert_eq!(encoded.payload[..5], [0, 0, 0, 0, 3]);
    let asked = fake.asked();
    assert_eq!(
        decode(&registry, &encoded).unwrap().written.form,
        WireForm::ConfluentPrefix
    );
    assert_eq!(fake.asked(), asked, "our own ids need no look-up");
}

/// While the registry is away, known ids flow and unknown ones wait.
#[test]
fn d1_only_the_registrys_own_word_makes_a_record_poison() {
    let fake = FakeRegistry::start();
    let record = as_prefix(&cases::all()[0].encoded(), 7);
    for (status, body) in [
        (500, "oops".to_owned()),
        (503, "{}".to_owned()),
        (
            429,
            json!({ "error_code": 429, "message": "slow down" }).to_string(),
        ),
        (
            401,
            json!({ "error_code": 401, "message": "who are you" }).to_string(),
        ),
        (404, "<html>no such page</html>".to_owned()),
        (200, "not json".to_owned()),
        // It answers nothing else as a registry would: neither of these is one's word.
        (200, "{}".to_owned()),
        (200, schema(&"x".repeat(3 * TEXT_BYTES_MAX))),
        (410, "gone".to_owned()),
    ] {
        fake.answers("GET /schemas/ids/7", status, body.clone());
        let away = decode(&open(&fake), &record);
        assert!(
            matches!(away, Err(Refused::RegistryAway(_))),
            "{status} {body}: {away:?}"
        );
    }
    let missing = json!({ "error_code": 40403, "message": "Schema not found" }).to_string();
    fake.answers("GET /schemas/ids/7", 404, missing);
    let source = open(&fake);
    let asked = fake.asked();
    assert_eq!(reason(decode(&source, &record)), "unknown_schema");
    assert_eq!(reason(decode(&source, &record)), "unknown_schema");
    assert_eq!(
        fake.asked(),
        asked + 1,
        "a missing schema is not asked for again at once"
    );
}

#[test]
fn a_name_for_which_nothing_readable_will_ever_come_holds_nothing_up() {
    let said = json!({ "error_code": 42201, "message": "no such type" }).to_string();
    let answers = [
        (200, schema(&"x".repeat(TEXT_BYTES_MAX + 1))),
        // Longer than the answer that is read at all, quoted or plain.
        (200, schema(&"\"".repeat(TEXT_BYTES_MAX + 16 * 1024))),
        (200, schema(&"x".repeat(3 * TEXT_BYTES_MAX))),
        (200, "{}".to_owned()),
        (400, "{}".to_owned()),
        (410, String::new()),
        (422, said),
    ];
    let good = released::by_name("Purchase", 3).unwrap();
    for (status, body) in answers {
        let fake = FakeRegistry::start();
        let what = format!("{status}, {} bytes", body.len());
        fake.answers("GET /schemas/ids/7", status, body);
        fake.answers("GET /schemas/types", 200, "[\"AVRO\"]".to_owned());
        fake.answers("GET /schemas/ids/8", 200, schema(good.text));
        let source = open(&fake);
        let record = cases::all()[0].encoded();
        let of_7 = decode(&source, &as_prefix(&record, 7));
        assert_eq!(reason(of_7), "unknown_schema", "{what}");
        let asked = fake.asked();
        let again = decode(&source, &as_prefix(&record, 7));
        assert_eq!(reason(again), "unknown_schema", "{what}");
        assert_eq!(fake.asked(), asked, "{what}: not asked for again at once");
        assert!(source.find(SchemaName::Id(8)).is_ok(), "{what}: others are");
    }
}

#[test]
fn a_registry_that_has_no_look_up_by_guid_has_no_schema_of_any() {
    let fake = FakeRegistry::start();
    let guid = uuid::Uuid::from_u128(7);
    let no_page = "{\"title\":\"Not found\"}".to_owned();
    fake.answers(&format!("GET /schemas/guids/{guid}"), 404, no_page.clone());
    fake.answers("GET /schemas/types", 404, no_page);
    let encoded = cases::all().swap_remove(0).encoded();
    let mut named = Encoded {
        payload: encoded.payload[10..].to_vec(),
        ..encoded
    };
    let name = [&[1][..], guid.as_bytes()].concat();
    named.headers.push((SCHEMA_ID_HEADER.to_owned(), name));
    // A wrong address, or a proxy: that says nothing of the schema.
    let away = decode(&open(&fake), &named);
    assert!(matches!(away, Err(Refused::RegistryAway(_))), "{away:?}");
    fake.answers("GET /schemas/types", 200, "[\"AVRO\"]".to_owned());
    assert_eq!(reason(decode(&open(&fake), &named)), "unknown_schema");
}

/// While the registry is away, known ids flow and unknown ones wait.
#[test]
fn d1_a_registry_that_is_away_is_not_hammered() {
    let fake = FakeRegistry::start();
    let source = open(&fake);
    for id in 1..50 {
        let away = decode(&source, &as_prefix(&cases::all()[0].encoded(), id));
        assert!(matches!(away, Err(Refused::RegistryAway(_))), "{away:?}");
    }
    assert!(fake.asked() <= 2, "asked {} times", fake.asked());
}

#[test]
fn an_id_that_cannot_exist_is_never_asked_for() {
    let fake = FakeRegistry::start();
    for id in [0, u32::MAX, 1 << 31] {
        let refused = decode(&open(&fake), &as_prefix(&cases::all()[0].encoded(), id));
        assert_eq!(reason(refused), "unknown_schema");
    }
    assert_eq!(fake.asked(), 0);
}

#[test]
fn known_ids_are_read_after_a_restart_while_the_registry_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let record = as_prefix(&cases::all()[0].encoded(), 7);
    let config = {
        let fake = FakeRegistry::start();
        let first = released::by_name("Purchase", 1).unwrap();
        fake.answers("GET /schemas/ids/7", 200, schema(first.text));
        let request = format!("POST /subjects/{}", first.subject());
        fake.answers(&request, 200, json!({ "id": 7 }).to_string());
        let source = Arc::new(Registry::open(&fake.config(), Some(folder.path())).unwrap());
        decode(&source, &record).unwrap();
        assert_eq!(source.id(first), Ok(7));
        fake.config()
    };
    let source = Arc::new(Registry::open(&config, Some(folder.path())).unwrap());
    assert_eq!(
        decode(&source, &record).unwrap().event,
        cases::all()[0].event
    );
    assert_eq!(source.ids().unwrap().known.get(&("Purchase", 1)), Some(&7));
}

/// A schema that is hostile, or another one than was known under its id, is refused.
#[test]
fn d2_an_id_that_changes_its_schema_is_refused_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeRegistry::start();
    let (one, other) = (
        released::by_name("Purchase", 1).unwrap(),
        released::by_name("Purchase", 2).unwrap(),
    );
    fake.answers("GET /schemas/ids/7", 200, schema(one.text));
    let source = Arc::new(Registry::open(&fake.config(), Some(folder.path())).unwrap());
    decode(&source, &as_prefix(&cases::all()[0].encoded(), 7)).unwrap();
    assert_eq!(source.verify(), Ok(1));

    fake.answers("GET /schemas/ids/7", 200, schema(other.text));
    assert_eq!(
        source.verify(),
        Err(RegistryError::IdChanged("id 7".into()))
    );
    let restarted = Registry::open(&fake.config(), Some(folder.path())).unwrap();
    assert_eq!(
        restarted.verify(),
        Err(RegistryError::IdChanged("id 7".into()))
    );
    let request = format!("POST /subjects/{}", other.subject());
    fake.answers(&request, 200, json!({ "id": 7 }).to_string());
    assert!(matches!(restarted.ids(), Err(RegistryError::IdChanged(_))));
}

/// A schema that is hostile, or another one than was known under its id, is refused.
#[test]
fn d2_a_foreign_or_hostile_schema_is_refused_and_remembered() {
    let fake = FakeRegistry::start();
    let recursive = r#"{"type":"record","name":"Purchase","namespace":"shop","fields":[{"name":"p","type":["null","Purchase"]}]}"#;
    let foreign = r#"{"type":"record","name":"Invoice","namespace":"erp","fields":[]}"#;
    let millis = (released::by_name("Purchase", 1).unwrap().text).replace("micros", "millis");
    for (id, text) in [
        (1, recursive),
        (2, foreign),
        (3, &millis),
        (4, "[[[["),
        (5, "\"string\""),
    ] {
        fake.answers(&format!("GET /schemas/ids/{id}"), 200, schema(text));
        let source = open(&fake);
        let asked = fake.asked();
        let record = as_prefix(&cases::all()[0].encoded(), id);
        assert_eq!(reason(decode(&source, &record)), "unknown_schema", "{text}");
        assert_eq!(reason(decode(&source, &record)), "unknown_schema", "{text}");
        assert_eq!(fake.asked(), asked + 1);
    }
}

#[test]
fn registration_check_and_versions_speak_the_api() {
    let fake = FakeRegistry::start();
    let newest = released::newest("Purchase").unwrap();
    let subject = newest.subject();
    let registry = open(&fake);

    let missing = json!({ "error_code": 40401, "message": "Subject not found" }).to_string();
    let versions = format!("/subjects/{subject}/versions");
    let check = format!("POST /compatibility/subjects/{subject}/versions?verbose=true");
    fake.answers(&format!("GET {versions}"), 404, missing.clone());
    fake.answers(&check, 404, missing);
    assert_eq!(registry.versions(newest), Ok(vec![]));
    assert!(registry.check(newest).unwrap().is_compatible);

    fake.answers(
        &format!("POST {versions}"),
        200,
        json!({ "id": 9 }).to_string(),
    );
    fake.answers(&format!("GET {versions}"), 200, "[1,2,3]");
    let no = json!({ "is_compatible": false, "messages": ["reader field missing"] });
    fake.answers(&check, 200, no.to_string());
    assert_eq!(registry.register(newest), Ok(9));
    assert_eq!(registry.versions(newest), Ok(vec![1, 2, 3]));
    let judged = registry.check(newest).unwrap();
    assert_eq!((judged.is_compatible, judged.messages.len()), (false, 1));

    let conflict = json!({ "error_code": 409, "message": "incompatible" }).to_string();
    fake.answers(&format!("POST {versions}"), 409, conflict);
    assert!(matches!(
        registry.register(newest),
        Err(RegistryError::Refused(_))
    ));
}

#[test]
fn the_secret_of_a_registry_is_never_printed() {
    let config = Config {
        url: "http://127.0.0.1:1".into(),
        authorization: Some("Basic c2VjcmV0".into()),
    };
    assert!(!format!("{config:?}").contains("c2VjcmV0"));
    let registry = Registry::open(&config, None).unwrap();
    let away = registry.find(SchemaName::Id(1)).unwrap_err();
    assert!(!format!("{away:?}").contains("c2VjcmV0"));
}
