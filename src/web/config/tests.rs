//! Which files are accepted, and what is reported.

use super::*;
use rollbook_core::document::FileText;

/// The value, or a line for each problem.
fn read(text: &str) -> Result<WebConfig, String> {
    let lines = |found: Problems| {
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    };
    let file = FileText::new("web.toml", text);
    let document = Document::<WebConfig>::read(&file, CHECKS).map_err(lines)?;
    let problems = document.value.problems(&document.tree);
    match problems.has_errors() {
        true => Err(lines(problems)),
        false => Ok(document.value),
    }
}

const TLS: &str =
    "[tls]\ncertificate = { file = \"/c.pem\" }\nkey = { credential = \"web_key\" }\n";

#[test]
fn no_file_and_an_empty_file_are_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = WebConfig::read(folder.path()).expect("the defaults");
    assert_eq!(none, WebConfig::default());
    assert_eq!(read("").expect("the defaults"), none);
    assert_eq!(none.listen.0.to_string(), "127.0.0.1:8181");
    assert!(none.webhooks);
    std::fs::write(folder.path().join(FILE), "webhook = 1").expect("written");
    let found = WebConfig::read(folder.path()).expect_err("a mistake");
    assert!(
        found.to_string().contains("unknown key `webhook`"),
        "{found}"
    );
}

#[test]
fn another_address_needs_tls_and_a_token_or_a_named_proxy() {
    let token = "token = { credential = \"web_token\" }\n";
    let hosts = "hosts = [\"rollbook.school.example\"]\n";
    let open = "listen = \"0.0.0.0:8181\"\n";
    // The problem without its location and its advice.
    let with = |parts: &[&str]| {
        let message = |text: String| {
            let (_, text) = text.split_once(": ").unwrap_or_default();
            text.split(" (").next().unwrap_or_default().to_owned()
        };
        read(&parts.concat()).map(drop).map_err(message)
    };
    let error = |line: &str| Err(line.to_owned());
    for (parts, expected) in [
        (&["listen = \"[::1]:80\"\n"][..], Ok(())),
        (&["listen = \"127.3.2.1:80\"\n"], Ok(())),
        (&[open, "trusted_proxy = [\"192.0.2.10\"]\n"], Ok(())),
        (&[open, hosts, token, TLS], Ok(())),
        (&[token, TLS], Ok(())),
        (
            &[open],
            error("others can connect to 0.0.0.0:8181, and `token` and `[tls]` are missing"),
        ),
        (
            &[open, token],
            error("others can connect to 0.0.0.0:8181, and `[tls]` is missing"),
        ),
        (
            &[open, TLS],
            error("others can connect to 0.0.0.0:8181, and `token` is missing"),
        ),
        (
            &[open, token, TLS],
            error("no name in `hosts` leads to 0.0.0.0:8181"),
        ),
        (
            &["metrics_token = { credential = \"m\" }\n"],
            error("`metrics_token` is not used without `token`"),
        ),
    ] {
        assert_eq!(with(parts), expected, "{parts:?}");
    }
}

#[test]
fn mistakes_are_reported_together_with_their_lines() {
    let text = "listen = \"8181\"\nhosts = [\"https://a.example\"]\ntrusted_proxy = [\"10.0.0.0/8\"]\nhealth = \"good\"\ntoken = \"hunter2\"\n";
    let found = read(text).expect_err("mistakes");
    for part in [
        "web.toml:1:10: this is not an address to listen on",
        "web.toml:2:10: a name has no scheme and no path",
        "web.toml:3:18: this is not the address of a proxy",
        "web.toml:4:10: ",
        "web.toml:5:9: ",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn the_schema_describes_every_key() {
    let schema = web_schema();
    let keys = schema["properties"].as_object().expect("keys");
    assert!(
        keys.values().all(|key| key["description"].is_string()),
        "{schema}"
    );
}
