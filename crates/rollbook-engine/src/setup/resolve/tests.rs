//! Configurations with several mistakes in several files, and all problems of one pass.

mod cluster;
mod columns;
mod copy;
mod lists;
mod scopes;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::setup::check;
use crate::setup::files::Secrets;

const SHELF: &str = r#"connector = "shelf"
title = "Shelf"
base_url = "{server}/api"
[settings]
server = { required = true, help = "the address of the server" }
zone = { default = "UTC" }
region = { default = "AU", choices = ["AU", "NZ"] }
[auth.client_credentials]
token_url = "{server}/token"
[streams.users]
path = "/users"
rows = "[]"
key = ["id"]
columns = { id = "id : text", name = "name : text", born = "born : date" }
[streams.rooms]
path = "/rooms"
rows = "[]"
key = ["id"]
columns = { id = "id : text" }
"#;

pub const SOURCE: &str = r#"[sources.north]
connector = "shelf"
[sources.north.settings]
server = "https://north.example"
[sources.north.auth]
grant = "client_credentials"
client_id = "c"
client_secret = { credential = "north" }
"#;

pub const JOB: &str = "source = \"north\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\n";

pub type Files<'a> = &'a [(&'a str, &'a str)];

/// A configuration of these files, over one source, its connector and one job.
pub fn folder(files: Files<'_>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let usual = [
        ("rollbook.toml", SOURCE),
        ("connectors/shelf.toml", SHELF),
        ("jobs/north.toml", JOB),
    ];
    for (name, text) in usual.iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

pub fn folders(root: &Path) -> Folders {
    Folders {
        config: root.to_owned(),
        jobs: root.join("jobs"),
        state: root.to_owned(),
        source: None,
    }
}

pub fn lines(root: &Path, problems: &Problems) -> Vec<String> {
    let prefix = format!("{}/", root.display());
    let mut lines: Vec<String> = problems
        .iter()
        .map(|problem| problem.to_string().replace(&prefix, ""))
        .collect();
    lines.sort();
    lines
}

fn expect(files: Files<'_>, expected: &[&str]) {
    let folder = folder(files);
    let (setup, problems) = resolve(&folders(folder.path()), &Overlay::default());
    assert_eq!(lines(folder.path(), &problems), expected, "{files:?}");
    assert_eq!(setup.is_none(), problems.has_errors(), "{files:?}");
}

#[test]
fn a_right_configuration_has_no_problem() {
    expect(&[], &[]);
}

