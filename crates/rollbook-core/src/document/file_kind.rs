//! The kinds of files that admins write, each with the JSON Schema that it is checked by.
//!
//! The type is the one source of truth: `schemars` describes it in a test, which compares the description with the file
//! in `docs/schemas/` that is built in. So the program carries the text and not the code that makes it.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A file that is read into this type.
pub trait FileKind: DeserializeOwned {
    /// Its JSON Schema.
    fn schema() -> Value;
}

/// Makes a type a kind of file, whose schema is `docs/schemas/NAME.json`. `UPDATE_SNAPSHOTS=1 cargo test` writes that
/// after a change of the type. The last is the way from the crate's folder to the repository's.
#[macro_export]
macro_rules! file_kind {
    ($type:ident, $name:literal, $root:literal) => {
        impl $crate::document::file_kind::FileKind for $type {
            fn schema() -> serde_json::Value {
                let text = include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/",
                    $root,
                    "docs/schemas/",
                    $name,
                    ".json"
                ));
                serde_json::from_str(text).expect("a test has written it")
            }
        }

        #[cfg(test)]
        mod schema {
            #[test]
            fn the_file_is_what_the_type_says() {
                $crate::document::file_kind::compare::<super::$type>(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/",
                    $root,
                    "docs/schemas/",
                    $name,
                    ".json"
                ));
            }
        }
    };
}
pub use file_kind;

/// Fails unless a file holds the schema of a type.
#[cfg(any(test, feature = "testing"))]
pub fn compare<T: schemars::JsonSchema>(file: &str) {
    use serde::Serialize as _;

    let schema = schemars::schema_for!(T).to_value();
    let mut found = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut out = serde_json::Serializer::with_formatter(&mut found, indent);
    schema.serialize(&mut out).expect("memory");
    found.push(b'\n');
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(file, &found).expect("a file");
    }
    let expected = std::fs::read(file).unwrap_or_default();
    assert!(
        found == expected,
        "{file} is of another type: run the tests with UPDATE_SNAPSHOTS=1"
    );
}
