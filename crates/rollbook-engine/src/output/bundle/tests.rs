//! How the files of a bundle are written, and what is left when that fails.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::*;
use rollbook_core::document::FileText;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::model::row::Kind;
use rollbook_core::model::{Table, named};
use rollbook_core::store::Store;
use rollbook_core::store::bundle::DeltaRows;
use rollbook_core::store::bundle::kept::{KeptContent, kept_rows};
use rollbook_core::store::bundle::state::{BundleState, save};
use rollbook_core::store::lookups::Lookups;
use rollbook_core::store::moment::Moment;
use rollbook_core::store::tables::fit;

const NOW: &str = "2026-03-02T07:15:00.000Z";

struct Mirror {
    folder: tempfile::TempDir,
    store: Store,
    config: BundleConfig,
}

impl Mirror {
    async fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let table = Table::plain("people", &[("id", Kind::Text), ("name", Kind::Text)]);
        let act = move |connection: &mut _| fit(connection, &[table], &Lookups::default());
        store.write(act).await.expect("tables");
        let file = FileText::new("own.toml", config);
        let (_, config) = read_with_tree::<BundleConfig>(&file, &[]);
        let mirror = Self {
            folder,
            store,
            config: config.expect("a bundle"),
        };
        mirror.people(&[("1", "Ann"), ("2", "Ben")]).await;
        mirror
    }

    async fn people(&self, people: &[(&'static str, &'static str)]) {
        let people = people.to_vec();
        let act = move |connection: &mut Connection| {
            let what = StoreError::sql("fill");
            connection
                .execute("DELETE FROM north_people", [])
                .map_err(&what)?;
            for (id, name) in people {
                let insert = "INSERT INTO north_people (id, name, _since, _run, _fingerprint) VALUES (?1, ?2, '', 1, 0)";
                connection.execute(insert, [id, name]).map_err(&what)?;
            }
            Ok(())
        };
        self.store.write(act).await.expect("filled");
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Writes it, and remembers its rows.
    async fn write(&self, is_delta: bool) -> Result<(), BundleWriteError> {
        self.write_for(is_delta, None).await
    }

    async fn write_for(
        &self,
        is_delta: bool,
        group: Option<&ReaderGroup>,
    ) -> Result<(), BundleWriteError> {
        let to = self.to();
        let order = BundleOrder {
            config: &self.config,
            is_delta,
            now: NOW,
            to: &to,
            group,
        };
        if let Some(path) = not_fetched(&order) {
            return Err(BundleWriteError::NotFetched(path));
        }
        let kept = {
            let moment = Moment::now(self.store.path()).expect("now");
            let questions = self.config.questions();
            let rows = moment.bundle(
                ("own", is_delta.then_some(DeltaRows::Changed)),
                &questions,
                &BTreeMap::new(),
            );
            let rows = rows.expect("asked");
            write(&rows, &order)?;
            kept_rows(&rows, KeptContent::Values, false)?
        };
        let act = move |connection: &mut _| {
            save(
                connection,
                &named("own"),
                &BundleState::default(),
                &kept,
                KeptContent::Values,
            )
        };
        Ok(self.store.write(act).await?)
    }

    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(self.to())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| {
                let text = fs::read_to_string(entry.path()).expect("a file");
                format!(
                    "{}: {}",
                    entry.file_name().to_string_lossy(),
                    text.replace("\r\n", "|")
                )
            })
            .collect();
        files.sort();
        files
    }
}

const TWO_FILES: &str = r#"
to = "out"
[[file]]
name = "a.csv"
key = ["id"]
sql = "SELECT id, '' AS status, '' AS dateLastModified, name FROM north_people ORDER BY id"
[[file]]
name = "b.csv"
key = ["id"]
may_be_absent = true
sql = "SELECT id FROM north_people WHERE name = 'Cem'"
"#;

#[tokio::test]
async fn several_files_change_places_as_a_folder() {
    let mirror = Mirror::new(TWO_FILES).await;
    mirror.write(false).await.expect("written");
    assert_eq!(
        mirror.files(),
        ["a.csv: id,status,dateLastModified,name|1,,,Ann|2,,,Ben|"]
    );
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(
        (mode(&mirror.to()), mode(&mirror.to().join("a.csv"))),
        (0o700, 0o600)
    );
    mirror.people(&[("1", "Ann"), ("3", "Cem")]).await;
    mirror.write(false).await.expect("written");
    let expected = [
        "a.csv: id,status,dateLastModified,name|1,,,Ann|3,,,Cem|",
        "b.csv: id|3|",
    ];
    assert_eq!(mirror.files(), expected);
    // An admin's own file is not lost.
    fs::write(mirror.to().join("notes.txt"), "mine").expect("written");
    let error = mirror.write(false).await.expect_err("a foreign file");
    assert!(
        error
            .to_string()
            .contains("holds notes.txt, which is no file of this bundle"),
        "{error}"
    );
    fs::remove_file(mirror.to().join("notes.txt")).expect("removed");
    assert_eq!(mirror.files(), expected);
    let names = fs::read_dir(mirror.folder.path())
        .expect("a folder")
        .flatten();
    let hidden = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(".out"));
    assert_eq!(hidden.count(), 0, "no old folder is left");
}

