//! Tests of `init.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn given(folder: &Path) -> Folders {
    Folders {
        config: folder.to_owned(),
        jobs: folder.join("jobs"),
        state: folder.to_owned(),
        source: None,
    }
}

fn options(folder: &Path, names: &[&str]) -> InitOptions {
    InitOptions {
        dir: Some(folder.join("new")),
        connectors: names.iter().map(|name| (*name).to_owned()).collect(),
        name: None,
        set: Vec::new(),
        crosswalk: false,
        people: false,
        secrets: false,
        no_input: true,
    }
}

async fn init(folder: &Path, names: &[&str]) -> Result<(), Exit> {
    run(&given(folder), &options(folder, names)).await
}

async fn init_set(folder: &Path, name: &str, set: &[(&str, &str)]) -> Result<(), Exit> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let options = InitOptions {
        set: set.iter().map(owned).collect(),
        ..options(folder, &[name])
    };
    run(&given(folder), &options).await
}

/// Every file below a folder with what it holds.
fn held(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(held(&path));
        } else {
            let text = fs::read_to_string(&path).expect("a text");
            files.push((path, text));
        }
    }
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    let names = held(folder).into_iter().map(|(path, _)| {
        let name = path.strip_prefix(folder).expect("below");
        name.display().to_string()
    });
    names.collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

/// A source in a layout that no program would write.
const ODD: &str = "\t# ours\r\n[ sources . \"our school\" ]  # no name for a table\r\n";

const OWN: &str = "\t# our own layout\n\n[store]\n  path='m.db'   # why\n\n\n[sources]\n  webuntis = { connector='webuntis', \
    settings={tenant='1'}, auth={ grant='client_credentials', client_id='x', client_secret={credential='k'} } } # all on a \
    line\n[alerts.email]\nserver='mail.school.example'\nfrom='r@school.example'\nto=[ 'it@school.example',\n  ]\n# the end";

#[tokio::test]
async fn a_second_connector_changes_no_byte_of_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = folder.path().join("new");
    write(&new, "rollbook.toml", OWN);
    write(
        &new,
        "jobs/wisenet_combos.toml",
        "source='webuntis'\nstreams=['orgs']\nschedule='0 1 * * *'\n",
    );
    write(&new, "credentials.conf", "# mine\n[Service]\nX=1");
    let before = held(&new);
    init(folder.path(), &["wisenet"]).await.expect("added");
    let after = held(&new);
    for (path, text) in &before {
        let (_, now) = after.iter().find(|(other, _)| other == path).expect("kept");
        assert!(now.starts_with(text), "{}", path.display());
    }
    assert_eq!(
        names(&new),
        [
            "credentials.conf",
            "jobs/wisenet_combos.toml",
            "jobs/wisenet_combos_2.toml",
            "jobs/wisenet_enrolments.toml",
            "rollbook.toml"
        ]
    );
    let text = fs::read_to_string(new.join("rollbook.toml")).expect("read");
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(table["sources"].as_table().expect("sources").len(), 2);
    let (_, problems) = resolve(&given(&new), &Overlay::default());
    assert!(!problems.has_errors(), "{problems}");
}

#[tokio::test]
async fn what_cannot_be_extended_is_refused_and_stays() {
    let inline = "sources = { webuntis = { connector = 'webuntis' } }\n";
    let inline_right = OWN.replace(
        "[sources]\n  webuntis =",
        "[sources.webuntis.limits]\nin_flight=1\n[x]\ny =",
    );
    let rows = [
        ("not TOML", "[sources\n", "this is not TOML"),
        ("unknown key", "[store]\npaht = 'x'\n", "paht"),
        ("odd name", ODD, "our school"),
        ("mistakes inside", inline, "requires authentication"),
        ("unknown table", &inline_right, "unknown"),
    ];
    for (what, text, _) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let new = folder.path().join("new");
        write(&new, "rollbook.toml", text);
        write(
            &new,
            "jobs/x.toml",
            "source='webuntis'\nstreams=['orgs']\nschedule='0 1 * * *'\n",
        );
        let before = held(folder.path());
        let exit = init(folder.path(), &["wisenet"]).await.expect_err(what);
        assert!(
            exit.into_text().is_empty(),
            "{what}: the problems are printed"
        );
        assert_eq!(held(folder.path()), before, "{what}");
    }
}

