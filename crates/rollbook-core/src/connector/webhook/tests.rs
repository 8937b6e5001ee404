//! Calls against invented rules: which ones are believed, and which streams they select.

use super::*;

const BODY: &[u8] = br#"{"EntityName":"CourseEnrolment","RecordId":7}"#;

fn rules() -> WebhookRules {
    let text = r#"
        entity = "EntityName"
        proofs = [
          { header = "X-Signature", scheme = "hmac_sha256_hex" },
          { header = "X-Signature", scheme = "hmac_sha256_hex", prefix = "sha256=" },
          { header = "X-Signature", scheme = "hmac_sha256_base64" },
          { header = "X-Secret", scheme = "secret" },
          { header = "Authorization", scheme = "secret", prefix = "Bearer " },
        ]
        [entities]
        CourseEnrolment = ["enrolments", "learners"]
        Course = ["courses"]
        Credential = []
    "#;
    toml::from_str(text).expect("rules")
}

fn tag() -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
    hmac::sign(&key, BODY).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_listed_form_is_a_proof_and_nothing_else_is() {
    let (hex, base64) = (hex(&tag()), STANDARD.encode(tag()));
    for (header, value, expected) in [
        ("X-Signature", hex.clone(), true),
        ("x-signature", hex.to_uppercase(), true),
        ("X-Signature", format!("sha256={hex}"), true),
        ("X-Signature", format!("SHA256={hex}"), true),
        ("X-Signature", format!(" {hex} "), true),
        ("X-Signature", base64, true),
        ("X-Signature", hex[1..].to_owned(), false),
        ("X-Signature", hex[2..].to_owned(), false),
        ("X-Signature", format!("{hex}00"), false),
        ("X-Signature", hex.replacen(&hex[..1], "g", 1), false),
        ("X-Signature", "ä".repeat(32), false),
        ("X-Signature", "sha256=".to_owned(), false),
        ("X-Signature", String::new(), false),
        ("X-Signature", "s3cret".to_owned(), false),
        ("X-Secret", "s3cret".to_owned(), true),
        ("X-Secret", "s3creT".to_owned(), false),
        ("X-Secret", hex.clone(), false),
        ("Authorization", "Bearer s3cret".to_owned(), true),
        ("Authorization", "s3cret".to_owned(), false),
        ("X-Other", hex, false),
    ] {
        let headers = [
            ("Accept".to_owned(), "*/*".to_owned()),
            (header.to_owned(), value.clone()),
        ];
        assert_eq!(
            rules().is_proven(b"s3cret", &headers, BODY),
            expected,
            "{header}: {value}"
        );
        assert!(
            !rules().is_proven(b"other", &headers, BODY),
            "{header}: {value}"
        );
    }
    assert!(!rules().is_proven(b"s3cret", &[], BODY));
}

#[test]
fn a_signature_is_of_this_body() {
    let headers = [("X-Signature".to_owned(), hex(&tag()))];
    assert!(!rules().is_proven(b"s3cret", &headers, b"{}"));
}

#[test]
fn a_call_selects_streams_and_what_is_unknown_selects_none() {
    let both: &[&str] = &["enrolments", "learners"];
    for (body, expected) in [
        (r#"{"EntityName":"CourseEnrolment"}"#, Some(both)),
        (r#"{"EntityName":"Course Enrolment"}"#, Some(both)),
        (
            r#"{"EntityName":"course_enrolment","Event":"Deleted"}"#,
            Some(both),
        ),
        (r#"{"EntityName":"COURSE"}"#, Some(&["courses"][..])),
        (r#"{"EntityName":"Credential"}"#, Some(&[])),
        (r#"{"EntityName":"Unit"}"#, None),
        (r#"{"EntityName":7}"#, None),
        (r#"[{"EntityName":"Course"}]"#, None),
        ("{}", None),
        ("", None),
        ("\u{0}", None),
    ] {
        let rules = rules();
        let found = rules.streams_of(body.as_bytes());
        let expected = expected.map(|names| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        });
        assert_eq!(found, expected.as_deref(), "{body}");
    }
    let mut nested = rules();
    nested.entity = "data.type".to_owned();
    let body = br#"{"data":{"type":"course"}}"#;
    assert_eq!(nested.streams_of(body).map(<[String]>::len), Some(1));
}
