use super::*;

/// This process' own group, which it may always give files to.
fn own() -> ReaderGroup {
    let gid = nix::unistd::getegid();
    let group = Group::from_gid(gid).expect("known").expect("a group");
    ReaderGroup::named(&group.name).expect("it exists")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn a_file_gets_the_mode_that_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mirror.db");
    let group = own();
    let rows = [
        (0o600, None, 0o600, false),
        (0o400, None, 0o600, false),
        (0o644, None, 0o600, true),
        (0o640, None, 0o600, true),
        (0o600, Some(&group), 0o640, false),
        (0o640, Some(&group), 0o640, false),
        (0o660, Some(&group), 0o640, true),
        (0o644, Some(&group), 0o640, true),
        (0o4755, Some(&group), 0o640, true),
    ];
    for (from, group, to, was_wider) in rows {
        fs::write(&file, "x").expect("written");
        set_mode(&file, from).expect("set");
        let narrowed = put_file_right(&file, group).expect("right");
        assert_eq!(mode(&file), to, "{from:o}");
        let expected = was_wider.then(|| Narrowed {
            path: file.clone(),
            from,
            to,
        });
        assert_eq!(narrowed, expected, "{from:o}");
        fs::remove_file(&file).expect("removed");
    }
}

#[test]
fn a_folder_is_opened_for_the_group_and_not_for_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let group = own();
    for (from, to) in [
        (0o700, 0o750),
        (0o710, 0o750),
        (0o750, 0o750),
        (0o2700, 0o2750),
    ] {
        set_mode(folder.path(), from).expect("set");
        open_folder(folder.path(), &group).expect("opened");
        assert_eq!(mode(folder.path()), to, "{from:o}");
    }
    let file = folder.path().join("mirror.db");
    set_mode(folder.path(), 0o750).expect("set");
    // The temporary folder above is open to all.
    assert_eq!(group.may_reach(&file), Ok(()));
    set_mode(folder.path(), 0o700).expect("set");
    let closed = group.may_reach(&file).expect_err("closed").with_help();
    let path = fs::canonicalize(folder.path()).expect("there");
    let path = path.display();
    assert_eq!(
        closed,
        format!(
            "by its mode, members of the group `{name}` cannot enter {path}; run `chgrp {name} {path} && chmod g+rx {path}`",
            name = group.name
        )
    );
}

#[test]
fn a_group_that_is_not_there_is_named() {
    let error = ReaderGroup::named("no-such-group").expect_err("none");
    assert_eq!(
        error.with_help(),
        "there is no group `no-such-group`; run `groupadd --system no-such-group`, and `usermod -aG no-such-group USER` \
         for each reader"
    );
}

#[test]
fn what_keeps_a_group_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    set_mode(folder.path(), 0o755).expect("set");
    let (file, group) = (folder.path().join("mirror.db"), own());
    let of = || obstacle(&group, &file, &file).map(|error| error.to_string());
    assert_eq!(of(), None, "there is none yet");
    fs::write(&file, "x").expect("written");
    set_mode(&file, 0o600).expect("set");
    let not_yet = format!(
        "{} is not given to the group `{}` yet",
        file.display(),
        group.name
    );
    assert_eq!(of(), Some(not_yet));
    put_file_right(&file, Some(&group)).expect("given");
    assert_eq!(of(), None);
    let foreign = ReaderGroup {
        name: "others".to_owned(),
        gid: 4_000_000,
    };
    let folder = Path::new("/srv/rollbook");
    assert_eq!(
        foreign.cannot_give().help_with_folder(folder),
        format!(
            "run `install -d -o {} -g others -m 2750 /srv/rollbook` and restart the service",
            this_user()
        )
    );
    let error = foreign.cannot_give().with_help();
    let user = this_user();
    assert_eq!(
        error,
        format!(
            "{user} cannot give files to the group `others`; under systemd, set `Group=others` and \
             `SupplementaryGroups={user}` in `[Service]` by `systemctl edit rollbook`, elsewhere run \
             `usermod -aG others {user}`; then restart the service"
        )
    );
}

/// As root only: another user cannot give files to a group that it is not in.
#[test]
fn a_folder_of_a_group_that_is_not_seen_gives_its_files_to_it() {
    if nix::unistd::geteuid().as_raw() != 0 {
        println!("passed over: only root can make such a folder");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy.db");
    let group = ReaderGroup {
        name: "others".to_owned(),
        gid: 4_000_000,
    };
    // As a service in a user namespace sees it, and as others do.
    for (gid, mode_of_folder, expected) in [
        (UNMAPPED, 0o2750, UNMAPPED),
        (UNMAPPED, 0o750, group.gid),
        (4_000_001, 0o2750, group.gid),
    ] {
        chown(folder.path(), None, Some(gid)).expect("given");
        set_mode(folder.path(), mode_of_folder).expect("set");
        fs::write(&file, "x").expect("written");
        chown(&file, None, Some(gid)).expect("given");
        put_file_right(&file, Some(&group)).expect("right");
        let found = fs::metadata(&file).expect("there");
        assert_eq!(
            (found.gid(), found.mode() & 0o777),
            (expected, 0o640),
            "{gid}"
        );
        fs::remove_file(&file).expect("removed");
    }
}
