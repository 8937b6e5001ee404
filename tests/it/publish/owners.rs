//! Who may write what: of two mirrors that have a source of the same name one publishes it, and tables of others stay as they are.

use super::school::{
    USERS, assert_same, message, next_day, publish, publishing, status, sync, vendor, verify,
};
use crate::database::Server;

#[test]
fn another_mirror_is_refused_until_a_person_moves_the_source() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let (vendors, installations): (Vec<_>, Vec<_>) = (0..2)
        .map(|_| {
            let vendor = vendor();
            let installation = publishing(&vendor, &database.url, "");
            (vendor, installation)
        })
        .unzip();
    let [one, other] = [&installations[0], &installations[1]];
    sync(one);
    let content = || {
        database.query(
            "SELECT (SELECT jsonb_agg(s ORDER BY source) FROM rollbook.rollbook_sources AS s), \
             (SELECT md5(string_agg(u::text, ',' ORDER BY sourced_id)) FROM rollbook.own_users AS u), \
             (SELECT count(*) FROM rollbook.rollbook_columns)",
        )
    };
    let before = content();
    next_day(&vendors[1], 3);
    sync(other);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let refusal = format!(
        "another mirror publishes this source: that of {}, last at",
        host.trim()
    );
    let why = message(other);
    assert!(
        why.contains(&refusal) && why.contains("rollbook publish rebuild district own"),
        "{why}"
    );
    assert_eq!(content(), before, "nothing was changed");
    assert_eq!(status(other)["run"], serde_json::Value::Null);
    let verified = verify(other);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    sync(one);
    assert_same(one, &database, "the first one goes on");

    let moved = other.run(&["publish", "rebuild", "district", "own"]);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(
        moved.out.contains("own in district is what the mirror has"),
        "{moved:?}"
    );
    assert_same(other, &database, "the other one took its place");
    next_day(&vendors[0], 5);
    sync(one);
    assert!(message(one).contains(&refusal), "{}", message(one));
    next_day(&vendors[1], 6);
    sync(other);
    assert_same(other, &database, "it stays");
    let counted = database.query("SELECT count(*) FROM rollbook.own_users");
    assert!(counted[0][0].parse::<usize>().expect("a number") >= USERS);
}

#[test]
fn a_table_of_another_program_is_not_touched() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    database
        .execute("CREATE SCHEMA rollbook; CREATE TABLE rollbook.own_users AS SELECT 1 AS theirs");
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("there is a table own_users that Rollbook did not make"),
        "{why}"
    );
    let theirs = database.query("SELECT * FROM rollbook.own_users");
    assert_eq!(theirs, [["1"]]);
    let others = database.query("SELECT count(*) > 0 FROM rollbook.own_enrollments");
    assert_eq!(others, [["t"]], "the other streams are published");
    database.execute("DROP TABLE rollbook.own_users");
    sync(&installation);
    assert_same(&installation, &database, "it is gone");
}

#[test]
fn a_view_of_another_program_in_the_place_of_a_table_is_not_touched() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    database
        .execute("CREATE SCHEMA rollbook; CREATE VIEW rollbook.own_users AS SELECT 1 AS theirs");
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("relation \"own_users\" already exists; another program made it"),
        "{why}"
    );
    database.execute("DROP VIEW rollbook.own_users");
    sync(&installation);
    assert_same(&installation, &database, "it is gone");
}

#[test]
fn tables_of_a_newer_version_are_left_alone() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "");
    sync(&installation);
    database.execute("INSERT INTO rollbook.rollbook_layout VALUES (99)");
    next_day(&vendor, 3);
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("a newer rollbook made the tables (version 99)"),
        "{why}"
    );
    let verified = verify(&installation);
    assert!(verified.err.contains("version 99"), "{verified:?}");
    database.execute("DELETE FROM rollbook.rollbook_layout WHERE version = 99");
    sync(&installation);
    assert_same(&installation, &database, "the same version");
}

/// What was published to another place stays there, and no mirror would know of it.
#[test]
fn another_schema_needs_a_word_of_a_person() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let installation = publishing(&vendor, &database.url, "schema = \"before\"\n");
    sync(&installation);
    publish(&installation, &database.url, "");
    next_day(&vendor, 3);
    sync(&installation);
    let why = message(&installation);
    assert!(
        why.contains("`url` or `schema` of [publish.district] is another one than before")
            && why.contains("`rollbook publish forget district own`"),
        "{why}"
    );
    publish(&installation, &database.url, "schema = \"before\"\n");
    sync(&installation);
    assert_eq!(message(&installation), "", "put back");
    publish(&installation, &database.url, "");
    let forgotten = installation.run(&["publish", "forget", "district", "own", "--yes"]);
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    sync(&installation);
    assert_same(&installation, &database, "in the new schema");
}
