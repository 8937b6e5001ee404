//! The lower bound of the same work: the pages only fetched and decoded, and the rows only inserted.
//!
//! Both are written as one would without rollbook, with the same libraries, and do not use
//! rollbook.

use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;
use rusqlite::{Connection, params};
use serde::Deserialize;

use super::people::{List, Person};
use crate::measure::own_cpu;
use crate::{client, program};

#[derive(Deserialize)]
struct Page {
    users: Vec<User>,
}

/// A user with every member that the mirror stores, in owned values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    sourced_id: String,
    status: String,
    date_last_modified: String,
    role: String,
    username: String,
    given_name: Option<String>,
    middle_name: Option<String>,
    family_name: Option<String>,
    identifier: Option<String>,
    enabled_user: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    sms: Option<String>,
    grades: Vec<String>,
    orgs: Vec<Reference>,
    agents: Vec<Reference>,
    user_ids: Vec<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    sourced_id: String,
}

#[derive(Deserialize)]
struct UserId {
    #[serde(rename = "type")]
    kind: String,
    identifier: String,
}

/// Fetches all pages, with this concurrency, and decodes each into owned values, one page after the other.
/// Prints the rows and the bytes of decoded text.
pub fn fetch(base_url: &str, people: usize, page: usize, in_flight: usize) {
    let client = client::new();
    let one = |offset: usize| {
        let request = client.get(format!(
            "{base_url}/users?sort=sourcedId&orderBy=asc&offset={offset}&limit={page}"
        ));
        async move {
            let answer = request.send().await.expect("an answer");
            answer.bytes().await.expect("a whole answer")
        }
    };
    program::runtime().block_on(async {
        let mut pages = stream::iter((0..people).step_by(page))
            .map(one)
            .buffered(in_flight);
        let (mut rows, mut bytes) = (0, 0);
        while let Some(body) = pages.next().await {
            let text = std::str::from_utf8(&body).expect("UTF-8");
            let page: Page = serde_json::from_str(text).expect("a page");
            rows += page.users.len();
            bytes += page.users.iter().map(User::bytes).sum::<usize>();
        }
        assert_eq!(rows, people);
        println!("{rows} {bytes}");
    });
}

impl User {
    /// Every value is read, so that none can be optimised away.
    fn bytes(&self) -> usize {
        let optional = [
            &self.given_name,
            &self.middle_name,
            &self.family_name,
            &self.identifier,
            &self.enabled_user,
            &self.email,
            &self.phone,
            &self.sms,
        ];
        let references = self.orgs.iter().chain(&self.agents);
        let ids = self.user_ids.iter();
        self.sourced_id.len()
            + self.status.len()
            + self.date_last_modified.len()
            + self.role.len()
            + self.username.len()
            + optional
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>()
            + self.grades.iter().map(String::len).sum::<usize>()
            + references.map(|one| one.sourced_id.len()).sum::<usize>()
            + ids
                .map(|id| id.kind.len() + id.identifier.len())
                .sum::<usize>()
    }
}

/// Inserts all rows by one prepared statement in one transaction, and closes the database.
/// Prints the CPU in milliseconds before the start, because creating the rows is not part of it.
pub fn insert(folder: &Path, people: usize) {
    let rows: Vec<Cells> = (0..people)
        .map(|number| Cells::of(Person::new(number, people, List::Plain)))
        .collect();
    println!("{}", own_cpu().as_millis());
    let mut connection = Connection::open(folder.join("floor.db")).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE users (
               sourced_id TEXT NOT NULL PRIMARY KEY, status TEXT, date_last_modified TEXT, role TEXT,
               username TEXT, given_name TEXT, middle_name TEXT, family_name TEXT, identifier TEXT,
               enabled_user INTEGER, email TEXT, phone TEXT, sms TEXT, grades TEXT, orgs TEXT,
               agents TEXT, user_ids TEXT
             ) STRICT;",
        )
        .expect("a table");
    let transaction = connection.transaction().expect("a transaction");
    let mut insert = transaction
        .prepare(
            "INSERT INTO users VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
        )
        .expect("a statement");
    for row in &rows {
        insert
            .execute(params![
                row.person.id,
                "active",
                row.person.modified,
                row.person.role,
                row.person.username,
                row.person.given,
                None::<String>,
                row.person.family,
                row.person.identifier,
                true,
                row.person.email,
                row.phone,
                "",
                row.grades,
                row.orgs,
                row.agents,
                row.user_ids
            ])
            .expect("a row");
    }
    drop(insert);
    transaction.commit().expect("a commit");
    connection.close().expect("a database that closes");
}

/// A person with its lists as the mirror writes them.
struct Cells {
    person: Person,
    phone: String,
    grades: String,
    orgs: String,
    agents: String,
    user_ids: String,
}

impl Cells {
    fn of(person: Person) -> Self {
        let list = |names: &[String]| {
            let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            format!("[{}]", quoted.join(","))
        };
        Self {
            phone: format!("+43 1 555 {}", person.person),
            grades: list(person.grade.as_slice()),
            orgs: list(std::slice::from_ref(&person.school)),
            agents: list(&person.agents),
            user_ids: format!(
                r#"[{{"identifier":"{}","type":"person-id"}}]"#,
                person.person
            ),
            person,
        }
    }
}
