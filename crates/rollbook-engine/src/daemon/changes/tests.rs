//! Real folders and the kernel's notifications; every wait is for a state and has a limit.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

const MAX_DELAYS: Duration = Duration::from_secs(20);

/// Follows folders that are edited; each edit has whether it must be noticed. What is noticed is read.
async fn check(folders: &[&Path], edits: &[(&str, bool, &dyn Fn())]) {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let mut changes = Changes::of(&folders);
    let files = changes.loaded();
    let (reload, changed) = (Arc::new(Notify::new()), Arc::clone(&changes.changed));
    let noticing = changes.follow(Clock::system(), Arc::clone(&reload));
    let editing = async {
        for (name, is_change, edit) in edits {
            edit();
            if *is_change {
                let noticed = tokio::time::timeout(MAX_DELAYS, reload.notified()).await;
                assert!(noticed.is_ok(), "{name} was not noticed");
                files.end(files.begin());
            }
        }
        // What must not be noticed has had its time: a last event is examined and causes no reload.
        changed.notify_one();
        let noticed = tokio::time::timeout(3 * DEBOUNCE, reload.notified()).await;
        assert!(noticed.is_err(), "something was noticed that is no change");
    };
    tokio::select! {
        () = noticing => {}
        () = editing => {}
    }
}

