use secrecy::ExposeSecret as _;

use super::*;
use std::time::Duration;

use rollbook_core::model::{ClientAuth, Period, TokenBody};
use rollbook_engine::setup::{Folders, Overlay, Setup};

const VENDOR: &str = r#"
connector   = "own"
title    = "Our own"
base_url = "{api}/v1"
[settings]
api    = "https://api.school.example"
tenant = { required = true }
[auth.authorization_code]
token_url   = "{api}/{tenant}/token"
token_query = { from = "description" }
client_auth = "post"
scope       = "{tenant}_read"
lifetime    = "60s"
members     = { access_token = "token", refresh_token = "renewal" }
api_key     = { header = "x-key", member = "key" }
[auth.api_key]
header = "x-key"
[streams.users]
path = "/users"
rows = "[]"
key  = ["id"]
[streams.users.columns]
id = "id : text"
"#;

/// The grant of a source with these lines below `[sources.own.auth]`.
fn grant(auth: &str) -> Result<Grant, String> {
    grant_of(VENDOR, auth)
}

/// The same with another connector.
fn grant_of(vendor: &str, auth: &str) -> Result<Grant, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    write("config/connectors/own.toml", vendor);
    let source = "[sources.own]\nconnector = \"own\"\nsettings = { tenant = \"4711\" }";
    write(
        "config/rollbook.toml",
        &format!("{source}\n[sources.own.auth]\n{auth}"),
    );
    let job = "source = \"own\"\nstreams = [\"users\"]\nschedule = \"0 3 * * *\"";
    write("jobs/one.toml", job);
    let folders = Folders {
        config: folder.path().join("config"),
        jobs: folder.path().join("jobs"),
        state: folder.path().to_owned(),
        source: None,
    };
    let setup = Setup::load(&folders, &Overlay::default()).map_err(|found| found.to_string())?;
    let given = [("secret", "s3cret"), ("key", "k3y")];
    let secrets = Secrets::in_memory(given.map(|(name, text)| (name.into(), text.into())).into());
    let source = setup.source("own").expect("the source");
    let auth = source.config.auth.as_ref().expect("its auth");
    GrantBuilder {
        source,
        auth,
        secrets: &secrets,
    }
    .grant()
}

fn signed_in(auth: &str) -> GrantSpec {
    match grant(auth).unwrap_or_else(|error| panic!("{error}")) {
        Grant::SignedIn { spec, .. } => spec,
        _ => panic!("another grant"),
    }
}

#[test]
fn the_descriptions_quirks_filled_with_the_settings() {
    let spec = signed_in("grant = \"authorization_code\"\nclient_id = \"me\"");
    assert_eq!(
        spec.token_url.as_ref().map_or("", |url| url.as_str()),
        "https://api.school.example/4711/token"
    );
    let (rules, members) = (&spec.rules, &spec.rules.members);
    let query = [("from".to_owned(), "description".to_owned())];
    assert_eq!(rules.token_query, Some(query.into()));
    assert_eq!(rules.client_auth, Some(ClientAuth::Post));
    assert_eq!(rules.lifetime, Some(Period(Duration::from_secs(60))));
    assert_eq!(rules.scope, None, "a refresh asks for no scope");
    let names = [members.access_token(), members.refresh_token()];
    assert_eq!(names, ["token", "renewal"]);
    assert_eq!(members.expires_in(), "expires_in");
    let key = spec.api_key.expect("a key beside");
    assert_eq!(
        (key.header.as_str(), key.member.as_deref()),
        ("x-key", Some("key"))
    );
    assert!(spec.client_secret.is_none() && key.fixed.is_none());
}

