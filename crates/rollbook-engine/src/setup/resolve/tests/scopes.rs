//! Streams that need a scope, against the scopes that their source requests.

use super::*;

const AUTH: &str = r#"[settings]
server = { required = true, help = "the address of the server" }
scope = { default = "users.read", help = "scopes" }
[auth.client_credentials]
token_url = "{server}/token"
scope = "{scope}"
[auth.authorization_code]
authorize_url = "{server}/authorize"
token_url = "{server}/token"
scope = "{scope}"
[auth.refresh_token]
token_url = "{server}/token"
[streams.users]
scope = "users.read"
"#;

/// Kinds: the default, a setting, the source's own `scope`, none requested, a grant that requests none, one of several.
#[test]
fn a_stream_whose_scope_is_not_requested_is_noted() {
    let rooms = |help: &str| {
        vec![format!(
            "jobs/north.toml:2:21: `rooms` needs the scope `rooms.read`, which `scope` of the source `north` lacks (add it{help})"
        )]
    };
    let one = r#"scope = "rooms.read""#;
    let client = "grant = \"client_credentials\"\nclient_secret = { credential = \"north\" }\n";
    let browser = "grant = \"authorization_code\"\n";
    let renewal = "grant = \"refresh_token\"\nrefresh_token = { credential = \"north\" }\n";
    let requests = |scopes: &str| format!("{client}scope = \"{scopes}\"\n");
    for (needs, setting, auth, expected) in [
        (one, None, client.to_owned(), rooms("")),
        (
            one,
            None,
            browser.to_owned(),
            rooms(", and sign in again: `rollbook login north`"),
        ),
        (one, None, renewal.to_owned(), vec![]),
        (
            one,
            Some("users.read  rooms.read"),
            client.to_owned(),
            vec![],
        ),
        (
            one,
            Some("users.read rooms.readonly"),
            client.to_owned(),
            rooms(""),
        ),
        (one, Some(""), client.to_owned(), vec![]),
        (one, None, requests("users.read rooms.read"), vec![]),
        (
            one,
            Some("users.read rooms.read"),
            requests("users.read"),
            rooms(""),
        ),
        (
            r#"scope = ["rooms.read", "all"]"#,
            Some("users.read all"),
            client.to_owned(),
            vec![],
        ),
        (
            r#"scope = ["rooms.read", "all"]"#,
            None,
            client.to_owned(),
            rooms(""),
        ),
        ("", None, client.to_owned(), vec![]),
    ] {
        let connector = SHELF.replace("[streams.users]\n", AUTH);
        let own_settings = connector
            .find("[settings]")
            .zip(connector.rfind("[settings]"));
        let (from, to) = own_settings.expect("two");
        let connector = connector[..from].to_owned() + &connector[to..];
        let connector =
            connector.replace("[streams.rooms]\n", &format!("[streams.rooms]\n{needs}\n"));
        let setting = setting.map(|scope| format!("scope = \"{scope}\"\n"));
        let source = format!(
            "[sources.north]\nconnector = \"shelf\"\n[sources.north.settings]\nserver = \"https://north.example\"\n{}\
             [sources.north.auth]\nclient_id = \"c\"\n{auth}",
            setting.unwrap_or_default()
        );
        let job = JOB.replace("[\"users\"]", "[\"users\", \"rooms\"]");
        let folder = folder(&[
            ("rollbook.toml", &source),
            ("connectors/shelf.toml", &connector),
            ("jobs/north.toml", &job),
        ]);
        let (setup, problems) = resolve(&folders(folder.path()), &Overlay::default());
        assert_eq!(lines(folder.path(), &problems), expected, "{source}{needs}");
        assert!(setup.is_some(), "a note is no error");
    }
}
