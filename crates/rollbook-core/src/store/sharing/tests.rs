//! The mirror's files with a group that may read them; what its members can do is tested with the binary, as root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use nix::unistd::Group;

use super::*;
use crate::store::database::{Store, keep_log, reader};
use crate::store::vault::{Keys, Vault};

fn own_group() -> ReaderGroup {
    let group = Group::from_gid(nix::unistd::getegid())
        .expect("asked")
        .expect("a group");
    ReaderGroup::named(&group.name).expect("there")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[tokio::test]
async fn a_shared_mirror_keeps_its_log_and_a_private_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("set");
    let (mirror, group) = (folder.path().join("mirror.db"), own_group());
    let files =
        ["mirror.db", "mirror.db-wal", "mirror.db-shm"].map(|name| folder.path().join(name));
    let run = async |is_shared: bool| {
        let store = Store::open(&mirror).expect("opened");
        let keep = move |connection: &mut _| keep_log(connection, is_shared);
        store.write(keep).await.expect("set");
        share(&mirror, is_shared.then_some(&group)).expect("shared");
        let reading = store.reader().expect("a reader");
        drop(reading);
        let count = |connection: &mut rusqlite::Connection| {
            connection
                .execute_batch("CREATE TABLE IF NOT EXISTS x (y)")
                .expect("made");
            Ok(())
        };
        store.write(count).await.expect("written");
        drop(Vault::open(folder.path(), Keys::None).expect("a vault"));
        drop(store); // waits for the writer, which is idle
    };
    run(true).await;
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o640; 3]);
    assert_eq!(mode(folder.path()), 0o750);
    assert_eq!(mode(&folder.path().join("vault.db")), 0o600);
    assert_eq!(mode(&folder.path().join("rollbook.lock")), 0o600);
    assert_eq!(
        fs::metadata(&files[1]).expect("there").len(),
        0,
        "the log is empty"
    );
    drop(reader(&mirror).expect("readable"));
    run(false).await;
    assert_eq!(mode(&mirror), 0o600);
    assert!(!files[1].exists() && !files[2].exists());
    // After a restore both are missing, and readers could not make them.
    share(&mirror, Some(&group)).expect("shared");
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o640; 3]);
    let store = Store::open(&mirror).expect("an empty log is none");
    drop(store);
}

#[test]
fn a_mode_that_is_too_wide_is_put_right_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let mirror = folder.path().join("mirror.db");
    assert_eq!(
        share(&mirror, Some(&own_group())),
        Ok(Vec::new()),
        "there is none"
    );
    fs::write(&mirror, "").expect("written");
    fs::set_permissions(&mirror, fs::Permissions::from_mode(0o666)).expect("set");
    let link = folder.path().join("link.db");
    symlink("mirror.db", &link).expect("linked");
    let narrowed = share(&link, None).expect("done");
    let path = fs::canonicalize(&mirror).expect("there");
    let expected = Narrowed {
        path,
        from: 0o666,
        to: 0o600,
    };
    assert_eq!(narrowed, [expected]);
    assert_eq!(share(&link, None), Ok(Vec::new()));
}