#[tokio::test]
async fn every_way_of_saving_a_file_is_noticed_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let jobs = folder.path().join("jobs");
    fs::create_dir(&jobs).expect("made");
    let file = jobs.join("a.toml");
    fs::write(&file, "x = 1").expect("written");
    let write = |name: &str, text: &str| fs::write(jobs.join(name), text).expect("written");
    let replace = |text: &str| {
        write(".a.toml.new", text);
        fs::rename(jobs.join(".a.toml.new"), &file).expect("renamed");
    };
    let come_back = || {
        fs::create_dir(&jobs).expect("made");
        write("a.toml", "x = 4");
    };
    check(
        &[&jobs],
        &[
            ("a file that is read", false, &|| {
                drop(fs::read(&file).expect("read"))
            }),
            ("a file that is saved as it was", false, &|| {
                write("a.toml", "x = 1")
            }),
            ("an editor's own file", false, &|| {
                write(".a.toml.swp", "x = 9")
            }),
            ("a file beside the folder", false, &|| {
                fs::write(folder.path().join("b.toml"), "x = 1").expect("written");
            }),
            ("a file that is written over", true, &|| {
                write("a.toml", "x = 2")
            }),
            ("a file that is replaced", true, &|| replace("x = 3")),
            ("a new file", true, &|| write("b.toml", "x = 1")),
            ("a removed file", true, &|| {
                fs::remove_file(jobs.join("b.toml")).expect("removed")
            }),
            ("a removed folder", true, &|| {
                fs::remove_dir_all(&jobs).expect("removed")
            }),
            ("a folder that is created again", true, &come_back),
            ("a file in the folder that was created again", true, &|| {
                write("a.toml", "x = 5")
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_folder_that_is_created_later_is_noticed_with_the_folders_above_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let vendors = folder.path().join("config/connectors");
    check(
        &[&vendors],
        &[("two folders and a file at once", true, &|| {
            fs::create_dir_all(&vendors).expect("made");
            fs::write(vendors.join("own.toml"), "x = 1").expect("written");
        })],
    )
    .await;
}

/// A folder with some files, each with its text.
fn make(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).expect("made");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("written");
    }
}

/// Replaces a link atomically, as Nix and Kubernetes do.
fn point(link: &Path, target: &str) {
    let new = link.with_file_name("..new_link");
    symlink(target, &new).expect("linked");
    fs::rename(new, link).expect("renamed");
}

#[tokio::test]
async fn a_volume_of_kubernetes_is_noticed_when_it_is_updated() {
    let root = tempfile::tempdir().expect("a folder");
    let volume = root.path().join("volume");
    make(&volume.join("..1"), &[("a.toml", "x = 1")]);
    point(&volume.join("..data"), "..1");
    symlink("..data/a.toml", volume.join("a.toml")).expect("linked");
    let update = |number: u32, text: &str| {
        make(&volume.join(format!("..{number}")), &[("a.toml", text)]);
        point(&volume.join("..data"), &format!("..{number}"));
        fs::remove_dir_all(volume.join(format!("..{}", number - 1))).expect("removed");
    };
    let inside = root.path().join("rollbook");
    symlink("volume/..data", &inside).expect("linked");
    for folder in [&volume, &inside] {
        let first = if folder == &volume { 2 } else { 4 };
        let texts = [format!("x = {first}"), format!("x = {}", first + 1)];
        check(
            &[folder],
            &[
                ("an update", true, &|| update(first, &texts[0])),
                ("another update", true, &|| update(first + 1, &texts[1])),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn links_are_followed_at_every_place_of_the_path() {
    let root = tempfile::tempdir().expect("a folder");
    let at = |path: &str| root.path().join(path);
    // As NixOS does: etc/rollbook/jobs -> static/jobs, and static -> a generation in the store.
    make(&at("store/1/jobs"), &[("a.toml", "x = 1")]);
    make(&at("store/2/jobs"), &[("a.toml", "x = 2")]);
    make(&at("etc/rollbook"), &[]);
    point(&at("etc/static"), "../store/1");
    symlink("../static/jobs", at("etc/rollbook/jobs")).expect("linked");
    // A file that is a link to a link into a checkout; a folder above it is a link too.
    make(&at("checkout/school"), &[("b.toml", "x = 1")]);
    make(&at("checkout.new/school"), &[("b.toml", "x = 3")]);
    symlink(at("checkout"), at("current")).expect("linked");
    symlink(at("current/school/b.toml"), at("b_link")).expect("linked");
    make(&at("config"), &[]);
    symlink("../b_link", at("config/b.toml")).expect("linked");
    symlink("c.toml", at("config/c.toml")).expect("linked");
    let (jobs, config) = (at("etc/rollbook/jobs"), at("config"));
    check(
        &[&config, &jobs],
        &[
            ("another generation", true, &|| {
                point(&at("etc/static"), "../store/2")
            }),
            ("a file of the new generation", true, &|| {
                make(&at("store/2/jobs"), &[("a.toml", "x = 3")]);
            }),
            ("a file of the old generation", false, &|| {
                make(&at("store/1/jobs"), &[("a.toml", "x = 4")]);
            }),
            ("the target of a link is written", true, &|| {
                make(&at("checkout/school"), &[("b.toml", "x = 2")]);
            }),
            ("the target of a link is replaced", true, &|| {
                make(&at("checkout/school"), &[("b.new", "x = 5")]);
                fs::rename(at("checkout/school/b.new"), at("checkout/school/b.toml"))
                    .expect("renamed");
            }),
            ("a file beside the target", false, &|| {
                make(&at("checkout/school"), &[("other.toml", "x = 2")]);
            }),
            ("a link in the middle leads elsewhere", true, &|| {
                point(&at("current"), "checkout.new");
            }),
            ("the second link leads elsewhere", true, &|| {
                point(&at("b_link"), "checkout/school/other.toml");
            }),
            ("a link leads to nothing", true, &|| {
                point(&at("etc/rollbook/jobs"), "nothing");
            }),
            ("what it leads to is created", true, &|| {
                make(&at("etc/rollbook/nothing"), &[("a.toml", "x = 1")]);
            }),
        ],
    )
    .await;
}

/// Watches a file with `x = 1` that was loaded, acts, and waits for a reload.
async fn must_reload(act: impl FnOnce(&LoadedFiles, &dyn Fn(&str))) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |text: &str| make(folder.path(), &[("a.toml", text)]);
    write("x = 1");
    let mut changes = Changes::of(&[folder.path().to_owned()]);
    let files = changes.loaded();
    let reload = Arc::new(Notify::new());
    act(&files, &write);
    let noticing = changes.follow(Clock::system(), Arc::clone(&reload));
    let noticed = tokio::time::timeout(MAX_DELAYS, reload.notified());
    tokio::select! {
        () = noticing => {}
        noticed = noticed => assert!(noticed.is_ok(), "the daemon keeps what is not on disk"),
    }
}

#[tokio::test]
async fn an_edit_a_reload_and_an_edit_back_end_in_what_the_disk_holds() {
    must_reload(|files, write| {
        write("x = 2");
        files.end(files.begin());
        write("x = 1");
    })
    .await;
}

#[tokio::test]
async fn an_edit_and_an_edit_back_during_a_reload_end_in_what_the_disk_holds() {
    must_reload(|files, write| {
        let reading = files.begin();
        write("x = 2");
        write("x = 1");
        assert_eq!(files.end(reading), None);
    })
    .await;
}
