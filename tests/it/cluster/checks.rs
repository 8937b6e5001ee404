//! What must be true when all is well again: published is what the vendor has, each version that was published is there once, and
//! the pages in the database are a mirror with the same rows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::district::District;
use super::vendor::{Row, source};
use crate::database::psql;
use crate::publish::same::differences;

/// Each version of a row, current and ended.
const VERSIONS: &str = "SELECT source, sourced_id, given_name, _since, _until FROM rollbook.own_users_history \
     UNION ALL SELECT source, sourced_id, given_name, _since, 'infinity' FROM rollbook.own_users";

/// How many sources' pages are made a mirror of.
const SAMPLE: usize = 6;

impl District {
    /// What is published now.
    pub fn published(&self) -> Vec<Row> {
        let sql = "SELECT source, sourced_id, given_name FROM rollbook.own_users ORDER BY source, sourced_id, given_name";
        let rows = psql(&self.database.url, sql).unwrap_or_default();
        let row = |row: Vec<String>| (row[0].clone(), row[1].clone(), row[2].clone());
        rows.into_iter().map(row).collect()
    }

    /// Waits until exactly the vendor's rows are published.
    pub fn until_published(&self, what: &str) {
        self.until_nothing_is_wrong(what, |district| {
            difference(&district.vendor.rows(), &district.published())
        });
    }

    /// Waits until the district is as it should be, and then looks at all that must never have been.
    pub fn assert_right(&self, what: &str) {
        self.until_published(what);
        self.assert_versions(what);
        let step = self.plan.schools.div_ceil(SAMPLE);
        for school in (0..self.plan.schools).step_by(step) {
            self.until_nothing_is_wrong(what, |district| district.wrong_pages(&source(school)));
        }
        self.assert_good();
        println!(
            "{what}: alone for {:.1} s at most",
            self.watch.longest_alone()
        );
    }

    /// Each version that was published is there once, and none that the vendor never had.
    fn assert_versions(&self, what: &str) {
        let published = self.watch.published();
        let sql = format!(
            "SELECT source, sourced_id, given_name, count(*) FROM ({VERSIONS}) AS v GROUP BY 1, 2, 3"
        );
        let rows = self.database.query(&sql);
        let twice: Vec<&Vec<String>> = rows.iter().filter(|row| row[3] != "1").collect();
        assert!(
            twice.is_empty(),
            "{what}: versions that are there twice: {twice:?}"
        );
        let row = |row: &Vec<String>| (row[0].clone(), row[1].clone(), row[2].clone());
        let there: BTreeSet<Row> = rows.iter().map(row).collect();
        let lost: Vec<&Row> = published.difference(&there).collect();
        assert!(
            lost.is_empty(),
            "{what}: versions that were published: {lost:?}\n{}",
            self.told()
        );
        let served = self.vendor.served();
        let invented: Vec<&Row> = there.difference(&served).collect();
        assert!(
            invented.is_empty(),
            "{what}: not the vendor's: {invented:?}"
        );
        if self.plan.are_clocks_wrong {
            return; // what a worker's clock said is in the rows
        }
        let overlap = format!(
            "SELECT * FROM (SELECT *, lead(_since) OVER (PARTITION BY source, sourced_id ORDER BY _since, _until) AS next \
             FROM ({VERSIONS}) AS v) AS w WHERE next < _until"
        );
        let overlap = self.database.query(&overlap);
        assert!(
            overlap.is_empty(),
            "{what}: versions at the same time: {overlap:?}"
        );
    }

    /// Why the pages of a source are no mirror with the rows that are published.
    fn wrong_pages(&self, source: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let mirror = folder.path().join("mirror.db");
        self.make_mirror(source, &mirror);
        let connection = Connection::open(&mirror).expect("a mirror");
        let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        let check: String = check.unwrap_or_else(|error| error.to_string());
        if check != "ok" {
            return Some(format!("{source}: {check}"));
        }
        drop(connection);
        let found = differences(&mirror, &self.database, (source, "own"), &[]);
        (!found.is_empty()).then(|| format!("{source}: {}", found.join("\n")))
    }

    /// The pages of a source as a file.
    pub fn make_mirror(&self, source: &str, path: &Path) {
        let sql = format!(
            "SELECT page, encode(bytes, 'hex') FROM rollbook_cluster.pages WHERE source = '{source}' AND file = 'mirror' ORDER BY page"
        );
        let mut file = Vec::new();
        for (number, row) in self.database.query(&sql).iter().enumerate() {
            assert_eq!(
                row[0],
                (number + 1).to_string(),
                "{source}: a page is missing"
            );
            let digits = row[1].as_bytes().chunks(2);
            let byte =
                |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
            file.extend(digits.map(|pair| byte(pair).expect("a byte")));
        }
        fs::write(path, file).expect("written");
    }
}

fn difference(expected: &[Row], found: &[Row]) -> Option<String> {
    if expected == found {
        return None;
    }
    let [all, published] = [expected, found].map(|rows| rows.iter().collect::<BTreeSet<_>>());
    let shown = |one: &BTreeSet<&Row>, other: &BTreeSet<&Row>| {
        let only: Vec<String> = one
            .difference(other)
            .map(|row| format!("{row:?}"))
            .collect();
        format!("{}: {}", only.len(), only[..only.len().min(5)].join(", "))
    };
    let twice = found.len() - published.len();
    Some(format!(
        "not published {}\npublished only {}\ntwice {twice}",
        shown(&all, &published),
        shown(&published, &all)
    ))
}