#[tokio::test]
async fn changes_have_status_and_time_and_wait_until_they_are_fetched() {
    let mirror = Mirror::new(TWO_FILES).await;
    mirror.write(false).await.expect("written");
    fs::remove_dir_all(mirror.to()).expect("fetched");
    mirror.people(&[("1", "Anna"), ("3", "Dan")]).await;
    mirror.write(true).await.expect("written");
    let expected = format!(
        "a.csv: id,status,dateLastModified,name|2,tobedeleted,{NOW},Ben|1,active,{NOW},Anna|3,active,{NOW},Dan|"
    );
    assert_eq!(mirror.files(), [expected.as_str()]);
    mirror.people(&[("1", "Anna")]).await;
    let error = mirror.write(true).await.expect_err("not fetched");
    assert!(error.is_wait(), "{error}");
    assert_eq!(mirror.files(), [expected]);
    fs::remove_file(mirror.to().join("a.csv")).expect("fetched");
    mirror.write(true).await.expect("written");
    let expected = format!("a.csv: id,status,dateLastModified,name|3,tobedeleted,{NOW},Dan|");
    assert_eq!(mirror.files(), [expected]);
}

#[tokio::test]
async fn a_changed_row_may_have_its_own_word() {
    let words = "[delta]\npresent = \"add\"\nchanged = \"update\"\nremoved = \"delete\"\n";
    for (replaces, expected) in [
        ("", "1,update,{NOW},Anna|"),
        ("replaces = true\n", "1,delete,{NOW},Ann|1,add,{NOW},Anna|"),
    ] {
        let mirror = Mirror::new(&format!("{TWO_FILES}{words}{replaces}")).await;
        mirror.write(false).await.expect("written");
        fs::remove_dir_all(mirror.to()).expect("fetched");
        mirror.people(&[("1", "Anna"), ("3", "Dan")]).await;
        mirror.write(true).await.expect("written");
        let expected = format!(
            "a.csv: id,status,dateLastModified,name|2,delete,{{NOW}},Ben|{expected}3,add,{{NOW}},Dan|"
        );
        assert_eq!(mirror.files(), [expected.replace("{NOW}", NOW)]);
    }
}

#[tokio::test]
async fn a_zip_file_holds_all_files() {
    let config = TWO_FILES.replace("to = \"out\"", "to = \"out\"\narchive = \"zip\"");
    let mirror = Mirror::new(&config).await;
    mirror.write(false).await.expect("written");
    let file = fs::File::open(mirror.to()).expect("a file");
    let mut zip = zip::ZipArchive::new(file).expect("a zip file");
    assert_eq!(zip.len(), 1);
    let mut text = String::new();
    let read = zip
        .by_name("a.csv")
        .expect("a file")
        .read_to_string(&mut text);
    read.expect("text");
    assert_eq!(
        text,
        "id,status,dateLastModified,name\r\n1,,,Ann\r\n2,,,Ben\r\n"
    );
}

#[tokio::test]
async fn entries_are_added_modified_and_deleted() {
    let config = r#"
to = "out"
format = "ldif"
[[file]]
name = "people.ldif"
key = ["dn"]
sql = """
SELECT 'uid=' || id || ',dc=x' AS dn, 'top' || char(10) || 'person' AS objectClass, name AS cn,
  CASE WHEN length(name) > 3 THEN name || ' ' END AS sn FROM north_people ORDER BY id
"""
"#;
    let mirror = Mirror::new(config).await;
    mirror.people(&[("1", "Ann"), ("2", "Zoë")]).await;
    mirror.write(false).await.expect("written");
    let entry = "objectClass: top|objectClass: person|";
    assert_eq!(
        mirror.files(),
        [format!(
            "people.ldif: version: 1||dn: uid=1,dc=x|{entry}cn: Ann||dn: uid=2,dc=x|{entry}cn:: Wm/Dqw==|"
        )]
    );
    fs::remove_dir_all(mirror.to()).expect("fetched");
    let long =
        "A name that is long, so that its line does not fit into seventy-six bytes, and goes on";
    mirror.people(&[("1", "Anna"), ("3", long)]).await;
    mirror.write(true).await.expect("written");
    let files = mirror.files();
    let expected = [
        "people.ldif: version: 1||dn: uid=2,dc=x|changetype: delete|",
        "|dn: uid=1,dc=x|changetype: modify|replace: cn|cn: Anna|-|replace: sn|sn:: QW5uYSA=|-|",
        "|dn: uid=3,dc=x|changetype: add|objectClass: top|objectClass: person|",
        "cn: A name that is long, so that its line does not fit into seventy-six byte| s, and goes on|",
    ];
    assert!(files[0].starts_with(&expected.concat()), "{}", files[0]);
    let lines = files[0].split('|').skip(1);
    assert!(lines.clone().all(|line| line.len() <= 76), "{}", files[0]);
}

#[tokio::test]
async fn a_group_reads_the_files_and_removes_those_of_changes() {
    let group = nix::unistd::Group::from_gid(nix::unistd::getegid());
    let Some(group) = group.ok().flatten() else {
        return; // a container may have no name for it
    };
    let group = ReaderGroup::named(&group.name).expect("this process' group");
    let one = "to = \"out\"\nmode = \"delta\"\n[[file]]\nname = \"a.csv\"\nkey = [\"id\"]\nsql = \"SELECT id FROM north_people\"\n";
    for (config, folder_mode) in [(TWO_FILES, 0o750), (one, 0o770)] {
        let mirror = Mirror::new(config).await;
        mirror
            .write_for(false, Some(&group))
            .await
            .expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let file = mirror.to().join("a.csv");
        assert_eq!((mode(&mirror.to()), mode(&file)), (folder_mode, 0o640));
    }
}
