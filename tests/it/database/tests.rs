//! The servers and the proxy themselves.

use std::env;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::client::NULL;
use super::folder::Folder;
use super::programs::Programs;
use super::{AUTHORITY, Bouncer, Database, Fault, Proxy, Server, psql};
use crate::server::WAIT_LIMIT;

/// A table `t` with the column `n`.
fn with_table(server: &Server) -> Database {
    let database = server.database();
    database.execute("CREATE TABLE t (n integer)");
    database
}

fn numbers(database: &Database) -> Vec<Vec<String>> {
    database.query("SELECT n FROM t ORDER BY n")
}

/// Long enough for an answer that should not come.
const SHORT: Duration = Duration::from_millis(100);

/// A client that has asked for TLS, which a server answers with one byte before all else.
fn connect(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    stream
        .write_all(b"\0\0\0\x08\x04\xd2\x16\x2f")
        .expect("sent");
    stream
}

fn is_answered(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).expect("set");
    let mut answer = [0];
    stream.read(&mut answer).is_ok_and(|read| read == 1) && &answer == b"S"
}

fn is_cut(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

const USES_TLS: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[test]
fn a_database_answers_in_each_way() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let verified = format!("?sslmode=verify-full&sslrootcert={AUTHORITY}");
    for (url, uses_tls) in [
        (database.url.clone() + "?sslmode=disable", "f"),
        (database.socket_url(), "f"),
        (database.url_of_certificate() + &verified, "t"),
    ] {
        assert_eq!(
            psql(&url, USES_TLS),
            Ok(vec![vec![uses_tls.to_owned()]]),
            "{url}"
        );
    }
    for (url, problem) in [
        (database.url.clone() + &verified, "does not match host name"),
        (
            database.url_of_certificate() + "?sslmode=verify-full",
            "root certificate file",
        ),
        (
            database.url.replace(&database.password, "wrong"),
            "authentication failed",
        ),
    ] {
        let error = psql(&url, USES_TLS).expect_err(&url);
        assert!(error.contains(problem), "{url}: {error}");
    }
}

#[test]
fn a_database_is_the_test_s_own() {
    let Some(server) = Server::get() else { return };
    let [one, other] = [with_table(server), with_table(server)];
    one.execute("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)");
    assert_eq!(numbers(&one), [["1"], ["2"]]);
    assert_eq!(numbers(&other), Vec::<Vec<String>>::new());
    let role = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user";
    assert_eq!(one.query(role), [[&one.name, "f"]]);
    let superuser = psql(
        &one.superuser_url,
        "SELECT current_database(), current_user",
    );
    assert_eq!(
        superuser,
        Ok(vec![vec![one.name.clone(), "postgres".to_owned()]])
    );
    assert!(server.log().contains("INSERT INTO t VALUES (2)"));
}

#[test]
fn texts_are_read_as_they_are() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let rows = database.query(
        "SELECT * FROM (VALUES (E'a\\nb', '|', 'x,\"y\"'), ('', NULL, E'\\\\N'), ('é', E'\\t', '\n')) AS v",
    );
    let expected = [
        ["a\nb", "|", "x,\"y\""],
        ["", NULL, NULL],
        ["é", "\t", "\n"],
    ];
    assert_eq!(rows, expected);
    assert_eq!(database.query("SELECT ''"), [[""]]);
}

#[test]
fn no_session_outlives_a_transaction_in_pgbouncer() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let Some(bouncer) = server.pgbouncer(&database) else {
        return;
    };
    assert_eq!(
        psql(&bouncer.url, "SELECT 1"),
        Ok(vec![vec!["1".to_owned()]])
    );
    let kept = "CREATE TEMPORARY TABLE kept AS SELECT 1; SELECT * FROM kept";
    let error = psql(&bouncer.url, kept).expect_err("a session was kept");
    assert!(error.contains("\"kept\" does not exist"), "{error}");
    let whole = "BEGIN; CREATE TEMPORARY TABLE kept AS SELECT 1; SELECT * FROM kept; COMMIT";
    assert_eq!(psql(&bouncer.url, whole), Ok(vec![vec!["1".to_owned()]]));
    let by_name = database.url_at("localhost", bouncer.port());
    let verified = format!("{by_name}?sslmode=verify-full&sslrootcert={AUTHORITY}");
    assert_eq!(psql(&verified, "SELECT 2"), Ok(vec![vec!["2".to_owned()]]));
    let port = bouncer.port();
    assert!(bouncer.log().contains("login attempt"), "{}", bouncer.log());
    drop(bouncer);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
}

#[test]
fn a_server_of_its_own_stops_dies_and_goes_back() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let database = with_table(&server);
    let refused = || psql(&database.url, "SELECT 1").expect_err("it runs");

    database.execute("INSERT INTO t VALUES (1)");
    server.backup();
    database.execute("INSERT INTO t VALUES (2)");
    server.kill();
    assert!(refused().contains("Connection refused"));
    server.start();
    assert_eq!(numbers(&database), [["1"], ["2"]]);
    server.restore();
    assert_eq!(numbers(&database), [["1"]]);

    server.pause();
    let mut client = connect(server.port());
    assert!(!is_answered(&mut client, SHORT));
    server.resume();
    assert!(is_answered(&mut client, WAIT_LIMIT));

    server.pause();
    server.stop();
    assert!(refused().contains("Connection refused"));
    server.start();
    server.kill(); // its shared memory ends with the folder
}

