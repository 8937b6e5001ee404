//! Others who read the mirror: members of a group read the live file, other programs a copy. With real users where the
//! tests run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::alerts::webhook;
use crate::installation::{Config, Finished, Installation, NO_TICK};
use crate::people::{user, users};
use crate::queries;
use crate::server::{Fault, Paging, Server};
use crate::service::Service;

/// Users that no one is: the service, a member of the group, and another one.
const SERVICE: u32 = 61_001;
const MEMBER: u32 = 61_002;
const OTHER: u32 = 61_003;

/// A group of the machine besides root's, by name and number.
fn group() -> Option<(String, u32)> {
    let text = fs::read_to_string("/etc/group").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let gid = fields.nth(1)?.parse().ok()?;
        (gid != 0).then(|| (name.to_owned(), gid))
    })
}

/// `setpriv` with a user and groups; nothing where this machine or user cannot.
fn as_user(uid: u32, groups: &[u32]) -> Option<Vec<String>> {
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let groups = match groups.is_empty() {
        true => "--clear-groups".to_owned(),
        false => format!("--groups={}", groups.join(",")),
    };
    let id = uid.to_string();
    let words = ["setpriv", "--reuid", &id, "--regid", &id, &groups].map(str::to_owned);
    let program = env!("CARGO_BIN_EXE_rollbook");
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args([program, "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let works = command.status().is_ok_and(|status| status.success());
    works.then(|| words.to_vec())
}

/// The program as another user.
fn command(installation: &Installation, user: &[String], arguments: &[&str]) -> Command {
    let mut command = Command::new(&user[0]);
    command
        .args(&user[1..])
        .arg(env!("CARGO_BIN_EXE_rollbook"))
        .current_dir("/")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    installation.folders(&mut command);
    command.args(arguments);
    command
}

fn run(installation: &Installation, user: &[String], arguments: &[&str]) -> Finished {
    installation
        .start(command(installation, user, arguments))
        .end()
}

/// Adds keys of `[store]`.
fn configure(installation: &Installation, store: &str) {
    let path = installation.path("config/rollbook.toml");
    let text = fs::read_to_string(path).expect("read");
    let start = text.find("[sources.own]").expect("a source");
    installation.write(
        "config/rollbook.toml",
        &format!("{store}\n{}", &text[start..]),
    );
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn own_group() -> String {
    let gid = fs::metadata("/proc/self").expect("there").gid();
    let text = fs::read_to_string("/etc/group").expect("groups");
    let line = text
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&gid.to_string()));
    line.and_then(|line| line.split(':').next())
        .expect("named")
        .to_owned()
}

#[test]
fn members_of_the_group_read_the_live_mirror_and_can_change_nothing() {
    let (Some((name, gid)), Some(service), Some(member), Some(other)) = (
        group(),
        group().and_then(|(_, gid)| as_user(SERVICE, &[gid])),
        group().and_then(|(_, gid)| as_user(MEMBER, &[gid])),
        as_user(OTHER, &[]),
    ) else {
        println!(
            "passed over: only root can act as other users, with setpriv and a program they may run"
        );
        return;
    };
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let plan = Config {
        page: 20,
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    configure(&installation, &format!("[store]\nreaders = {name:?}"));
    fs::create_dir(installation.path("state")).expect("made");
    for owned in ["state", "config/secret"] {
        chown(installation.path(owned), Some(SERVICE), Some(SERVICE)).expect("given");
    }
    for (name, mode) in [
        ("", 0o755),
        ("config", 0o755),
        ("jobs", 0o755),
        ("state", 0o700),
    ] {
        let path = installation.path(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }
    run(&installation, &service, &["sync", "--json"]).assert_ok("as the service");

    let files = [
        "state/mirror.db",
        "state/mirror.db-wal",
        "state/mirror.db-shm",
    ];
    let shared = |when: &str| {
        for file in files {
            let found = fs::metadata(installation.path(file)).expect("there");
            let rights = (found.uid(), found.gid(), found.mode() & 0o7777);
            assert_eq!(rights, (SERVICE, gid, 0o640), "{file} {when}");
        }
        assert_eq!(mode(&installation.path("state")), 0o750, "{when}");
        for private in ["state/vault.db", "state/rollbook.lock"] {
            assert_eq!(mode(&installation.path(private)), 0o600, "{private} {when}");
        }
    };
    let reads = |user: &[String]| run(&installation, user, &["runs", "--json"]);
    shared("after a run");
    let read = reads(&member);
    assert_eq!(read.code, Some(0), "without a daemon: {read:?}");
    let read = reads(&other);
    assert_eq!(read.code, Some(77), "not a member: {read:?}");

    // While the service writes.
    server.edit("users", |list| list[0] = user(0, 2));
    server.script(|request| (request.nth == 2).then_some(Fault::Wait));
    let running = installation.start(command(&installation, &service, &["sync", "--json"]));
    server.until_a_request_is_held();
    let read = reads(&member);
    assert_eq!(read.code, Some(0), "during a run: {read:?}");
    shared("during a run");
    let attempts = [
        ("cat", "vault.db"),
        ("cat", "rollbook.lock"),
        ("touch", "mirror.db-shm"),
        ("touch", "mirror.db"),
        ("touch", "new"),
        ("rm", "mirror.db"),
    ];
    for (program, file) in attempts {
        let mut command = Command::new(&member[0]);
        command.args(&member[1..]).arg(program);
        command.arg(installation.path(&format!("state/{file}")));
        let output = command.stdin(Stdio::null()).output().expect("started");
        assert!(!output.status.success(), "{program} {file}: {output:?}");
    }
    server.release();
    running.end().assert_ok("with a reader");

    // Backup and restore as the service.
    let made = run(&installation, &service, &["backup", "--json"]);
    let made: Value = serde_json::from_str(&made.out).unwrap_or_else(|_| panic!("{made:?}"));
    let backup = made["mirror"].as_str().expect("a path").to_owned();
    assert_eq!(mode(Path::new(&backup)), 0o600);
    assert_eq!(mode(&installation.path("state/backups")), 0o700);
    let restored = run(&installation, &service, &["restore", &backup]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    shared("after a restore");
    let read = reads(&member);
    assert_eq!(read.code, Some(0), "after a restore: {read:?}");
    let aside = fs::read_dir(installation.path("state")).expect("a folder");
    let aside: Vec<PathBuf> = aside
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("before-restore"))
        .collect();
    assert!(!aside.is_empty());
    for path in aside {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }

    // Without the group the service continues, and only it can read.
    let alone = as_user(SERVICE, &[]).expect("as before");
    let ran = run(&installation, &alone, &["sync", "--json"]);
    assert!(ran.code == Some(0), "{ran:?}");
    shared("as it was given before");
    chown(installation.path("state/mirror.db"), None, Some(SERVICE)).expect("given");
    let ran = run(&installation, &alone, &["sync", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let words = format!(
        "{SERVICE} cannot give files to the group `{name}`; under systemd, set `Group={name}`"
    );
    assert!(ran.err.contains(&words), "{ran:?}");
    assert_eq!(mode(&installation.mirror()), 0o600);
}

#[test]
fn a_group_that_is_removed_ends_no_service() {
    let server = Server::of_users(Paging::TotalInHeader, users(3));
    let installation = Installation::new(&server, &Config::default());
    configure(
        &installation,
        &format!("[store]\nreaders = {:?}", own_group()),
    );
    installation.sync().assert_ok("with the group");
    assert_eq!(mode(&installation.mirror()), 0o640);
    configure(&installation, "[store]\nreaders = \"no-such-group\"");
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let (installation, log) = service.stop();
    assert!(
        log.contains("there is no group `no-such-group`; run `groupadd"),
        "{log}"
    );
    assert_eq!(mode(&installation.mirror()), 0o600);
    let ran = installation.run(&["check"]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(
        ran.err.contains("readers") || ran.out.contains("readers"),
        "{ran:?}"
    );
    let ran = installation.run(&["status"]);
    assert!(
        ran.out.contains("store.readers: there is no group"),
        "{ran:?}"
    );
}

const COPY: &str = "[store.copy]\npath = \"copy/mirror.db\"\nleave_out = [\"own_users.email\"]";

fn copy_of(installation: &Installation) -> PathBuf {
    installation.path("state/copy/mirror.db")
}

#[test]
fn a_copy_follows_what_changed_and_fails_without_the_run() {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(&server, &Config::default());
    configure(&installation, COPY);
    installation.sync().assert_ok("the first time");
    let copy = copy_of(&installation);
    let rows = || queries::one::<u64>(&copy, "SELECT count(*) FROM own_users");
    assert_eq!(rows(), 60);
    let mail = "SELECT count(*) FROM own_users WHERE email IS NOT NULL";
    assert!(queries::one::<u64>(&installation.mirror(), mail) > 0);
    let columns = "SELECT count(*) FROM pragma_table_info('own_users') WHERE name IN ('email', '_fingerprint')";
    assert_eq!(queries::one::<u64>(&copy, columns), 0);
    let bytes = fs::read(&copy).expect("read");
    let address: String = queries::one(
        &installation.mirror(),
        "SELECT email FROM own_users LIMIT 1",
    );
    let address = address.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(address.len()).any(|part| part == address);
    assert!(!holds(&bytes), "an address is in the file");
    assert!(
        holds(&fs::read(installation.mirror()).expect("read")),
        "as in the mirror"
    );
    assert_eq!(
        (mode(&copy), bytes[18]),
        (0o600, 1),
        "private, and without a log"
    );

    let inode = || fs::metadata(&copy).expect("there").ino();
    let first = inode();
    installation.sync().assert_ok("nothing changed");
    assert_eq!(inode(), first);
    server.edit("users", |list| list.push(user(60, 1)));
    let ran = installation.run(&["sync", "--dry-run", "--json"]);
    assert_eq!((ran.code, inode()), (Some(0), first), "a dry run: {ran:?}");
    installation.sync().assert_ok("one more");
    assert_eq!(rows(), 61);
    let status = installation.run(&["status"]);
    let line = format!("The copy is {}, written at ", copy.display());
    assert!(
        status.out.contains(&line) && status.out.contains("UTC with run 3.\n"),
        "{status:?}"
    );

    // A job drops a column: the copy follows without a change of rows.
    let job = format!(
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n[stream.users]\ndrop = [\"phone\"]\n"
    );
    let phone = "SELECT count(*) FROM pragma_table_info('own_users') WHERE name = 'phone'";
    if queries::one::<u64>(&copy, phone) == 1 {
        installation.write("jobs/roster.toml", &job);
        installation.sync().assert_ok("without a column");
        assert_eq!(queries::one::<u64>(&copy, phone), 0);
    }

    // The folder is taken away: the run is as good as ever.
    fs::remove_dir_all(copy.parent().expect("a folder")).expect("removed");
    fs::write(copy.parent().expect("a folder"), "in the way").expect("written");
    let ran = installation.sync().assert_ok("without a copy");
    assert!(ran.err.contains("could not write the copy: "), "{ran:?}");
    let status = installation.run(&["status"]);
    assert!(status.out.contains("• store.copy: "), "{status:?}");
    fs::remove_file(copy.parent().expect("a folder")).expect("removed");
    installation.sync().assert_ok("with a copy again");
    let status = installation.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["copy"]["message"], Value::Null);
    assert_eq!(rows(), 61);

    // Another path: the old one is named.
    configure(&installation, "[store.copy]\npath = \"other.db\"");
    installation.sync().assert_ok("to another file");
    let status = installation.run(&["status"]);
    let old = format!("• {} is no longer written; delete it", copy.display());
    assert!(
        status
            .out
            .replace('\n', " ")
            .replace("  ", "")
            .contains(&old),
        "{status:?}"
    );
}

/// A daemon with a copy whose folder is missing, and an admin's webhook.
#[test]
fn the_daemon_alerts_once_that_there_is_no_copy_and_once_that_there_is() {
    let server = Server::of_users(Paging::TotalInHeader, users(3));
    let installation = Installation::new(&server, &Config::default());
    let (address, alerts) = webhook(0);
    let path = installation.path("away/copy.db");
    configure(
        &installation,
        &format!(
            "[store.copy]\npath = {:?}",
            installation.path("away/below/copy.db")
        ),
    );
    let text = fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let webhook = "[alerts]\n[alerts.webhook]\nurl = { file = \"webhook\" }\n";
    installation.write("config/rollbook.toml", &format!("{text}{webhook}"));
    installation.secret("webhook", &address);
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let next = || {
        alerts
            .recv_timeout(crate::server::WAIT_LIMIT)
            .expect("an alert")
    };
    let alert = next();
    assert!(alert.to_string().contains("store.copy"), "{alert}");
    assert!(alert.to_string().contains("was never written"), "{alert}");
    fs::create_dir_all(service.installation.path("away/below")).expect("made");
    let part = service.installation.path("away/below/.copy.db.part");
    fs::write(&part, "half a copy of a process that was killed").expect("written");
    // Any run leads to the next attempt.
    let mut command = service.installation.command(&["sync", "roster"]);
    command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
    let ran = service.installation.start(command).end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let alert = next();
    assert!(alert.to_string().contains("is written again"), "{alert}");
    let copy = service.installation.path("away/below/copy.db");
    assert_eq!(
        queries::one::<u64>(&copy, "SELECT count(*) FROM own_users"),
        3
    );
    assert!(!part.exists() && !path.exists());
    service.stop();
}
