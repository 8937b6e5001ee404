//! `[cluster]`: what a configuration must have with it, and what it cannot have.

use super::*;

/// A cluster that lacks nothing.
const CLUSTER: &str = "[cluster]\nurl = { credential = \"cluster-url\" }\n[store]\nvault_key = { credential = \"vault-key\" }\n";

fn problems_of(rollbook: &str, others: Files<'_>) -> Vec<String> {
    let rollbook = format!("{rollbook}\n{SOURCE}");
    let files = [&[("rollbook.toml", rollbook.as_str())], others].concat();
    let folder = folder(&files);
    let (_, problems) = resolve(&folders(folder.path()), &Overlay::default());
    lines(folder.path(), &problems)
}

#[test]
fn what_spans_sources_or_belongs_to_one_machine_is_refused() {
    let rows: &[(&str, &[&str])] = &[
        ("", &[]),
        ("path = \"mine.db\"", &[]),
        (
            "path = \"/srv/mine.db\"",
            &[
                "rollbook.toml:5:8: in a cluster each source has a mirror of its own, so this must be a name inside a source's folder (remove this key)",
            ],
        ),
        (
            "path = \"../mine.db\"",
            &[
                "rollbook.toml:5:8: in a cluster each source has a mirror of its own, so this must be a name inside a source's folder (remove this key)",
            ],
        ),
        (
            "readers = \"staff\"",
            &[
                "rollbook.toml:5:11: in a cluster the mirrors move between machines, so no group can read them (let people read a database of `[publish.NAME]` instead, and remove this key)",
            ],
        ),
        (
            "[store.backup]\nschedule = \"0 3 * * *\"",
            &[
                "rollbook.toml:5:1: in a cluster the mirrors move between machines, so none of them makes backups (back up the cluster's database instead, and remove this table)",
            ],
        ),
        (
            "[store.copy]\npath = \"copy.db\"",
            &[
                "rollbook.toml:5:1: in a cluster the mirrors move between machines, so there is no copy beside them (publish the tables with `[publish.NAME]` instead, and remove this table)",
            ],
        ),
        (
            "[webhooks.north]\nsource = \"north\"\nsecret = { credential = \"hook\" }",
            &[
                "rollbook.toml:5:1: a webhook comes to one machine, and in a cluster its source may be on another (let the job run more often instead, and remove this table)",
                "rollbook.toml:6:10: the connector shelf has no webhooks (add `[webhook]` to the connector, or remove this table)",
            ],
        ),
        (
            "[publish.district]\nurl = { credential = \"cluster-url\" }",
            &[],
        ),
        (
            "[publish.district]\nurl = { credential = \"other-url\" }",
            &[
                "rollbook.toml:6:1: in a cluster tables are published to its own database, so `url` must be that of [cluster] (write the same `url` in both, or publish from a machine outside of the cluster)",
            ],
        ),
        (
            "[publish.district]\nurl = { credential = \"cluster-url\" }\nca_file = \"rollbook.toml\"",
            &[
                "rollbook.toml:7:11: in a cluster tables are published to its own database, so `ca_file` must be that of [cluster] (write the same `ca_file` in both, or publish from a machine outside of the cluster)",
            ],
        ),
    ];
    for (keys, expected) in rows {
        let found = problems_of(&format!("{CLUSTER}{keys}"), &[]);
        assert_eq!(found, *expected, "{keys}");
    }
}

#[test]
fn tokens_of_a_cluster_need_a_key() {
    let found = problems_of("[cluster]\nurl = { credential = \"cluster-url\" }", &[]);
    let expected = "rollbook.toml:1:1: the tokens of a cluster are in its database, so they need a key: `vault_key` of [store] is missing \
         (write `vault_key = { credential = \"vault-key\" }` in [store]; `rollbook vault key` makes a key)";
    assert_eq!(found, [expected]);
}

#[test]
fn other_files_cannot_span_sources_either() {
    let people = "[match.pupils]\nleft = { stream = \"north.users\" }\nright = { stream = \"south.users\" }\n[[match.pupils.rule]]\n\
         name = \"id\"\nsame = [{ left = \"id\", right = \"id\" }]\n";
    let south = SOURCE.replace("north", "south");
    let found = problems_of(
        &format!("{CLUSTER}{south}"),
        &[
            (
                "jobs/south.toml",
                "source = \"south\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\n",
            ),
            ("crosswalks/people.toml", people),
            (
                "exports/all.toml",
                "to = \"/srv/all\"\nafter = [\"north\"]\n[[file]]\nname = \"a.csv\"\nsql = \"SELECT id FROM north_users\"\n",
            ),
        ],
    );
    assert_eq!(
        found,
        [
            "crosswalks/people.toml:1:8: people are matched inside one mirror, and in a cluster each source has its own (match them in a database of `[publish.NAME]` instead, and remove this set)",
            "exports/all.toml:1:1: a bundle is made of one mirror and written to one machine, and in a cluster each source has its own mirror (write it from a database of `[publish.NAME]` instead, and remove this file)",
        ]
    );
}
