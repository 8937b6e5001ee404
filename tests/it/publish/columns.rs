//! Connectors that change: columns come, go and change their type, keys change, and two mirrors do not run the same version.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::same::differences;
use super::school::{assert_rows, assert_same, message, of_source, publish, sync, verify};
use super::values::{connect, small};
use crate::database::{Database, Server};
use crate::installation::Installation;
use crate::server::{Paging, Server as Vendor};

const KEY: &str = "key = [\"sourced_id\"]";

fn row(number: usize, version: usize) -> Value {
    json!({
        "sourcedId": format!("row-{number}"), "number": number, "name": format!("Name {version}"),
        "value": number.to_string(), "flag": number.is_multiple_of(2), "real": 0.5 + number as f64, "at": "2026-03-01T12:00:00Z",
        "extra": format!("extra {number}"),
    })
}

fn vendor() -> Vendor {
    Vendor::start(
        Paging::Silent,
        [("rows", (0..20).map(|number| row(number, 1)).collect())],
    )
}

/// A row changes, so that all that depends on runs with changes is done.
fn change(vendor: &Vendor, version: usize) {
    vendor.edit("rows", |rows| {
        for number in [1, 2] {
            rows[number]["name"] = json!(format!("Name {version}"));
        }
    });
}

/// Another key is another table: the mirror wants it to be dropped.
fn drop_tables(installation: &Installation, source: &str) {
    let connection = Connection::open(installation.mirror()).expect("a mirror");
    let sql = format!("DROP TABLE {source}_rows; DROP TABLE {source}_rows_history");
    connection.execute_batch(&sql).expect("dropped");
}

fn kind(database: &Database, column: &str) -> String {
    let sql = format!(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'rollbook.own_rows'::regclass \
         AND attname = '{column}' AND NOT attisdropped"
    );
    database.query(&sql).concat().concat()
}

#[test]
fn columns_follow_the_connector() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let vendor = vendor();
    let installation = small(&vendor, "value = \"value : text\"\n");
    publish(&installation, &database.url, "");
    sync(&installation);
    change(&vendor, 2);
    sync(&installation);
    assert_same(&installation, &database, "before");
    for (version, (what, key, columns)) in [
        ("one is added", KEY, "value = \"value : text\"\nextra = \"extra : text\"\n"),
        ("of several types", KEY, "value = \"value : text\"\nflag = \"flag : boolean\"\nreal = \"real : real\"\njson = \"number : json\"\nat = \"at : timestamp\"\n"),
        ("a type", KEY, "value = \"value : integer\"\nflag = \"flag : text\"\nreal = \"real : text\"\njson = \"number : json\"\nat = \"at : text\"\n"),
        ("and back, in another order", KEY, "real = \"real : real\"\nvalue = \"value : text\"\n"),
        ("the key", "key = [\"number\"]", "number = \"number : integer\"\nvalue = \"value : text\"\n"),
        ("a key of two", "key = [\"number\", \"sourced_id\"]", "number = \"number : integer\"\n"),
    ]
    .into_iter()
    .enumerate()
    {
        connect(&installation, &vendor, key, columns);
        if what.contains("key") {
            drop_tables(&installation, "own");
        }
        sync(&installation);
        assert_rows(&installation, &database, what);
        change(&vendor, 10 + version);
        sync(&installation);
        assert_same(&installation, &database, &format!("{what}, and a change"));
    }
}

#[test]
fn a_view_of_somebody_s_own_is_named_and_hinders_until_it_is_dropped() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let vendor = vendor();
    let installation = small(
        &vendor,
        "value = \"value : text\"\nextra = \"extra : text\"\n",
    );
    publish(&installation, &database.url, "");
    sync(&installation);
    database.execute("CREATE SCHEMA mine; CREATE VIEW mine.extras AS SELECT source, extra FROM rollbook.own_rows");
    connect(&installation, &vendor, KEY, "value = \"value : text\"\n");
    change(&vendor, 2);
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("column extra of table")
            && why.contains("a view of your own uses it: drop that"),
        "{why}"
    );
    database.execute("DROP VIEW mine.extras");
    sync(&installation);
    assert_same(&installation, &database, "dropped");
    assert_eq!(message(&installation), "");
}

/// The source `own` of one mirror and `other` of another.
struct Two {
    vendor: Vendor,
    own: Installation,
    other: Installation,
    database: Database,
}

impl Two {
    fn new(server: &Server, columns: &str) -> Self {
        let (vendor, database) = (vendor(), server.database());
        let own = small(&vendor, columns);
        let other = of_source(small(&vendor, columns), "other");
        for installation in [&own, &other] {
            publish(installation, &database.url, "");
            sync(installation);
        }
        Self {
            vendor,
            own,
            other,
            database,
        }
    }

    fn assert_same(&self, what: &str) {
        for (installation, source) in [(&self.own, "own"), (&self.other, "other")] {
            let mirror = installation.mirror();
            let found = differences(&mirror, &self.database, (source, "own"), &[]);
            assert!(
                found.is_empty(),
                "{what}, {source}: {}\n{}",
                found.join("\n"),
                message(installation)
            );
            let verified = verify(installation);
            assert_eq!(verified.code, Some(0), "{what}, {source}: {verified:?}");
        }
    }

