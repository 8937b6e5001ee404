//! What is told of tokens: ages, ends, what waits for a person.

use super::*;

fn auth(text: &str) -> Auth {
    toml::from_str(text).expect("an auth")
}

fn kept() -> KeptLine {
    KeptLine {
        source: "north".to_owned(),
        obtained: Some("2026-02-01T06:00:00.000Z".to_owned()),
        access_life_ms: Some(3_600_000),
        ..KeptLine::default()
    }
}

/// A name, what is configured, what is kept, what the table shows, what is remarked.
type Row<'a> = (
    &'a str,
    Option<&'a Auth>,
    KeptLine,
    &'a [&'a str],
    &'a [&'a str],
);

#[test]
fn a_line_a_source_and_what_to_do() {
    let now = "2026-02-04T07:00:00Z".parse().expect("a time");
    let signed_in = auth("grant = \"authorization_code\"\nclient_id = \"c\"");
    let sealed = || KeptLine {
        key_id: Some("a1b2".to_owned()),
        ..kept()
    };
    let empty = KeptLine::default;
    let rows: [Row<'_>; 7] = [
        (
            "signed in",
            Some(&signed_in),
            kept(),
            &[
                "2026-02-01 06:00:00 (3 days)",
                "2026-02-01 07:00:00",
                " no ",
            ],
            &[],
        ),
        (
            "not signed in",
            Some(&signed_in),
            empty(),
            &["authorization_code"],
            &["north: nobody has signed in yet: rollbook login north"],
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
            &["north: there is no refresh token; name one under [sources.north.auth]"],
        ),
        (
            "sealed, and no key",
            Some(&signed_in),
            sealed(),
            &["with key a1b2"],
            &[
                "north: the vault is sealed with key a1b2, and no key is given; say under [store] vault_key where it is",
            ],
        ),
        (
            "a refused password",
            Some(&auth(
                "grant = \"password\"\nusername = \"u\"\npassword = { env = \"P\" }",
            )),
            KeptLine {
                refused: Some("2026-02-04T06:00:00.000Z".to_owned()),
                ..empty()
            },
            &["password", "never stored"],
            &[
                "north: a password was refused at 2026-02-04 06:00:00 UTC; the same one is not tried again for a day",
            ],
        ),
        (
            "an open refresh of a source that is gone",
            None,
            KeptLine {
                intent: Some("2026-02-04T06:00:00.000Z".to_owned()),
                ..kept()
            },
            &[],
            &[
                "north: kept, but not configured with a sign-in any more; to forget it: rollbook logout north",
                "north: a refresh was begun at 2026-02-04 06:00:00 UTC and has not ended; the old token is tried once more",
            ],
        ),
    ];
    for (name, auth, kept, shown, expected) in rows {
        let line = line("north", auth, kept, &Keys::None);
        assert_eq!(remarks(&line), expected, "{name}");
        let text = text(&[line], now);
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
    let parked = |job: &str, waiting| Parked {
        job: job.to_owned(),
        source: "north".to_owned(),
        reason: "the reason".to_owned(),
        waiting,
    };
    let signs_in = auth("grant = \"authorization_code\"\nclient_id = \"c\"");
    for (jobs, expected) in [
        (
            vec![],
            vec!["north: nobody has signed in yet: rollbook login north"],
        ),
        (
            vec![
                parked("rosters", Waiting::SignIn),
                parked("lessons", Waiting::SignIn),
            ],
            vec!["north: sign in: rollbook login north; after that rosters and lessons will go on"],
        ),
    ] {
        let mut line = line("north", Some(&signs_in), KeptLine::default(), &Keys::None);
        line.parked = jobs;
        line.refresh_begun =
            (!line.parked.is_empty()).then(|| "2026-02-04T06:00:00.000Z".to_owned());
        assert_eq!(remarks(&line), expected);
    }
    let mut line = line("north", Some(&signs_in), kept(), &Keys::None);
    line.parked = vec![
        parked("rosters", Waiting::Tick),
        parked("lessons", Waiting::Resume),
        parked("marks", Waiting::Repair),
    ];
    assert_eq!(
        remarks(&line),
        [
            "north: somebody has signed in; rosters will go on at the next tick",
            "lessons is parked: the reason; when that is put right: rollbook resume lessons",
            "marks is parked: the reason; after that it goes on by itself",
        ]
    );
}