#[tokio::test]
async fn a_used_name_is_refused_with_the_next_free_one() {
    let folder = tempfile::tempdir().expect("a folder");
    init(folder.path(), &["wisenet"]).await.expect("new");
    let before = held(folder.path());
    let printed = init(folder.path(), &["wapi", "wisenet"])
        .await
        .expect_err("used")
        .into_text();
    assert!(
        printed.contains("`rollbook init wisenet --name wisenet_2`"),
        "{printed}"
    );
    assert_eq!(held(folder.path()), before);
    for name in ["wisenet_2", "south"] {
        let named = InitOptions {
            name: Some(name.parse().expect("a name")),
            ..options(folder.path(), &["wisenet"])
        };
        run(&given(folder.path()), &named).await.expect("added");
    }
    let new = folder.path().join("new");
    let (setup, problems) = resolve(&given(&new), &Overlay::default());
    let setup = setup.unwrap_or_else(|| panic!("{problems}"));
    let sources: Vec<&str> = setup.sources.keys().map(SourceName::as_str).collect();
    assert_eq!(sources, ["south", "wisenet", "wisenet_2"]);
    assert!(setup.jobs.keys().any(|job| job.as_str() == "south_combos"));
    let text = fs::read_to_string(new.join("rollbook.toml")).expect("read");
    assert!(text.contains("{ credential = \"south_client_secret\" }"));
    let printed = init(folder.path(), &["wisenet"])
        .await
        .expect_err("used")
        .into_text();
    assert!(printed.contains("--name wisenet_3"), "{printed}");
}

#[tokio::test]
async fn the_packages_own_file_is_replaced_until_it_is_edited() {
    for (added, gives_way) in [("", true), ("# mine\n", false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!("{PACKAGED_CONFIG}{added}");
        write(folder.path(), "new/rollbook.toml", &text);
        write(folder.path(), "new/jobs/README", "");
        init(folder.path(), &["wapi"]).await.expect("written");
        let now = fs::read_to_string(folder.path().join("new/rollbook.toml")).expect("a text");
        assert!(now.contains("[sources.wapi]"), "{added:?}");
        assert_eq!(now.starts_with(&text), !gives_way, "{added:?}");
    }
}

#[tokio::test]
async fn files_can_be_read_by_the_service_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    init(folder.path(), &["webuntis", "webuntis"])
        .await
        .expect("written");
    let new = folder.path().join("new");
    let mut expected = vec!["jobs/webuntis.toml", "rollbook.toml"];
    if unistd::geteuid().is_root() {
        expected.insert(0, "credentials.conf");
    }
    assert_eq!(names(&new), expected);
    for (path, text) in held(&new) {
        let mode = path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, write_files::MODE, "{}", path.display());
        // systemd and shells run in other folders.
        let real = new.canonicalize().expect("there");
        let relative = text
            .lines()
            .filter(|line| line.contains(".cred") || line.contains("credentials/"));
        for line in relative.filter(|line| !line.contains("/etc/systemd")) {
            assert!(line.contains(&real.display().to_string()), "{line}");
        }
    }
}

