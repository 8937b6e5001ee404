//! Real folders and the kernel's own news; every wait is for a state and has a limit.

use std::fs;
use std::path::Path;

use super::*;

const MAX_DELAYS: Duration = Duration::from_secs(20);

/// Follows folders that are edited; each edit has whether it must be noticed.
async fn check(folders: &[&Path], edits: &[(&str, bool, &dyn Fn())]) {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let changes = Changes::of(&folders);
    let (reload, changed) = (Arc::new(Notify::new()), Arc::clone(&changes.changed));
    let noticing = changes.follow(Clock::system(), Arc::clone(&reload));
    let editing = async {
        for (name, is_change, edit) in edits {
            edit();
            if *is_change {
                let noticed = tokio::time::timeout(MAX_DELAYS, reload.notified()).await;
                assert!(noticed.is_ok(), "{name} was not noticed");
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
