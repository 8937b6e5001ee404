//! Tests of `json.rs`.

use super::*;

#[test]
fn the_same_content_is_the_same_text() {
    for (raw, keep, expected) in [
        (
            r#" { "b" : 1 , "a" : [ 1.50, -2, null, true ] } "#,
            None,
            r#"{"a":[1.5,-2,null,true],"b":1}"#,
        ),
        (
            r#"[{"type":"id","identifier":"7"}]"#,
            None,
            r#"[{"identifier":"7","type":"id"}]"#,
        ),
        (
            r#"{"x":"q\"\\\n\u00e9"}"#,
            None,
            "{\"x\":\"q\\\"\\\\\\né\"}",
        ),
        ("[]", None, "[]"),
        ("{}", None, "{}"),
        ("18446744073709551615", None, "18446744073709551615"),
        (
            r#"[{"a":1,"secret":"s","b":{"secret":1}}]"#,
            Some(vec!["a", "b"]),
            r#"[{"a":1,"b":{"secret":1}}]"#,
        ),
        (
            r#"[{"org":{"href":"x","sourcedId":"o1","org":1},"role":"a","orgs":2},{"org":null}]"#,
            Some(vec!["role", "org.sourcedId"]),
            r#"[{"org":{"sourcedId":"o1"},"role":"a"},{"org":null}]"#,
        ),
    ] {
        let keep: Option<Vec<String>> =
            keep.map(|names| names.into_iter().map(str::to_owned).collect());
        let mut out = Written::default();
        write(raw, keep.as_deref(), &mut out).expect(raw);
        assert_eq!(out.text, expected, "{raw}");
    }
}

#[test]
fn each_element_gives_what_stands_at_a_path() {
    for (raw, path, keep, expected) in [
        (
            r#"[{"id":"a","x":1},{"x":2},{"id":"b"}]"#,
            "id",
            None,
            r#"["a","b"]"#,
        ),
        (r#"[{"id":"a","id":"b"}]"#, "id", None, r#"["b"]"#),
        (
            r#"[{"x":{"id":1}},{"x":2},{"x":[{"id":3}]}]"#,
            "x.id",
            None,
            "[1]",
        ),
        (r#"[{"x":1},"a",[1],null,true,2,-2,0.5]"#, "id", None, ""),
        (
            r#"["a",{"b":1,"a":[ ]}]"#,
            "",
            None,
            r#"["a",{"a":[],"b":1}]"#,
        ),
        (r#"{"id":"a"}"#, "id", None, r#"["a"]"#),
        (r#"{"x":"a"}"#, "id", None, ""),
        (r#""a""#, "", None, r#"["a"]"#),
        (r#""a""#, "id", None, ""),
        ("[]", "id", None, "[]"),
        ("null", "id", None, "[]"),
        (
            r#"[{"c":1,"b":2,"a":3}]"#,
            "",
            Some("ac"),
            r#"[{"a":3,"c":1}]"#,
        ),
    ] {
        let path: Vec<String> = path.split_terminator('.').map(str::to_owned).collect();
        let keep: Option<Vec<String>> =
            keep.map(|names: &str| names.chars().map(String::from).collect());
        let mut out = Written::default();
        write_each(
            raw,
            &path,
            JsonForm {
                keep: keep.as_deref(),
                texts: false,
            },
            &mut out,
        )
        .expect(raw);
        assert_eq!(out.text, expected, "{raw} at {path:?}");
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = "[".repeat(10_000);
    assert!(write(&deep, None, &mut Written::default()).is_err());
}

#[test]
fn a_byte_that_must_be_escaped_is_found_wherever_it_stands() {
    for length in 0..20 {
        for place in 0..length {
            for byte in 0..=u8::MAX {
                let mut text = vec![b'a'; length];
                text[place] = byte;
                let expected = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(
                    has_escaped(&text),
                    expected,
                    "{byte} at {place} of {length}"
                );
            }
        }
        assert!(!has_escaped(&vec![0xc3; length]));
    }
}
