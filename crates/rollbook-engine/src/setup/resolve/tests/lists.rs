//! `lists` of the stream of combo lists: what a job reads, what its columns refer to, and what can be wrong.

use super::*;
use crate::setup::Overlay;

const CODES: &str = r#"connector = "shelf"
title = "Shelf"
base_url = "{server}/api"
[settings]
server = { required = true, help = "the address of the server" }
[auth.client_credentials]
token_url = "{server}/token"
[combos]
stream = "codes"
list = "list"
id = "id"
code = "code"
label = "label"
[streams.users]
path = "/users"
rows = "[]"
key = ["id"]
[streams.users.columns]
id = "id : text"
gender = { from = "gender : integer", combo = "genders" }
state = { from = "state : integer", combo = "states" }
[streams.codes]
path = "/codes/{list}"
rows = "[]"
key = ["list", "id"]
columns = { list = "= {list} : text", id = "id : integer", code = "code : text", label = "label : text" }
[streams.codes.for_each]
list = [{ list = "genders" }, { list = "states" }, { list = "colours" }]
"#;

const CROSSWALK: &str = "from = \"north.users.id\"\nto = { source = \"north\", list = \"colours\" }\n[map]\n\"1\" = \"A\"\n";

fn job(streams: &str, rest: &str) -> String {
    format!("source = \"north\"\nstreams = [{streams}]\nschedule = \"0 4 * * *\"\n{rest}")
}

/// Lists that are read, and lists that columns of `users` refer to.
fn read(files: Files<'_>) -> (Vec<String>, Vec<String>) {
    let folder = folder(files);
    let folders = Folders {
        config: folder.path().to_owned(),
        jobs: folder.path().join("jobs"),
        state: folder.path().join("state"),
        source: None,
    };
    let setup = Setup::load(&folders, &Overlay::default());
    let setup = setup.unwrap_or_else(|problems| panic!("{problems}"));
    let source = "north".parse().expect("a name");
    let kept = |stream| setup.kept(&source, stream).expect("read");
    let lists = kept("codes").named_lists().expect("lists");
    (
        lists.into_iter().collect(),
        kept("users").referenced_lists().collect(),
    )
}

#[test]
fn a_job_reads_the_lists_that_it_chooses() {
    let all = ["colours", "genders", "states"].as_slice();
    for (choice, users, crosswalk, lists, referenced) in [
        ("", "", "", all, &["genders", "states"][..]),
        ("lists = \"all\"", "", "", all, &["genders", "states"]),
        (
            "lists = \"used\"",
            "",
            "",
            &["genders", "states"],
            &["genders", "states"],
        ),
        (
            "lists = \"used\"",
            "drop = [\"state\"]",
            "",
            &["genders"],
            &["genders"],
        ),
        (
            "lists = \"used\"",
            "drop = [\"state\"]",
            CROSSWALK,
            &["colours", "genders"],
            &["genders"],
        ),
        (
            "lists = [\"colours\", \"states\"]",
            "",
            "",
            &["colours", "states"],
            &["states"],
        ),
        ("lists = [\"colours\"]", "", "", &["colours"], &[]),
    ] {
        let codes = job("\"codes\"", &format!("[stream.codes]\n{choice}\n"));
        let north = job("\"users\"", &format!("[stream.users]\n{users}\n"));
        let files: &[(&str, &str)] = &[
            ("connectors/shelf.toml", CODES),
            ("jobs/north.toml", &north),
            ("jobs/codes.toml", &codes),
            ("crosswalks/x.toml", crosswalk),
        ];
        let found = read(&files[..3 + usize::from(!crosswalk.is_empty())]);
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found, (owned(lists), owned(referenced)), "{choice} {users}");
    }
}

#[test]
fn mistakes_in_the_choice_of_lists() {
    for (rest, other, expected) in [
        (
            "[stream.codes]\nlists = [\"gender\"]\n",
            "",
            &["jobs/north.toml:5:10: there is no list `gender` (did you mean `genders`?)"][..],
        ),
        (
            "[stream.codes]\nlists = []\n",
            "",
            &["jobs/north.toml:5:9: `lists` names none (name lists, or write \"used\" or \"all\")"],
        ),
        (
            "[stream.codes]\nlists = \"some\"\n",
            "",
            &["jobs/north.toml:5:9: invalid value `some` for `lists` (known: `used`, `all`)"],
        ),
        (
            "[stream.users]\nlists = \"used\"\n",
            "",
            &[
                "jobs/north.toml:5:9: `lists` is not used by `users` (it belongs to the stream of combo lists)",
            ],
        ),
        (
            "[stream.users]\nkeep = []\n[stream.codes]\nlists = \"used\"\n",
            "",
            &[
                "jobs/north.toml:7:9: no mirrored column and no crosswalk refers to a list (name lists, or do not read the stream)",
            ],
        ),
        (
            "[stream.codes]\nlists = \"used\"\n",
            "[stream.codes]\nlists = [\"genders\", \"states\"]\n",
            &[
                "jobs/codes.toml:5:9: the job `north` reads other lists of `codes` (write the same `lists` in both)",
                "jobs/north.toml:5:9: the job `codes` reads other lists of `codes` (write the same `lists` in both)",
            ],
        ),
    ] {
        let north = job("\"users\", \"codes\"", rest);
        let codes = job("\"codes\"", other);
        let files: &[(&str, &str)] = &[
            ("connectors/shelf.toml", CODES),
            ("jobs/north.toml", &north),
            ("jobs/codes.toml", &codes),
        ];
        expect(&files[..2 + usize::from(!other.is_empty())], expected);
    }
}
