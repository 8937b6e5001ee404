//! Mistakes in the choice of columns, in masks, and in what a connector says of personal data.

use super::*;

/// `preset`, `keep` and `drop`: names that mean nothing, and keys that contradict each other.
#[test]
fn mistakes_in_the_choice_of_columns() {
    let core = SHELF.replace(
        "key = [\"id\"]\ncolumns = { id = \"id : text\", name",
        "key = [\"id\"]\ncore = [\"name\"]\ncolumns = { id = \"id : text\", name",
    );
    let job = |rest: &str| format!("{JOB}{rest}");
    for (connector, rest, expected) in [
        (
            SHELF,
            "[stream.users]\nkeep = [\"nam\"]\n",
            &["jobs/north.toml:5:9: users has no column `nam` (did you mean `name`?)"][..],
        ),
        (
            SHELF,
            "preset = \"core\"\n",
            &[
                "jobs/north.toml:4:10: no stream of this job has a preset `core` (leave `preset` out, or list columns in `keep` of a stream)",
            ],
        ),
        (
            SHELF,
            "[stream.users]\npreset = \"core\"\n",
            &["jobs/north.toml:5:10: users has no preset `core` (list columns in `keep`)"],
        ),
        (
            &core,
            "preset = \"cor\"\n",
            &["jobs/north.toml:4:10: invalid value `cor` for `preset` (did you mean `core`?)"],
        ),
        (
            &core,
            "[stream.users]\nkeep = [\"born\"]\ndrop = [\"name\"]\n",
            &[
                "jobs/north.toml:6:8: `keep` and `drop` exclude each other (list either what is mirrored or what is not)",
            ],
        ),
        (
            &core,
            "[stream.users]\npreset = \"full\"\nkeep = [\"born\"]\n",
            &[
                "jobs/north.toml:6:8: `preset = \"full\"` mirrors every column (leave `preset` out to mirror only what `keep` lists)",
            ],
        ),
        (
            &core,
            "preset = \"core\"\n[stream.users]\nkeep = [\"born\"]\n",
            &[],
        ),
        (
            &core,
            "preset = \"core\"\n[stream.users]\ndrop = [\"id\"]\n",
            &["jobs/north.toml:6:9: `id` cannot be dropped: users is read by it"],
        ),
    ] {
        expect(
            &[
                ("connectors/shelf.toml", connector),
                ("jobs/north.toml", &job(rest)),
            ],
            expected,
        );
    }
    // A second job mirrors another choice of the same stream.
    expect(
        &[
            ("connectors/shelf.toml", &core),
            ("jobs/north.toml", &job("preset = \"core\"\n")),
            ("jobs/second.toml", JOB),
        ],
        &[
            "jobs/second.toml:2:11: the job `north` mirrors other columns of `users` (write the same [stream] options and `preset` in both)",
        ],
    );
    // A connector that leaves out a column of the preset need not repeat the preset.
    expect(
        &[
            ("connectors/shelf.toml", &core),
            (
                "connectors/own.toml",
                "connector = \"own\"\nextends = \"shelf\"\n[streams.users.columns]\nname = \"\"\n",
            ),
            ("rollbook.toml", &SOURCE.replace("\"shelf\"", "\"own\"")),
        ],
        &[],
    );
    let mistaken = core.replace("core = [\"name\"]", "core = [\"nam\"]");
    expect(
        &[("connectors/shelf.toml", &mistaken)],
        &["connectors/shelf.toml:14:8: there is no column `nam` (did you mean `name`?)"],
    );
}

