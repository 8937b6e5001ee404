//! Tests of `init.rs`.

use super::*;

fn folders(folder: &Path) -> Folders {
    Folders {
        config: folder.to_owned(),
        jobs: folder.join("jobs"),
        state: folder.to_owned(),
    }
}

fn init(folder: &Path, names: &[&str]) -> Result<(), Exit> {
    let options = InitOptions {
        dir: Some(folder.join("new")),
        connectors: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    run(&folders(folder), &options)
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

#[test]
fn what_somebody_wrote_is_never_replaced() {
    for name in ["rollbook.toml", "credentials.conf", "jobs/webuntis.toml"] {
        let folder = tempfile::tempdir().expect("a folder");
        let theirs = folder.path().join("new").join(name);
        fs::create_dir_all(theirs.parent().expect("a folder")).expect("made");
        fs::write(&theirs, "# theirs\n").expect("written");
        let before = held(folder.path());
        let printed = init(folder.path(), &["webuntis"])
            .expect_err("a file exists already")
            .into_text();
        assert!(printed.starts_with("nothing was written"), "{printed}");
        assert!(printed.contains(&theirs.display().to_string()), "{printed}");
        assert!(
            printed.contains("rollbook init --dir DIR webuntis"),
            "{printed}"
        );
        assert_eq!(held(folder.path()), before);
    }
}

#[test]
fn the_packages_own_file_gives_way_until_somebody_changes_it() {
    for (added, gives_way) in [("", true), ("# mine\n", false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("new/rollbook.toml");
        fs::create_dir(folder.path().join("new")).expect("made");
        fs::write(&file, format!("{PACKAGED_CONFIG}{added}")).expect("written");
        assert_eq!(
            init(folder.path(), &["wapi"]).is_ok(),
            gives_way,
            "{added:?}"
        );
        let text = fs::read_to_string(&file).expect("a text");
        assert_eq!(text.contains("[sources.wapi]"), gives_way, "{added:?}");
    }
}

#[test]
fn files_can_be_read_by_the_service_and_nothing_else_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    init(folder.path(), &["webuntis", "webuntis"]).unwrap_or_else(|exit| panic!("{exit:?}"));
    let new = folder.path().join("new");
    let files: Vec<String> = held(&new)
        .iter()
        .map(|(path, _)| {
            path.strip_prefix(&new)
                .expect("below")
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(
        files,
        ["credentials.conf", "jobs/webuntis.toml", "rollbook.toml"]
    );
    for (path, _) in held(&new) {
        let rights = path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(rights, MODE, "{}", path.display());
    }
}

#[test]
fn an_unknown_vendor_is_named_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = init(folder.path(), &["webuntis", "wisnet"])
        .expect_err("unknown")
        .into_text();
    assert!(
        printed.contains("`wisnet`") && printed.contains("`wisenet`"),
        "{printed}"
    );
    assert!(!folder.path().join("new").exists());
}

#[test]
fn without_a_vendor_the_known_ones_are_listed() {
    let connectors = Connectors::built_in().expect("right");
    let text = known(&connectors);
    for name in connectors.names() {
        assert!(text.contains(name), "{name} is not in:\n{text}");
    }
}