#[test]
fn a_proxy_breaks_connections() {
    let Some(server) = Server::get() else { return };
    let database = with_table(server);
    let proxy = Proxy::start(server.port());
    let url = proxy.url(&database);
    let insert = |number: u32| {
        psql(
            &url,
            &format!("BEGIN; INSERT INTO t VALUES ({number}); COMMIT"),
        )
    };

    insert(1).expect("forwarded");
    let (to_server, to_client) = proxy.forwarded();
    assert!(
        to_server > 100 && to_client > 100,
        "{to_server} {to_client}"
    );

    proxy.set_once(Fault::LoseCommit);
    let error = insert(2).expect_err("the answer is lost");
    assert!(
        error.contains("closed the connection unexpectedly"),
        "{error}"
    );
    assert_eq!(numbers(&database), [["1"], ["2"]]);
    insert(3).expect("forwarded again");
    assert_eq!(proxy.strikes(), 1);

    for fault in [
        Fault::CutToServer(0),
        Fault::CutToServer(20),
        Fault::CutToClient(0),
        Fault::CutToClient(to_client / 2),
    ] {
        proxy.set(fault);
        for _ in 0..2 {
            insert(4).expect_err("it is cut");
        }
        match (fault, proxy.forwarded()) {
            (Fault::CutToServer(limit), (forwarded, _))
            | (Fault::CutToClient(limit), (_, forwarded)) => assert_eq!(forwarded, 2 * limit),
            _ => unreachable!(),
        }
    }
    assert_eq!(proxy.strikes(), 9);

    proxy.set(Fault::Refuse);
    let error = insert(5).expect_err("refused");
    assert!(error.contains("Connection refused"), "{error}");
    proxy.set(Fault::None);
    insert(6).expect("forwarded again");
    assert_eq!(numbers(&database), [["1"], ["2"], ["3"], ["6"]]);
}

#[test]
fn a_silent_proxy_never_answers() {
    let Some(server) = Server::get() else { return };
    let proxy = Proxy::start(server.port());
    let mut open = connect(proxy.port());
    assert!(is_answered(&mut open, WAIT_LIMIT));
    proxy.set(Fault::HalfOpen);
    open.write_all(b"no handshake, which ends a connection")
        .expect("sent");
    let mut silent = connect(proxy.port());
    for stream in [&mut open, &mut silent] {
        stream.set_read_timeout(Some(SHORT)).expect("set");
        let error = stream.read(&mut [0]).expect_err("neither answered nor cut");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    let started = Instant::now();
    while proxy.strikes() == 0 {
        assert!(started.elapsed() < WAIT_LIMIT, "not accepted");
        std::thread::yield_now();
    }
    for stream in [&mut open, &mut silent] {
        stream.set_read_timeout(Some(WAIT_LIMIT)).expect("set");
    }
    proxy.set(Fault::None);
    for stream in [&mut open, &mut silent] {
        assert!(is_cut(stream));
    }
    let mut open = connect(proxy.port());
    assert!(is_answered(&mut open, WAIT_LIMIT));
    proxy.cut();
    assert!(is_cut(&mut open));
}

/// Set for a process of these tests that waits to be killed.
const WAITS: &str = "ROLLBOOK_TEST_WAITS_TO_BE_KILLED";

#[test]
fn no_server_outlives_tests_that_are_killed() {
    if env::var_os(WAITS).is_some() {
        return wait_to_be_killed();
    }
    if Programs::get().is_none() {
        return;
    }
    let name = "database::tests::no_server_outlives_tests_that_are_killed";
    let mut tests = Command::new(env::current_exe().expect("a path"))
        .args(["--exact", name, "--nocapture"])
        .env(WAITS, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(tests.stdout.take().expect("piped")).lines();
    let lines = lines.map(|line| line.expect("a line"));
    let line = lines
        .filter_map(|line| Some(line.split_once("servers: ")?.1.to_owned()))
        .next();
    let line = line.expect("the servers");
    let (folder, ports) = line.split_once(' ').expect("ports");
    assert!(Path::new(folder).exists());
    tests.kill().expect("killed");
    tests.wait().expect("ended");
    let killed = Instant::now();
    while Path::new(folder).exists() {
        assert!(killed.elapsed() < WAIT_LIMIT, "{folder} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    for port in ports.split(' ') {
        let port: u16 = port.parse().expect("a port");
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
            "{port}"
        );
    }
}

/// With a server that runs, one that is paused, and PgBouncer.
fn wait_to_be_killed() {
    let [server, mut paused] = [(); 2].map(|()| Server::own().expect("a server"));
    let bouncer = server.pgbouncer(&server.database());
    paused.pause();
    let folder = Folder::get().expect("a folder").path.display();
    let (server, paused) = (server.port(), paused.port());
    let bouncer = bouncer.as_ref().map_or(server, Bouncer::port);
    println!("servers: {folder} {server} {paused} {bouncer}");
    let _ = std::io::stdin().read(&mut [0]);
}