#[test]
fn mistakes_of_all_files_are_reported_in_one_pass() {
    let sources = format!(
        "{SOURCE}[sources.south]\nconnector = \"shelv\"\n[sources.west]\nconnector = \"shelf\"\n\
         [sources.west.settings]\nservr = \"https://west.example\"\nregion = \"US\"\n\
         [sources.east]\nconnector = \"shelf\"\nauth = {{ grant = \"password\", username = \"u\", \
         password = {{ credential = \"p\" }} }}\n"
    );
    expect(
        &[
            ("rollbook.toml", &sources),
            (
                "jobs/a.toml",
                "source = \"south\"\nstreams = [\"users\"]\nschedule = \"*/70 * * * *\"\n",
            ),
            (
                "jobs/b.toml",
                "source = \"west\"\nstreams = [\"user\"]\nschedule = \"61 4 * * *\"\n\
                 [stream.users]\ndrop = [\"nam\"]\n",
            ),
            (
                "jobs/c.toml",
                "source = \"nort\"\nstreams = [\"users\", \"users\"]\nschedule = \"0 4 * * *\"\n",
            ),
            (
                "jobs/d.toml",
                "source = \"north\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\ncolour = 1\n\
                 [stream.user]\n[guard]\nper = \"bron\"\n",
            ),
            (
                "crosswalks/x.toml",
                "from = \"north.users.nam\"\nto = { source = \"nort\", list = \"l\" }\notherwize = \"x\"\n",
            ),
            (
                "crosswalks/people.toml",
                "[match.all]\nleft = { stream = \"north.user\" }\nright = { stream = \"west.users\" }\n\
                 [[match.all.rule]]\nname = \"id\"\nsame = [{ left = \"id\", right = \"idd\" }]\n",
            ),
        ],
        &[
            "crosswalks/people.toml:2:19: Shelf has no stream `user` (did you mean `users`?)",
            "crosswalks/people.toml:6:32: the table west_users has no column `idd` (did you mean `id`?)",
            "crosswalks/x.toml:1:8: users has no column `nam` (did you mean `name`?)",
            "crosswalks/x.toml:2:17: there is no source `nort` (did you mean `north`?)",
            "crosswalks/x.toml:3:1: unknown key `otherwize` (did you mean `otherwise`?)",
            "jobs/a.toml:3:12: the minute `*/70` of the schedule has a step larger than its range (the largest step is 60; list the values instead, such as `0,30`, or use the next field)",
            "jobs/b.toml:2:12: Shelf has no stream `user` (did you mean `users`?)",
            "jobs/b.toml:3:12: the minute `61` of the schedule cannot be used (0-59, `*`, `*/STEP`, or several with commas between)",
            "jobs/b.toml:5:9: users has no column `nam` (did you mean `name`?)",
            "jobs/c.toml:1:10: there is no source `nort` in rollbook.toml (did you mean `north`?)",
            "jobs/c.toml:2:21: the stream `users` is listed twice (remove one)",
            "jobs/d.toml:4:1: unknown key `colour` (known: `apply`, `catch_up`, `guard`, `preset`, `schedule`, `source`, `stream`, `streams`, `time_zone`, `timeout`)",
            "jobs/d.toml:5:9: this job does not read the stream `user` (did you mean `users`?)",
            "jobs/d.toml:7:7: no stream of this job has a column `bron` (did you mean `born`?)",
            "rollbook.toml:10:13: there is no connector `shelv` (did you mean `shelf`?)",
            "rollbook.toml:11:10: Shelf requires authentication (add [sources.west.auth] with grant = one of `client_credentials`)",
            "rollbook.toml:14:9: Shelf has no setting `servr` (did you mean `server`?)",
            "rollbook.toml:15:10: invalid value for `region` (known: `AU`, `NZ`)",
            "rollbook.toml:16:10: the setting `server` is missing (the address of the server)",
            "rollbook.toml:18:18: Shelf does not offer `password` (it offers `client_credentials`)",
            "rollbook.toml:18:18: the grant `password` is legacy: it needs a person's password on this machine, and ends when that person changes it or leaves (where the vendor offers another grant, such as `authorization_code` or `client_credentials`, use that)",
        ],
    );
}