#[tokio::test]
async fn values_from_the_command_line_are_checked_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: [(&str, &str, &str, &[&str]); 8] = [
        (
            "webuntis",
            "tennant",
            "4",
            &["no setting `tennant`", "`tenant`"],
        ),
        (
            "webuntis",
            "client_secret",
            "hunter2",
            &["--set does not take `client_secret`"],
        ),
        ("webuntis", "client_id", "", &["--set client_id: "]),
        (
            "webuntis",
            "api_url",
            "ftp://x",
            &["--set api_url: ", "must be an https address"],
        ),
        (
            "webuntis",
            "tenant",
            "47\u{200b}11",
            &["--set tenant: ", "zero-width"],
        ),
        (
            "webuntis",
            "username",
            "x",
            &["--set username: ", "is not used by the grant"],
        ),
        ("wisenet", "region", "DE", &["--set region: ", "`AU`"]),
        (
            "wisenet",
            "grant",
            "password",
            &["--set grant: ", "`refresh_token`"],
        ),
    ];
    for (connector, key, value, expected) in rows {
        let exit = init_set(folder.path(), connector, &[(key, value)]).await;
        let printed = exit.expect_err(key).into_text();
        for words in expected {
            assert!(printed.contains(words), "{key}: {printed}");
        }
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(!folder.path().join("new").exists(), "{key}");
    }
    let set = [
        ("tenant", "12"),
        ("client_id", "our = id"),
        ("api_url", "https://api.example"),
    ];
    init_set(folder.path(), "webuntis", &set)
        .await
        .expect("written");
    let text = fs::read_to_string(folder.path().join("new/rollbook.toml")).expect("read");
    let table: toml::Table = text.parse().expect("TOML");
    let source = &table["sources"]["webuntis"];
    assert_eq!(source["settings"]["tenant"].as_str(), Some("12"));
    assert_eq!(
        source["settings"]["api_url"].as_str(),
        Some("https://api.example")
    );
    assert_eq!(source["auth"]["client_id"].as_str(), Some("our = id"));
    let set = [
        ("flux_ids", "1, 2"),
        ("wac", "WAC1"),
        ("grant", "authorization_code"),
    ];
    init_set(folder.path(), "wapi", &set).await.expect("added");
    let text = fs::read_to_string(folder.path().join("new/rollbook.toml")).expect("read");
    let table: toml::Table = text.parse().expect("TOML");
    let source = &table["sources"]["wapi"];
    assert_eq!(
        source["settings"]["flux_ids"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(source["auth"]["grant"].as_str(), Some("authorization_code"));
    // No example is left among own values.
    assert_eq!(source["auth"]["client_id"].as_str(), Some("CHANGE-ME"));
    assert_eq!(source["settings"].get("woc"), None);
}

#[tokio::test]
async fn drafts_are_written_where_they_make_sense() {
    let folder = tempfile::tempdir().expect("a folder");
    let drafts = |connectors: &[&str], crosswalk| InitOptions {
        crosswalk,
        people: true,
        ..options(folder.path(), connectors)
    };
    let alone = run(&given(folder.path()), &drafts(&["webuntis"], false)).await;
    assert!(
        alone
            .expect_err("alone")
            .into_text()
            .contains("no two sources")
    );
    assert!(!folder.path().join("new").exists());
    let both = drafts(&["webuntis", "wisenet"], true);
    run(&given(folder.path()), &both).await.expect("written");
    let new = folder.path().join("new");
    let (setup, problems) = resolve(&given(&new), &Overlay::default());
    assert!(setup.is_some(), "{problems}");
    let notes: Vec<String> = problems.iter().map(|note| note.message.clone()).collect();
    assert!(
        notes
            .iter()
            .any(|note| note == "this file matches no people yet"),
        "{notes:?}"
    );
    assert!(
        notes
            .iter()
            .any(|note| note == "this crosswalk maps nothing yet"),
        "{notes:?}"
    );
    // A second time there is nothing to add; a further source extends the file.
    let again = run(&given(folder.path()), &drafts(&[], false)).await;
    assert!(again.is_err());
    let people = new.join(PEOPLE_FILE);
    let before = fs::read_to_string(&people).expect("read");
    run(&given(folder.path()), &drafts(&["oneroster"], false))
        .await
        .expect("added");
    let after = fs::read_to_string(&people).expect("read");
    assert!(after.starts_with(&before) && after.len() > before.len());
    // Every line is right once it is active.
    for path in [people, new.join("crosswalks/role.toml")] {
        let text = fs::read_to_string(&path).expect("read");
        let active = text.lines().map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  {") => rest,
            _ => line,
        });
        let active: Vec<&str> = active.collect();
        fs::write(&path, active.join("\n")).expect("written");
    }
    let (setup, problems) = resolve(&given(&new), &Overlay::default());
    let setup = setup.unwrap_or_else(|| panic!("{problems}"));
    assert_eq!((setup.matches.len(), setup.crosswalks.len()), (3, 1));
}