#[test]
fn a_source_puts_every_quirk_right() {
    let spec = signed_in(
        "grant = \"authorization_code\"\nclient_id = \"me\"\nclient_secret = { credential = \"secret\" }\n\
         api_key = { credential = \"key\" }\napi_key_header = \"x-other\"\napi_key_member = \"apiKey\"\n\
         token_url = \"{api}/other\"\ntoken_query = { tenant = \"{tenant}\" }\ntoken_form = { a = \"b\" }\n\
         client_auth = \"basic_encoded\"\nbody = \"json\"\nlifetime = \"10m\"\n\
         members = { refresh_token = \"again\", expires_at = \"until\" }",
    );
    let pair = |name: &str, value: &str| Some([(name.to_owned(), value.to_owned())].into());
    assert_eq!(
        spec.token_url.as_ref().map_or("", |url| url.as_str()),
        "https://api.school.example/other"
    );
    let (rules, members) = (&spec.rules, &spec.rules.members);
    assert_eq!(rules.token_query, pair("tenant", "4711"));
    assert_eq!(rules.token_form, pair("a", "b"));
    assert_eq!(
        (rules.client_auth, rules.body),
        (Some(ClientAuth::BasicEncoded), Some(TokenBody::Json))
    );
    assert_eq!(rules.lifetime, Some(Period(Duration::from_secs(600))));
    let names = [
        members.access_token(),
        members.refresh_token(),
        members.expires_at(),
    ];
    assert_eq!(names, ["token", "again", "until"]);
    let key = spec.api_key.expect("a key beside");
    let fixed = key.fixed.as_ref().map(|key| key.expose_secret());
    assert_eq!(
        (key.header.as_str(), key.member.as_deref(), fixed),
        ("x-other", Some("apiKey"), Some("k3y"))
    );
    let secret = spec.client_secret.expect("a secret");
    assert_eq!(secret.expose_secret(), "s3cret");
}

#[test]
fn a_key_alone_may_travel_in_another_header() {
    for (line, expected) in [("", "x-key"), ("api_key_header = \"x-other\"", "x-other")] {
        let auth = format!("grant = \"api_key\"\napi_key = {{ credential = \"key\" }}\n{line}");
        let Ok(Grant::ApiKey(keys)) = grant(&auth) else {
            panic!("another grant");
        };
        let [(header, key)] = &keys.headers[..] else {
            panic!("one header");
        };
        assert_eq!((header.as_str(), key.expose_secret()), (expected, "k3y"));
    }
}

#[test]
fn what_is_missing_is_said() {
    let missing = "grant = \"authorization_code\"\nclient_id = \"me\"\nclient_secret = { credential = \"none\" }";
    for (auth, message) in [
        (missing, "credential `none` is missing"),
        (
            "grant = \"password\"\nusername = \"me\"\npassword = { credential = \"secret\" }",
            "does not offer `password`",
        ),
    ] {
        let error = grant(auth).err().expect(auth);
        assert!(error.contains(message), "{error}");
    }
}

/// Kinds: one header, a scheme, two headers, the query, Basic, a setting, a second key that is missing, nowhere to send it.
#[test]
fn fixed_keys_go_where_the_connector_says() {
    let two = "api_secret = { credential = \"secret\" }";
    for (rules, line, headers, query) in [
        ("header = 'x-key'", "", "x-key: k3y", ""),
        (
            "header = 'Authorization'\nvalue = 'Bearer {api_key}'",
            "",
            "Authorization: Bearer k3y",
            "",
        ),
        (
            "header = 'Authorization'\nvalue = 'token {api_key}:{api_secret}'",
            two,
            "Authorization: token k3y:s3cret",
            "",
        ),
        (
            "header = 'Authorization'\nvalue = 'Basic {basic}'",
            two,
            "Authorization: Basic azN5OnMzY3JldA==",
            "",
        ),
        (
            "headers = { apitoken = '{api_key}', wstoken = '{api_secret}', tenant = '{tenant}' }",
            two,
            "apitoken: k3y, tenant: 4711, wstoken: s3cret",
            "",
        ),
        ("query = { wstoken = '{api_key}' }", "", "", "wstoken: k3y"),
    ] {
        let vendor = VENDOR.replace("header = \"x-key\"\n", &format!("{rules}\n"));
        let auth = format!("grant = \"api_key\"\napi_key = {{ credential = \"key\" }}\n{line}");
        let keys = match grant_of(&vendor, &auth) {
            Ok(Grant::ApiKey(keys)) => keys,
            Ok(_) => panic!("another grant"),
            Err(error) => panic!("{error}"),
        };
        let shown = |pairs: &[(String, SecretString)]| {
            let pair = |(name, value): &(String, SecretString)| {
                format!("{name}: {}", value.expose_secret())
            };
            pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shown(&keys.headers), headers, "{rules}");
        assert_eq!(shown(&keys.query), query, "{rules}");
        if !line.is_empty() {
            let error = grant_of(&vendor, &auth.replace(line, ""))
                .err()
                .expect("one key");
            assert!(
                error.contains("needs a second key, `api_secret`"),
                "{error}"
            );
        }
    }
    let vendor = VENDOR.replace("header = \"x-key\"\n", "");
    let auth = "grant = \"api_key\"\napi_key = { credential = \"key\" }";
    let error = grant_of(&vendor, auth).err().expect("nowhere");
    assert!(
        error.contains("does not say where the key is sent"),
        "{error}"
    );
}
