//! Secrets found, and the words for those that are not.

use std::fs;

use secrecy::ExposeSecret;

use super::*;

fn check(secrets: &Secrets, reference: &SecretRef, expected: Result<&str, &str>) {
    let found = secrets.fetch(reference);
    assert!(!format!("{found:?}").contains("hunter2"));
    let found = found
        .map(|secret| secret.expose_secret().to_owned())
        .map_err(|error| error.to_string());
    assert_eq!(
        found.as_deref().map_err(String::as_str),
        expected,
        "{reference:?}"
    );
}

fn credential(name: &str) -> SecretRef {
    SecretRef::Credential(name.parse().expect("a name"))
}

fn written(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

#[test]
fn what_a_credential_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(Path::new("/nowhere"), Some(folder.path().to_owned()));
    let rows: &[(&[u8], Result<&str, &str>)] = &[
        (b"hunter2", Ok("hunter2")),
        (b"hunter2\n", Ok("hunter2")),
        (b"hunter2\r\n", Ok("hunter2")),
        (b" hunter2 ", Ok(" hunter2 ")),
        (
            b"\xef\xbb\xbfhunter2",
            Err(
                "credential `x` has U+FEFF, a byte order mark, which is invisible, as character 1: \
                 put the bare secret into it, on one line",
            ),
        ),
        (
            "hunt\u{feff}er2".as_bytes(),
            Err(
                "credential `x` has U+FEFF, a byte order mark, which is invisible, as character 5: \
                 put the bare secret into it, on one line",
            ),
        ),
        (
            "hunter2\u{a0}\n".as_bytes(),
            Err(
                "credential `x` has U+00A0, a no-break space, as character 8: \
                 put the bare secret into it, on one line",
            ),
        ),
        (
            "\u{200b}hunter2".as_bytes(),
            Err(
                "credential `x` has U+200B, a zero-width character, which is invisible, as character 1: \
                 put the bare secret into it, on one line",
            ),
        ),
        // It may be meant; `check` remarks on it.
        ("“hunter2”".as_bytes(), Ok("“hunter2”")),
        ("Grüße-ß-日本-😀".as_bytes(), Ok("Grüße-ß-日本-😀")),
        (b"", Err("credential `x` is empty: put the secret into it")),
        (
            b"\n",
            Err("credential `x` is empty: put the secret into it"),
        ),
        (
            b"unset\n",
            Err(
                "credential `x` is still the placeholder `unset`: put the secret into it and restart the service",
            ),
        ),
        (
            b"hunter2\n\n",
            Err("credential `x` has more than one line: put the bare secret into it, on one line"),
        ),
        (
            b"hunter2\xff",
            Err("credential `x` is not UTF-8: put the bare secret into it, on one line"),
        ),
        (
            b"hunter2\0",
            Err(
                "credential `x` has a control character in it: put the bare secret into it, on one line",
            ),
        ),
        (
            &[b'x'; LARGEST + 1],
            Err("credential `x` is longer than 64 KiB: put the bare secret into it, on one line"),
        ),
    ];
    for (bytes, expected) in rows {
        written(&folder.path().join("x"), bytes, 0o440);
        check(&secrets, &credential("x"), *expected);
    }
    check(
        &secrets,
        &credential("y"),
        Err(
            "credential `y` is missing: encrypt it by `systemd-creds encrypt --name=y`, add \
             `LoadCredentialEncrypted=y` to the unit and restart it",
        ),
    );
}

#[test]
fn a_file_must_be_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(folder.path(), None);
    let path = folder.path().join("secret");
    let shown = path.display();
    let reference = SecretRef::File("secret".into());
    let missing = format!(
        "secret file `secret` is missing: write it into {shown} and run `chmod 600 {shown}`"
    );
    check(&secrets, &reference, Err(&missing));
    for (mode, private) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o644, false),
    ] {
        written(&path, b"hunter2\n", mode);
        let open = format!("secret file {shown} can be read by others: run `chmod 600 {shown}`");
        check(
            &secrets,
            &reference,
            if private { Ok("hunter2") } else { Err(&open) },
        );
    }
}

#[test]
fn without_systemd_credentials_are_files_beside_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(folder.path(), None);
    fs::create_dir(folder.path().join("credentials")).expect("made");
    let path = folder.path().join("credentials/x");
    let shown = path.display();
    let missing =
        format!("credential `x` is missing: write it into {shown} and run `chmod 600 {shown}`");
    check(&secrets, &credential("x"), Err(&missing));
    written(&path, b"hunter2", 0o600);
    check(&secrets, &credential("x"), Ok("hunter2"));
    written(&path, b"hunter2", 0o644);
    let open = format!("secret file {shown} can be read by others: run `chmod 600 {shown}`");
    check(&secrets, &credential("x"), Err(&open));
}