#[test]
fn a_broken_file_hides_only_what_depends_on_it() {
    let rows: [(Files<'_>, &[&str]); 7] = [
        // A connector with a wrong key still has its settings and streams.
        (
            &[
                (
                    "connectors/shelf.toml",
                    &SHELF.replace("title =", "titel ="),
                ),
                ("rollbook.toml", &SOURCE.replace("server =", "servr =")),
                ("jobs/north.toml", &JOB.replace("users", "user")),
            ],
            &[
                "connectors/shelf.toml:2:1: unknown key `titel` (did you mean `title`?)",
                "jobs/north.toml:2:12: shelf has no stream `user` (did you mean `users`?)",
                "rollbook.toml:4:9: shelf has no setting `servr` (did you mean `server`?)",
            ],
        ),
        // One that is not TOML hides what is in it.
        (
            &[
                (
                    "connectors/shelf.toml",
                    &SHELF.replace("title = \"", "title = "),
                ),
                ("jobs/north.toml", &JOB.replace("users", "user")),
                ("jobs/other.toml", &JOB.replace("0 4", "0 24")),
            ],
            &[
                "connectors/shelf.toml:2:9: this is not TOML: missing opening quote, expected `\"`",
                "jobs/other.toml:3:12: the hour `24` of the schedule cannot be used (0-23, `*`, `*/STEP`, or several with commas between)",
            ],
        ),
        // Without its sources, jobs are checked by themselves.
        (
            &[
                ("rollbook.toml", "[sources.nor"),
                ("jobs/north.toml", &JOB.replace("0 4", "0 24")),
            ],
            &[
                "jobs/north.toml:3:12: the hour `24` of the schedule cannot be used (0-23, `*`, `*/STEP`, or several with commas between)",
                "rollbook.toml:1:13: this is not TOML: unclosed table, expected `]`",
            ],
        ),
        // A table that is misspelt is not missing too.
        (
            &[(
                "rollbook.toml",
                &SOURCE
                    .replace(".settings]", ".setings]")
                    .replace(".auth]", ".aut]"),
            )],
            &[
                "rollbook.toml:3:16: unknown key `setings` (did you mean `settings`?)",
                "rollbook.toml:5:16: unknown key `aut` (did you mean `auth`?)",
            ],
        ),
        // A wrong schedule does not hide a wrong stream of the same job, nor its table.
        (
            &[(
                "jobs/north.toml",
                "source = \"north\"\nstreams = [\"user\"]\nschedule = \"x\"\n[stream.users]\nmode = \"ful\"\n",
            )],
            &[
                "jobs/north.toml:2:12: Shelf has no stream `user` (did you mean `users`?)",
                "jobs/north.toml:3:12: a schedule has five fields, or six with seconds; this has 1 (minute, hour, day, month, weekday, such as `\"*/20 6-18 * * Mon-Fri\"`)",
                "jobs/north.toml:5:8: invalid value `ful` for `mode` (did you mean `full`?)",
            ],
        ),
        // A connector that no source uses is checked too.
        (
            &[
                (
                    "connectors/shelf.toml",
                    &SHELF.replace(
                        "key = [\"id\"]\ncolumns = { id = \"id : text\" }",
                        "key = [\"idd\"]\ncolumns = { id = \"id : text\" }",
                    ),
                ),
                ("rollbook.toml", &SOURCE.replace("\"shelf\"", "\"shelv\"")),
            ],
            &[
                "connectors/shelf.toml:18:7: there is no column `idd` (did you mean `id`?)",
                "rollbook.toml:2:13: there is no connector `shelv` (did you mean `shelf`?)",
            ],
        ),
        // A bad zone of a source and a bad name of a job's file.
        (
            &[
                (
                    "connectors/shelf.toml",
                    &format!("time_zone = \"{{zone}}\"\n{SHELF}"),
                ),
                (
                    "rollbook.toml",
                    &SOURCE.replace(
                        "[sources.north.auth]",
                        "zone = \"Wien\"\n[sources.north.auth]",
                    ),
                ),
                ("jobs/My Job.toml", &JOB.replace("users", "usrs")),
            ],
            &[
                "jobs/My Job.toml: a job is named like its file, and invalid name `My Job`: use small letters, digits and underscores, starting with a letter (rename the file, for example `my_job`)",
                "jobs/My Job.toml:2:12: Shelf has no stream `usrs` (did you mean `users`?)",
                "rollbook.toml:5:8: there is no time zone `Wien` (write it as in \"Europe/Vienna\")",
            ],
        ),
    ];
    for (files, expected) in rows {
        expect(files, expected);
    }
}

#[test]
fn notes_say_what_no_job_reads_only_when_all_jobs_are_known() {
    let crosswalk =
        "from = \"north.rooms.id\"\nto = { source = \"north\", list = \"l\" }\notherwise = \"x\"\n";
    let people = "[match.all]\nleft = { stream = \"north.rooms\" }\nright = { stream = \"north.users\" }\n\
                  [[match.all.rule]]\nname = \"id\"\nsame = [{ left = \"id\", right = \"id\" }]\n";
    let no_lists = "crosswalks/x.toml:2:17: Shelf has no combo lists (its connector defines where they are: `[combos]`)";
    let files = [
        ("crosswalks/x.toml", crosswalk),
        ("crosswalks/people.toml", people),
    ];
    expect(
        &files,
        &[
            "crosswalks/people.toml:2:19: no job reads `north.rooms`, so no people are matched with it (add `rooms` to the streams of a job)",
            "crosswalks/x.toml:1:8: no job reads `north.rooms`, so there is nothing to map yet",
            no_lists,
        ],
    );
    let wrong = JOB.replace("users", "room");
    let files = [files[0], files[1], ("jobs/north.toml", wrong.as_str())];
    expect(
        &files,
        &[
            no_lists,
            "jobs/north.toml:2:12: Shelf has no stream `room` (did you mean `rooms`?)",
        ],
    );
}

/// What `rollbook check` reports of the usual configuration with another `rollbook.toml`.
fn checked(rollbook: &str, secrets: &[(&str, &str, u32)], expected: &[&str]) {
    let folder = folder(&[("rollbook.toml", rollbook)]);
    for (name, text, mode) in secrets {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("set");
    }
    let secrets = Secrets::new(folder.path(), None);
    let (setup, problems) = check(
        &folders(folder.path()),
        &Overlay::default(),
        &secrets,
        |_| None,
    );
    assert!(setup.is_some(), "a daemon starts: {problems}");
    let shown = problems.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    let prefix = format!("{}/", folder.path().display());
    let lines: Vec<String> = lines(folder.path(), &problems)
        .iter()
        .map(|line| line.replace(&prefix, ""))
        .collect();
    assert_eq!(lines, expected, "{rollbook}");
}

#[test]
fn each_secret_is_opened() {
    let north = ("credentials/north", "hunter2", 0o600);
    checked(SOURCE, &[north], &[]);
    let row = |secret: &str| SOURCE.replace("{ credential = \"north\" }", secret);
    let at = "rollbook.toml:8:17: ";
    for (reference, secrets, expected) in [
        (
            "{ credential = \"north\" }",
            &[][..],
            "credential `north` is missing (write it into credentials/north and run `chmod 600 credentials/north`)",
        ),
        (
            "{ credential = \"north\" }",
            &[("credentials/north", "hunter2", 0o644)],
            "secret file credentials/north can be read by others (run `chmod 600 credentials/north`)",
        ),
        (
            "{ credential = \"north\" }",
            &[("credentials/north", "\n", 0o600)],
            "credential `north` is empty (put the secret into it)",
        ),
        (
            "{ credential = \"north\" }",
            &[("credentials/north", "“hunter2”", 0o600)],
            "this secret has U+201C, a typographic quote, as character 1 (if the vendor refuses it, write the usual character instead)",
        ),
        (
            "{ credential = \"north\" }",
            &[("credentials/north", "unset", 0o600)],
            "credential `north` is still the placeholder `unset` (put the secret into it and restart the service)",
        ),
        (
            "{ credential = \"north\" }",
            &[("north.cred", "sealed", 0o600)],
            "credential `north` is encrypted for the service: only it and root can open it",
        ),
        (
            "{ file = \"key\" }",
            &[("key", "hunter2\nhunter2", 0o600)],
            "secret file `key` has more than one line (put the bare secret into it, on one line)",
        ),
        (
            "{ file = \"credentials\" }",
            &[],
            "secret file `credentials` is missing (write it into credentials and run `chmod 600 credentials`)",
        ),
        (
            "{ env = \"NO_SUCH_VARIABLE\" }",
            &[],
            "environment variable `NO_SUCH_VARIABLE` is missing (set NO_SUCH_VARIABLE in the daemon's environment, or better use a credential)",
        ),
    ] {
        checked(&row(reference), secrets, &[&format!("{at}{expected}")]);
    }
    let common = format!(
        "{SOURCE}[store]\nvault_key = {{ file = \"vault.key\" }}\n[alerts.webhook]\nurl = {{ file = \"webhook\" }}\n\
         token = {{ file = \"token\" }}\n[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\n\
         to = [\"a@b.example\"]\nusername = \"a\"\npassword = {{ file = \"word\" }}\n"
    );
    checked(
        &common,
        &[
            north,
            ("vault.key", "hunter2", 0o600),
            ("webhook", "chat.example/hunter2", 0o600),
        ],
        &[
            "rollbook.toml:10:13: secret file `vault.key` is a text, but not 32 bytes as base64 or hexadecimal (`rollbook vault key` makes a key)",
            "rollbook.toml:12:7: this secret is not an address such as https://chat.example/webhook",
            "rollbook.toml:13:9: secret file `token` is missing (write it into token and run `chmod 600 token`)",
            "rollbook.toml:19:12: secret file `word` is missing (write it into word and run `chmod 600 word`)",
        ],
    );
    for webhook in [
        "https://chat.example/hunter2",
        "http://10.0.0.7:8065/hunter2",
    ] {
        let rollbook = format!("{SOURCE}[alerts.webhook]\nurl = {{ file = \"webhook\" }}\n");
        checked(&rollbook, &[north, ("webhook", webhook, 0o600)], &[]);
    }
}

#[test]
fn each_address_is_parsed_with_the_settings_in_it() {
    let north = ("credentials/north", "hunter2", 0o600);
    let with = |from: &str, to: &str| SOURCE.replace(from, to);
    let clear = "must be https; plain http is allowed on loopback only";
    let none = "is not an address such as https://school.example";
    let rows = [
        (
            with("https://north.example", "north.example"),
            vec![
                format!("rollbook.toml:4:10: `base_url` {none}"),
                format!("rollbook.toml:4:10: `token_url` {none}"),
            ],
        ),
        (
            with("https://north.example", "http://north.example"),
            vec![
                format!("rollbook.toml:4:10: `base_url` {clear}"),
                format!("rollbook.toml:4:10: `token_url` {clear}"),
            ],
        ),
        (with("https://north.example", "http://127.0.0.1:80"), vec![]),
        (
            format!(
                "{SOURCE}token_url = \"{{server}}\"\nissuer = \"north\"\nmetadata_url = \"ftp://x.example\"\n\
                 allow_origins = [\"https://ok.example\", \"ok\"]\nrevocation_url = \"http://x.example\"\n"
            ),
            vec![
                "rollbook.toml:10:10: `issuer` ".to_owned() + none,
                "rollbook.toml:11:16: `metadata_url` must be an https address".to_owned(),
                "rollbook.toml:12:40: `allow_origins` ".to_owned() + none,
                "rollbook.toml:13:18: `revocation_url` ".to_owned() + clear,
            ],
        ),
    ];
    for (rollbook, expected) in rows {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        checked(&rollbook, &[north], &expected);
    }
}

#[test]
fn a_file_of_authorities_holds_certificates() {
    let north = ("credentials/north", "hunter2", 0o600);
    let rollbook = SOURCE.replacen('\n', "\nca_file = \"ca.pem\"\n", 1);
    let authority =
        include_str!("../../../../rollbook-http/src/http/tests/certificates/authority.pem");
    let key = include_str!("../../../../rollbook-http/src/http/tests/certificates/server.key");
    let der = "0\u{7f}";
    for (text, expected) in [
        (authority, None),
        ("", Some("is empty; write PEM certificates into it")),
        (
            key,
            Some(
                "contains a private key and no certificate; it needs the PEM certificate of the authority",
            ),
        ),
        (
            der,
            Some(
                "is not PEM, perhaps DER; `openssl x509 -inform der -in FILE -out FILE.pem` converts it",
            ),
        ),
    ] {
        let expected = expected.map(|why| format!("rollbook.toml:2:11: ca.pem {why}"));
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        checked(&rollbook, &[north, ("ca.pem", text, 0o600)], &expected);
    }
}

#[test]
fn values_that_init_invented_are_refused() {
    let north = ("credentials/north", "hunter2", 0o600);
    let rollbook = SOURCE
        .replace("https://north.example", crate::setup::CHANGE_ME_URL)
        .replace("\"c\"", "\"CHANGE-ME\"");
    checked(
        &rollbook,
        &[north],
        &[
            "rollbook.toml:4:10: `server` is still the placeholder `https://change-me.example` (write your own value)",
            "rollbook.toml:7:13: `client_id` is still the placeholder `CHANGE-ME` (write your own value)",
        ],
    );
    let example = rollbook_core::connector::builtin::EXAMPLE;
    let table: toml::Table = example.parse().expect("TOML");
    let (_, problems) = {
        let folder = folder(&[("rollbook.toml", example)]);
        fs::remove_file(folder.path().join("jobs/north.toml")).expect("removed");
        check(
            &folders(folder.path()),
            &Overlay::default(),
            &Secrets::new(folder.path(), None),
            |_| None,
        )
    };
    let invented = problems
        .iter()
        .filter(|problem| problem.message.contains("still has invented values"));
    let sources = table["sources"].as_table().expect("sources");
    assert_eq!(invented.count(), sources.len(), "{problems}");
    let own = example.replace("\"rollbook\"", "\"ours\"");
    let simulated = example
        .replace("tenant =", "api_url = \"http://127.0.0.1:9100\"\ntenant =")
        .replace(
            "region =",
            "base_url = \"http://127.0.0.1:9102/v1\"\nregion =",
        )
        .replace("wac =", "base_url = \"http://localhost:9101\"\nwac =");
    for text in [own, simulated] {
        let folder = folder(&[("rollbook.toml", &text)]);
        let (_, problems) = check(
            &folders(folder.path()),
            &Overlay::default(),
            &Secrets::new(folder.path(), None),
            |_| None,
        );
        assert!(!problems.to_string().contains("invented"), "{problems}");
    }
}