/// `pseudonymise` and `truncate`: what the engine reads by, what has no such value, and what would not join any more.
#[test]
fn mistakes_in_what_is_masked() {
    let shelf = SHELF.replace(
        "columns = { id = \"id : text\", name = \"name : text\", born = \"born : date\" }",
        "newest = \"changed\"\ncolumns = { id = \"id : text\", name = \"name : text\", born = \"born : date\", \
         changed = \"changed : timestamp\", active = \"active : boolean\", \
         room = { from = \"room : text\", refers_to = \"rooms.id\" } }",
    );
    let both = JOB.replace("[\"users\"]", "[\"users\", \"rooms\"]");
    let job = |options: &str| format!("{both}[stream.users]\n{options}");
    for (options, expected) in [
        (
            "pseudonymise = [\"name\", \"id\"]\ntruncate = { born = \"year\" }\n",
            &[][..],
        ),
        (
            "pseudonymise = [\"nam\"]\n",
            &["jobs/north.toml:5:17: users has no column `nam` (did you mean `name`?)"],
        ),
        (
            "truncate = { bron = \"year\" }\n",
            &["jobs/north.toml:5:14: users has no column `bron` (did you mean `born`?)"],
        ),
        (
            "truncate = { born = \"day\" }\n",
            &["jobs/north.toml:5:21: invalid value `day` for `born` (known: `year`, `month`)"],
        ),
        (
            "truncate = { name = \"year\" }\n",
            &[
                "jobs/north.toml:5:14: `name` cannot be truncated: only a date can be, and it is a text (use `drop`, or leave it out of `keep`)",
            ],
        ),
        (
            "truncate = { id = \"year\" }\n",
            &["jobs/north.toml:5:14: `id` cannot be truncated: it is a part of the key"],
        ),
        (
            "pseudonymise = [\"changed\"]\n",
            &[
                "jobs/north.toml:5:17: `changed` cannot be pseudonymised: rows are read or found by it",
            ],
        ),
        (
            "pseudonymise = [\"active\"]\n",
            &[
                "jobs/north.toml:5:17: `active` cannot be pseudonymised: true and false would still be two texts (use `drop`, or leave it out of `keep`)",
            ],
        ),
        (
            "pseudonymise = [\"born\"]\ntruncate = { born = \"year\" }\n",
            &[
                "jobs/north.toml:5:17: `born` cannot be pseudonymised: it is truncated (write it in one of `pseudonymise` and `truncate`)",
            ],
        ),
        (
            "drop = [\"name\"]\npseudonymise = [\"name\"]\n",
            &[
                "jobs/north.toml:6:17: `name` cannot be pseudonymised: it is not mirrored (add it to `keep`, or remove it here)",
            ],
        ),
        (
            "pseudonymise = [\"room\"]\n",
            &[
                "jobs/north.toml:5:16: `users.room` holds the same values as `rooms.id`, which is not pseudonymised (add `id` to `pseudonymise` of [stream.rooms] in north.toml, or leave the column out there)",
            ],
        ),
        (
            "pseudonymise = [\"room\"]\n[stream.rooms]\npseudonymise = [\"id\"]\n",
            &[],
        ),
        (
            "drop = [\"room\"]\n[stream.rooms]\npseudonymise = [\"id\"]\n",
            &[],
        ),
    ] {
        expect(
            &[
                ("connectors/shelf.toml", &shelf),
                ("jobs/north.toml", &job(options)),
            ],
            expected,
        );
    }
    let people = "[match.all]\nleft = { stream = \"north.users\", where = { name = \"x\" } }\nright = { stream = \"north.rooms\" }\n\
                  [[match.all.rule]]\nname = \"id\"\nsame = [{ left = \"name\", right = \"id\" }]\n";
    let masked = job("pseudonymise = [\"name\"]\n");
    expect(
        &[
            ("connectors/shelf.toml", &shelf),
            ("jobs/north.toml", &masked),
            ("crosswalks/people.toml", people),
        ],
        &[
            "crosswalks/people.toml:2:51: `name` is pseudonymised (name a column that is mirrored as it is)",
            "crosswalks/people.toml:6:9: one side is pseudonymised and the other is not (pseudonymise both columns, or neither)",
        ],
    );
}

/// `[personal]` of a connector names columns that are there; what an extension leaves out or turns off need not be.
#[test]
fn mistakes_in_personal_categories() {
    let shelf = |lists: &str| format!("{SHELF}[personal]\n{lists}\n");
    for (lists, expected) in [
        (
            "name = [\"users.name\", \"users.*_name\", \"*.id\"]",
            &[][..],
        ),
        (
            "name = [\"users.nam\"]",
            &["connectors/shelf.toml:21:8: users has no column `nam` (did you mean `name`?)"],
        ),
        (
            "birth = [\"user.born\"]",
            &["connectors/shelf.toml:21:9: there is no stream `user` (did you mean `users`?)"],
        ),
        (
            "brith = [\"users.born\"]",
            &["connectors/shelf.toml:21:1: unknown key `brith` (did you mean `birth`?)"],
        ),
    ] {
        expect(&[("connectors/shelf.toml", &shelf(lists))], expected);
    }
    let own = "connector = \"own\"\nextends = \"shelf\"\n[streams.users.columns]\nname = \"\"\n[streams.rooms]\noff = true\n";
    expect(
        &[
            (
                "connectors/shelf.toml",
                &shelf("name = [\"users.name\"]\nother = [\"rooms.colour\"]")
                    .replace("colour", "id"),
            ),
            ("connectors/own.toml", own),
            ("rollbook.toml", &SOURCE.replace("\"shelf\"", "\"own\"")),
        ],
        &[],
    );
}