#[test]
fn a_variable_may_be_missing() {
    let secrets = Secrets::new(Path::new("/nowhere"), None);
    let reference = |name: &str| SecretRef::Env(name.parse().expect("a name"));
    check(
        &secrets,
        &reference("CARGO_PKG_NAME"),
        Ok("rollbook-engine"),
    );
    check(
        &secrets,
        &reference("ROLLBOOK_TEST_NOT_SET"),
        Err(
            "environment variable `ROLLBOOK_TEST_NOT_SET` is missing: set ROLLBOOK_TEST_NOT_SET in the daemon's \
             environment, or better use a credential",
        ),
    );
}

#[test]
fn given_secrets_are_the_only_ones() {
    let secrets = Secrets::in_memory(BTreeMap::from([(
        "x".to_owned(),
        SecretString::from("hunter2"),
    )]));
    assert!(!format!("{secrets:?}").contains("hunter2"));
    check(&secrets, &credential("x"), Ok("hunter2"));
    check(
        &secrets,
        &credential("y"),
        Err("credential `y` is missing: it was not given"),
    );
    check(
        &secrets,
        &SecretRef::Env("CARGO_PKG_NAME".parse().expect("a name")),
        Err("environment variable `CARGO_PKG_NAME` is missing: it was not given"),
    );
}

#[test]
fn names_that_may_be_the_secret_itself_are_not_repeated() {
    for text in ["../etc/passwd", "", "hunter2 !", ".hidden", "a/b"] {
        let error = text.parse::<CredentialName>().expect_err("not a name");
        assert_eq!(error.message, "this is not the name of a credential");
    }
    for text in ["hunter2", "lower", "", "A-B", "1A"] {
        let error = text.parse::<VariableName>().expect_err("not a name");
        assert_eq!(
            error.message,
            "this is not the name of an environment variable"
        );
    }
}

#[test]
fn a_key_is_read_like_a_secret_and_checked_as_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = Secrets::new(folder.path(), None);
    let reference = SecretRef::File("vault.key".into());
    let path = folder.path().join("vault.key");
    let key = [201; 32];
    let shown = path.display();
    for (bytes, mode, expected) in [
        (&key[..], 0o600, Ok(())),
        (b"unset", 0o600, Err("secret file `vault.key` is still the placeholder `unset`: put the secret into it and restart the service".to_owned())),
        (b"hunter2", 0o600, Err("secret file `vault.key` is a text, but not 32 bytes as base64 or hexadecimal: `rollbook vault key` makes a key".to_owned())),
        (&key[..], 0o640, Err(format!("secret file {shown} can be read by others: run `chmod 600 {shown}`"))),
    ] {
        written(&path, bytes, mode);
        let found = secrets.fetch_key(&reference);
        assert!(!format!("{found:?}").contains("201"));
        assert_eq!(found.map(drop).map_err(|error| error.to_string()), expected);
    }
    fs::remove_file(&path).expect("removed");
    let error = secrets.fetch_key(&reference).expect_err("removed");
    assert!(
        error
            .to_string()
            .starts_with("secret file `vault.key` is missing: write it into")
    );
}

#[test]
fn what_systemd_does_not_pass_may_be_a_file_of_the_configuration() {
    let (passed, config) = (tempfile::tempdir(), tempfile::tempdir());
    let (passed, config) = (passed.expect("a folder"), config.expect("a folder"));
    let secrets = Secrets::new(config.path(), Some(passed.path().to_owned()));
    fs::create_dir(config.path().join(CREDENTIALS)).expect("made");
    let own = config.path().join(CREDENTIALS).join("x");
    written(&own, b"hunter2", 0o600);
    check(&secrets, &credential("x"), Ok("hunter2"));
    let of_systemd = passed.path().join("x");
    for (bytes, expected) in [(&b"unset"[..], "hunter2"), (b"passed", "passed")] {
        written(&of_systemd, bytes, 0o440);
        check(&secrets, &credential("x"), Ok(expected));
    }
    written(&of_systemd, b"unset", 0o440);
    written(&own, b"hunter2", 0o644);
    let error = format!(
        "secret file {0} can be read by others: run `chmod 600 {0}`",
        own.display()
    );
    check(&secrets, &credential("x"), Err(&error));
    fs::remove_file(&own).expect("removed");
    let error = "credential `x` is still the placeholder `unset`: put the secret into it and restart the service";
    check(&secrets, &credential("x"), Err(error));
}