#[tokio::test]
async fn an_unknown_connector_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = init(folder.path(), &["webuntis", "wisnet"])
        .await
        .expect_err("unknown")
        .into_text();
    assert!(
        printed.contains("`wisnet`") && printed.contains("`wisenet`"),
        "{printed}"
    );
    assert!(!folder.path().join("new").exists());
}

#[test]
fn without_a_connector_the_known_ones_are_listed() {
    let connectors = Connectors::built_in().expect("right");
    let text = known(&connectors);
    for name in connectors.names() {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
}

#[test]
fn jobs_go_where_the_configuration_looks_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("there");
    let jobs = |given_jobs: &str, dir: Option<&str>| {
        let given = Folders {
            config: root.join("config"),
            jobs: root.join(given_jobs),
            state: root.clone(),
            source: None,
        };
        let options = InitOptions {
            dir: dir.map(|dir| root.join(dir)),
            ..options(&root, &[])
        };
        let found = folders(&given, &options).expect("folders").jobs;
        found
            .strip_prefix(&root)
            .expect("below")
            .display()
            .to_string()
    };
    // A new configuration, with jobs of another one beside it.
    fs::create_dir(root.join("jobs")).expect("made");
    assert_eq!(jobs("jobs", None), "config/jobs");
    assert_eq!(jobs("elsewhere", None), "elsewhere");
    assert_eq!(jobs("jobs", Some("new")), "new/jobs");
    // An existing one.
    write(&root, "config/rollbook.toml", "");
    assert_eq!(jobs("jobs", None), "jobs");
    assert_eq!(jobs("jobs", Some("config")), "jobs");
    fs::create_dir(root.join("config/jobs")).expect("made");
    assert_eq!(jobs("config/jobs", None), "config/jobs");
    assert_eq!(jobs("config/jobs", Some("config")), "config/jobs");
}

/// What a crash leaves: some of the first files.
#[test]
fn each_part_of_the_files_is_a_valid_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "rollbook.toml", OWN);
    let job = "source='webuntis'\nstreams=['users']\nschedule='0 1 * * *'\n";
    write(folder.path(), "jobs/x.toml", job);
    let folders = given(folder.path());
    let connectors = Connectors::built_in().expect("right");
    let source = starter::source("wisenet", "wisenet", &connectors, None);
    let mut proposal = Proposal {
        host: host(&folders),
        existing: existing(&folders).expect("read"),
        folders: folders.clone(),
        sources: vec![source.expect("known")],
        secrets: BTreeMap::from([("wisenet_client_secret".to_owned(), "hunter2".into())]),
        answered: BTreeSet::new(),
        crosswalk: None,
        people: None,
    };
    let setup = proposal.verify().expect("right");
    let names = proposal.names();
    proposal.people = companions::people(&setup, &names, "");
    proposal.crosswalk = companions::crosswalk(&setup, &names);
    let files = proposal.files();
    assert!(files.len() >= 6);
    for file in files {
        let path = file.path.clone();
        write_files::write_all(vec![file]).expect("written");
        let (_, problems) = resolve(&folders, &Overlay::default());
        assert!(!problems.has_errors(), "{}: {problems}", path.display());
    }
}
