//! Remarks about tokens: ages, expiry, what needs a person.

use super::*;
use crate::cli::table::snapshots;

fn now() -> Timestamp {
    "2026-02-04T07:00:00Z".parse().expect("a time")
}

fn auth(text: &str) -> Auth {
    toml::from_str(text).expect("an auth")
}

fn kept() -> VaultEntry {
    VaultEntry {
        source: "north".to_owned(),
        obtained: Some("2026-02-01T06:00:00.000Z".to_owned()),
        access_life_ms: Some(3_600_000),
        ..VaultEntry::default()
    }
}

/// A name, what is configured, what is kept, what the table shows, what is remarked.
type Row<'a> = (
    &'a str,
    Option<&'a Auth>,
    VaultEntry,
    &'a [&'a str],
    &'a [&'a str],
);

#[test]
fn a_line_a_source_and_what_to_do() {
    let now = now();
    let signed_in = auth("grant = \"authorization_code\"\nclient_id = \"c\"");
    let sealed = || VaultEntry {
        key_id: Some("a1b2".to_owned()),
        ..kept()
    };
    let empty = VaultEntry::default;
    let rows: [Row<'_>; 8] = [
        (
            "signed in",
            Some(&signed_in),
            kept(),
            &["2026-02-01 06:00  3 days  2026-02-01 07:00    ", "  no\n"],
            &[],
        ),
        (
            "not signed in",
            Some(&signed_in),
            empty(),
            &["authorization_code"],
            &["north: no sign-in yet: rollbook login north"],
        ),
        (
            "a configured token",
            Some(&auth(
                "grant = \"refresh_token\"\nclient_id = \"c\"\nrefresh_token = { env = \"T\" }",
            )),
            empty(),
            &["refresh_token"],
            &[],
        ),
        (
            "no token anywhere",
            Some(&auth("grant = \"refresh_token\"\nclient_id = \"c\"")),
            empty(),
            &[],
            &["north: there is no refresh token; set one in [sources.north.auth]"],
        ),
        (
            "sealed, and no key",
            Some(&signed_in),
            sealed(),
            &["key a1b2"],
            &[
                "north: the vault is sealed with key a1b2, and no key is configured; set [store] vault_key",
            ],
        ),
        (
            "a refused password",
            Some(&auth(
                "grant = \"password\"\nusername = \"u\"\npassword = { env = \"P\" }",
            )),
            VaultEntry {
                refused: Some("2026-02-04T06:00:00.000Z".to_owned()),
                is_clearly_refused: true,
                ..empty()
            },
            &["password", "not stored"],
            &[
                "north: the password was refused at 2026-02-04 06:00:00 UTC; the same password is not tried again before 2026-02-05 06:00:00 UTC",
            ],
        ),
        (
            "a password that was refused long ago",
            Some(&auth(
                "grant = \"password\"\nusername = \"u\"\npassword = { env = \"P\" }",
            )),
            VaultEntry {
                refused: Some("2026-02-03T06:59:00.000Z".to_owned()),
                is_clearly_refused: true,
                ..empty()
            },
            &[],
            &[
                "north: the password was refused at 2026-02-03 06:59:00 UTC; the next run tries it again",
            ],
        ),
        (
            "an open refresh of a source that is removed",
            None,
            VaultEntry {
                intent: Some("2026-02-04T06:00:00.000Z".to_owned()),
                ..kept()
            },
            &[],
            &[
                "north: stored, but no longer configured with a sign-in; to delete it: rollbook logout north",
                "north: a refresh started at 2026-02-04 06:00:00 UTC and has not finished; the old token is tried once more",
            ],
        ),
    ];
    for (name, auth, kept, shown, expected) in rows {
        let line = line("north", auth, kept, &Keys::None);
        assert_eq!(remarks(&line, now), expected, "{name}");
        let text = text(&[line], now, None);
        for words in shown {
            assert!(text.contains(words), "{name}: {words} is not in\n{text}");
        }
    }
}

#[test]
fn the_next_renewal_is_at_two_thirds_of_the_life() {
    let line = line("north", None, kept(), &Keys::None);
    assert_eq!(
        line.renewed_from.as_deref(),
        Some("2026-02-01T06:40:00.000Z")
    );
    assert_eq!(
        line.access_until.as_deref(),
        Some("2026-02-01T07:00:00.000Z")
    );
}

#[test]
fn what_parked_jobs_wait_for_is_said_as_it_is() {
    let parked = |job: &str, needs| ParkedView {
        job: job.to_owned(),
        source: "north".to_owned(),
        reason: "the reason".to_owned(),
        needs,
    };
    let signs_in = auth("grant = \"authorization_code\"\nclient_id = \"c\"");
    for (jobs, expected) in [
        (vec![], vec!["north: no sign-in yet: rollbook login north"]),
        (
            vec![
                parked("rosters", ParkedJobNeeds::SignIn),
                parked("lessons", ParkedJobNeeds::SignIn),
            ],
            vec!["north: sign in: rollbook login north; then rosters and lessons will run"],
        ),
    ] {
        let mut line = line("north", Some(&signs_in), VaultEntry::default(), &Keys::None);
        line.parked = jobs;
        line.refresh_started =
            (!line.parked.is_empty()).then(|| "2026-02-04T06:00:00.000Z".to_owned());
        assert_eq!(remarks(&line, now()), expected);
    }
    let mut line = line("north", Some(&signs_in), kept(), &Keys::None);
    line.parked = vec![
        parked("rosters", ParkedJobNeeds::NextTick),
        parked("lessons", ParkedJobNeeds::Resume),
        parked("marks", ParkedJobNeeds::Repair),
    ];
    assert_eq!(
        remarks(&line, now()),
        [
            "north: there was a sign-in; rosters will run at the next tick",
            "lessons is parked: the reason; when that is fixed: rollbook resume lessons",
            "marks is parked: the reason; then it resumes by itself",
        ]
    );
}

#[test]
fn a_snapshot_of_all_grants() {
    let signs_in = auth("grant = \"authorization_code\"\nclient_id = \"c\"");
    let client =
        auth("grant = \"client_credentials\"\nclient_id = \"c\"\nclient_secret = { env = \"S\" }");
    let sealed = VaultEntry {
        key_id: Some("a1b2c3d4".to_owned()),
        ..kept()
    };
    let refreshing = VaultEntry {
        intent: Some("2026-02-04T06:00:00.000Z".to_owned()),
        ..kept()
    };
    let lines = [
        line("north", Some(&signs_in), refreshing, &Keys::None),
        line("south", Some(&client), VaultEntry::default(), &Keys::None),
        line("westwood", Some(&signs_in), sealed, &Keys::None),
    ];
    snapshots::check("tokens", |width| text(&lines, now(), width));
}

#[test]
fn one_source_is_shown_by_its_name() {
    let views = || {
        ["north", "south"].map(|source| TokenView {
            source: source.to_owned(),
            ..TokenView::default()
        })
    };
    let names = |source| {
        let shown = only(Vec::from(views()), source).map_err(Exit::into_text)?;
        Ok(shown
            .into_iter()
            .map(|view| view.source)
            .collect::<Vec<_>>())
    };
    assert_eq!(
        names(None),
        Ok(vec!["north".to_owned(), "south".to_owned()])
    );
    assert_eq!(names(Some("south")), Ok(vec!["south".to_owned()]));
    let unknown = "there is no source `nort`; did you mean `north`?".to_owned();
    assert_eq!(names(Some("nort")), Err(unknown));
}