    /// Both run, one of them again: what one changes in the database the other finds.
    fn sync(&self, version: usize) {
        change(&self.vendor, version);
        for installation in [&self.own, &self.other, &self.own] {
            sync(installation);
        }
    }
}

#[test]
fn two_mirrors_share_tables_also_while_they_disagree() {
    let Some(server) = Server::get() else { return };
    let text = "value = \"value : text\"\nflag = \"flag : boolean\"\njson = \"number : json\"\nat = \"at : timestamp\"\nreal = \"real : real\"\nextra = \"extra : text\"\n";
    let two = Two::new(server, text);
    two.assert_same("the first time");
    let mine = "value = \"value : integer\"\nflag = \"flag : text\"\njson = \"number : text\"\nat = \"at : text\"\nreal = \"real : text\"\n";
    connect(&two.own, &two.vendor, KEY, mine);
    two.sync(2);
    for column in ["value", "flag", "json", "at", "real"] {
        assert_eq!(kind(&two.database, column), "text", "{column}");
    }
    two.assert_same("they disagree");
    let lost = "SELECT count(extra) FROM rollbook.own_rows WHERE source = 'own'";
    assert_eq!(two.database.query(lost), [["0"]], "one has lost a column");
    connect(&two.other, &two.vendor, KEY, mine);
    two.sync(3);
    assert_eq!(kind(&two.database, "value"), "bigint");
    assert_eq!(kind(&two.database, "extra"), "", "no source has it");
    two.assert_same("they agree");
    for installation in [&two.other, &two.own] {
        connect(installation, &two.vendor, KEY, text);
        two.sync(4);
        two.assert_same("and back");
    }
    assert_eq!(kind(&two.database, "json"), "jsonb");
}

/// A source that leaves does not change the tables; one that stays gets the type that it wants with its next change of them.
#[test]
fn a_type_that_others_had_disagreed_about_keeps_its_values() {
    let Some(server) = Server::get() else { return };
    let two = Two::new(server, "value = \"value : integer\"\n");
    connect(&two.other, &two.vendor, KEY, "value = \"value : text\"\n");
    two.sync(2);
    assert_eq!(kind(&two.database, "value"), "text");
    let remove = ["publish", "remove", "district", "other", "--yes"];
    std::fs::remove_file(two.other.path("jobs/roster.toml")).expect("removed");
    let removed = two.other.run(&remove);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    // Only what the column means is another text.
    connect(
        &two.own,
        &two.vendor,
        KEY,
        "value = { from = \"value : integer\", help = \"a number\" }\n",
    );
    change(&two.vendor, 3);
    sync(&two.own);
    assert_eq!(kind(&two.database, "value"), "bigint");
    assert_same(&two.own, &two.database, "it is alone");
}

#[test]
fn a_table_that_was_dropped_is_filled_by_all_again() {
    let Some(server) = Server::get() else { return };
    let two = Two::new(server, "value = \"value : integer\"\n");
    two.database.execute("DROP TABLE rollbook.own_rows");
    let rebuilt = two.own.run(&["publish", "rebuild", "district"]);
    assert_eq!(rebuilt.code, Some(0), "{rebuilt:?}");
    two.sync(2);
    two.assert_same("the other one too");
}

#[test]
fn a_changed_key_waits_until_all_have_it() {
    let Some(server) = Server::get() else { return };
    let columns = "number = \"number : integer\"\n";
    let two = Two::new(server, columns);
    connect(&two.own, &two.vendor, "key = [\"number\"]", columns);
    drop_tables(&two.own, "own");
    sync(&two.own);
    let why = message(&two.own);
    assert!(
        why.contains("other sources (other) publish the table own_rows with another key"),
        "{why}"
    );
    change(&two.vendor, 2);
    sync(&two.other);
    let found = differences(&two.other.mirror(), &two.database, ("other", "own"), &[]);
    assert!(found.is_empty(), "the other one goes on: {found:?}");
    connect(&two.other, &two.vendor, "key = [\"number\"]", columns);
    drop_tables(&two.other, "other");
    sync(&two.other);
    two.sync(3);
    two.assert_same("both have it");
}

/// The tables of another connector are not those of this one.
#[test]
fn another_connector_leaves_the_tables_of_the_one_before() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let vendor = vendor();
    let installation = small(&vendor, "value = \"value : text\"\n");
    publish(&installation, &database.url, "");
    sync(&installation);
    let tables = || {
        let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'rollbook' AND tablename LIKE '%rows' ORDER BY 1";
        database.query(sql).concat()
    };
    assert_eq!(tables(), ["own_rows"]);
    let connector =
        std::fs::read_to_string(installation.path("config/connectors/own.toml")).expect("read");
    installation.write(
        "config/connectors/other.toml",
        &connector.replace("connector = \"own\"", "connector = \"other\""),
    );
    let file = "config/rollbook.toml";
    let text = std::fs::read_to_string(installation.path(file)).expect("read");
    installation.write(
        file,
        &text.replace("connector = \"own\"", "connector = \"other\""),
    );
    change(&vendor, 2);
    sync(&installation);
    assert_eq!(tables(), ["other_rows"], "{}", message(&installation));
    let count = database.query("SELECT count(*) FROM rollbook.other_rows");
    assert_eq!(count, [["20"]]);
    assert_eq!(verify(&installation).code, Some(0));
}
