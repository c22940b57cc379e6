//! A schema as a registry gives it, whatever it says, and a datum that claims to be of it.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use schemas::decode::Found;
use schemas::registry;
use schemas::wire::framing::SchemaName;
use schemas::wire::newer::Newer;
use schemas::wire::scan;

use crate::alike::{Unknown, says_the_same};
use crate::input::Input;
use crate::readers::is_said_in_few_words;

/// The schema's text as a chunk, then the datum.
pub(crate) fn run(data: &[u8]) -> bool {
    schemas::init();
    let mut input = Input::new(data);
    let text = input.text();
    let datum = input.rest();
    match registry::ours(SchemaName::Id(7), &text) {
        Ok(Found::Released(known)) => {
            let read = Schema::parse_str(&text).unwrap();
            assert_eq!(read, *known.schema, "it is taken for another");
            true
        }
        Ok(Found::Newer(newer)) => understood(&newer, datum),
        Err(refused) => {
            is_said_in_few_words(&refused);
            false
        }
    }
}

/// Whether the datum was read without a word for it.
fn understood(newer: &Newer, datum: &[u8]) -> bool {
    assert!(newer.version() > newer.known().version);
    let unvouched = newer.as_known(datum, false);
    let vouched = newer.as_known(datum, true);
    for (read, unknown) in [
        (&vouched, Unknown::Any),
        (&unvouched, Unknown::OnlyDefaults),
    ] {
        match read {
            Ok(known) => is_the_same(newer, datum, known, unknown),
            Err(refused) => is_said_in_few_words(refused),
        }
    }
    if unvouched.is_ok() {
        assert_eq!(vouched, unvouched, "a word for it takes nothing away");
    }
    if let Ok(known) = &vouched {
        let longer = newer.as_known(&[datum, &[0]].concat(), true);
        assert!(longer.is_err(), "one byte more was overlooked: {known:?}");
    }
    unvouched.is_ok()
}

/// The known bytes are one whole datum of the known schema, and every value in it stood under the
/// same name in the newer datum.
fn is_the_same(newer: &Newer, datum: &[u8], known: &[u8], unknown: Unknown) {
    let schema = newer.known().schema;
    let scanned = scan::scan(schema, &scan::names(schema), known);
    assert_eq!(scanned, Ok(known.len()));
    let (written, read) = (value(newer.schema(), datum), value(schema, known));
    let names = scan::names(newer.schema());
    assert!(
        says_the_same((&written, newer.schema(), &names), &read, unknown),
        "{written:?} was read as {read:?}"
    );
}

fn value(schema: &Schema, mut datum: &[u8]) -> Value {
    let reader = GenericDatumReader::builder(schema).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
    value
}
