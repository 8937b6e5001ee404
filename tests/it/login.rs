//! `rollbook login` from outside: the real program, a browser and an authorization server of the tests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;

use crate::authority::{Authority, CLIENT, Faults};
use crate::browser::get;
use crate::installation::{Finished, Installation, NO_TICK, SECRET};
use crate::privacy::is_in;
use crate::queries;
use crate::server::WAIT_LIMIT;

/// An installation with a source that signs in at this server, with further lines of its `auth`.
pub fn installation(authority: &Authority, auth: &str) -> Installation {
    let (installation, origin) = (Installation::empty(), authority.origin());
    installation.write(
        "config/connectors/own.toml",
        &format!(
            "connector = \"own\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n\
             [auth.authorization_code]\nauthorize_url = \"{origin}/authorize\"\ntoken_url = \"{origin}/token\"\n\
             client_auth = \"post\"\nscope = \"a_read b_read\"\n"
        ),
    );
    installation.write(
        "config/rollbook.toml",
        &format!(
            "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{origin}/v1p1\"\n\
             token_url = \"{origin}/token\"\n[sources.own.auth]\ngrant = \"authorization_code\"\n\
             client_id = \"{CLIENT}\"\nclient_secret = {{ file = \"secret\" }}\n{auth}"
        ),
    );
    installation.write(
        "jobs/roster.toml",
        &format!("source = \"own\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n"),
    );
    installation.secret("secret", SECRET);
    installation
}

/// `rollbook login own` while it waits.
pub struct PendingLogin {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    printed: String,
    /// The address to open.
    address: String,
}

impl PendingLogin {
    pub fn start(installation: &Installation, options: &[&str]) -> Self {
        let arguments = [&["login", "own"], options].concat();
        let mut child = installation
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut printed = String::new();
        let address = loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).expect("read") == 0 {
                let mut err = String::new();
                let _ = child.stderr.take().expect("piped").read_to_string(&mut err);
                panic!("no address was printed: {printed}{err}");
            }
            printed.push_str(&line);
            let start = line
                .find("http://127.0.0.1")
                .filter(|_| line.contains("/authorize?"));
            if let Some(start) = start {
                let end = |c: char| c.is_whitespace() || c == '"';
                break line[start..]
                    .split(end)
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        };
        Self {
            child,
            stdin,
            stdout,
            printed,
            address,
        }
    }

    /// The address at which the browser ends.
    pub fn browse(&self) -> String {
        get(&self.address).location().to_owned()
    }

    /// Pastes a line, and waits for the end.
    pub fn paste(mut self, line: &str) -> Finished {
        let _ = writeln!(self.stdin, "{line}"); // it may have ended already
        self.end()
    }

    /// Waits for the end; what was printed before counts as output, without the address itself.
    fn end(mut self) -> Finished {
        drop(self.stdin);
        self.stdout.read_to_string(&mut self.printed).expect("read");
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut err).expect("read");
        let status = self.child.wait().expect("ended");
        Finished {
            code: status.code(),
            out: self.printed.replace(&self.address, ""),
            err,
            took: std::time::Duration::ZERO,
        }
    }
}

/// No secret of the server, of the client or of the attempt is in the output.
fn assert_no_secret(name: &str, ran: &Finished, authority: &Authority) {
    for secret in authority
        .secrets()
        .iter()
        .map(String::as_str)
        .chain([SECRET])
    {
        for (stream, text) in [("out", &ran.out), ("err", &ran.err)] {
            assert!(
                !is_in(secret, text.as_bytes()),
                "{name}: {secret} in {stream}: {text}"
            );
        }
    }
}

#[test]
fn a_login_by_paste_of_each_accepted_form() {
    let authority = Authority::start(&[]);
    let parts = |ended: &str| -> (String, String) {
        let (_, query) = ended.split_once('?').expect("parameters");
        let code = crate::wire::query(query)["code"].clone();
        (query.to_owned(), code)
    };
    for what in [
        "address",
        "quoted address",
        "parameters",
        "code",
        "code, no secret in the log",
    ] {
        let installation = installation(&authority, "");
        let options: &[&str] = match what {
            "code, no secret in the log" => &["--paste", "-vv"],
            _ => &["--paste"],
        };
        let pending = PendingLogin::start(&installation, options);
        let ended = pending.browse();
        assert!(
            ended.starts_with("http://127.0.0.1:8765/callback?"),
            "{ended}"
        );
        let (query, code) = parts(&ended);
        let ran = pending.paste(&match what {
            "address" => ended.clone(),
            "quoted address" => format!("  '{ended}' "),
            "parameters" => query,
            _ => code,
        });
        assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
        assert!(
            ran.out.contains("Signed in to own at 127.0.0.1:"),
            "{what}: {ran:?}"
        );
        assert!(
            ran.out.contains("Granted: a_read b_read\n"),
            "{what}: {ran:?}"
        );
        assert!(
            ran.out
                .contains("Tokens are renewed automatically from now on"),
            "{what}: {ran:?}"
        );
        assert_no_secret(what, &ran, &authority);
        // The token of the login is used as it is; no further request is sent.
        installation.sync().assert_ok(what);
    }
    let requests = authority.token_requests();
    assert_eq!(requests, vec![("authorization_code".to_owned(), 200); 5]);
}

#[test]
fn a_login_by_a_script() {
    let authority = Authority::start(&["https://school.example/rollbook/"]);
    authority.set_faults(Faults {
        scope: Some("b_read c_read"),
        ..Faults::default()
    });
    let installation = installation(
        &authority,
        "redirect_url = \"https://school.example/rollbook/\"\n",
    );
    let pending = PendingLogin::start(&installation, &["--paste", "--json"]);
    let ended = pending.browse();
    assert!(
        ended.starts_with("https://school.example/rollbook/?"),
        "{ended}"
    );
    let ran = pending.paste(&ended);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut objects = serde_json::Deserializer::from_str(&ran.out).into_iter::<Value>();
    let mut next = || objects.next().expect("an object").expect("JSON");
    let (start, end) = (next(), next());
    assert_eq!(start["redirect_url"], "https://school.example/rollbook/");
    assert_eq!(end["source"], "own");
    assert_eq!(end["client_id"], CLIENT);
    assert_eq!(end["granted"], serde_json::json!(["b_read", "c_read"]));
    assert_eq!(end["not_granted"], serde_json::json!(["a_read"]));
    assert_eq!(
        (&end["renews"], &end["ends"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert_no_secret("json", &ran, &authority);
}

#[test]
fn a_login_without_a_refresh_token_warns_and_lasts_until_expiry() {
    let authority = Authority::start(&[]);
    authority.set_faults(Faults {
        no_refresh: true,
        ..Faults::default()
    });
    let installation = installation(&authority, "");
    let pending = PendingLogin::start(&installation, &["--paste"]);
    let ended = pending.browse();
    let ran = pending.paste(&ended);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("cannot be renewed, because the vendor issued no refresh token"),
        "{ran:?}"
    );
    installation.sync().assert_ok("while it lasts");
    authority.revoke();
    let (outcome, message) = installation.sync().outcome_and_message();
    assert_eq!(outcome, "parked", "{message}");
    assert!(message.ends_with("run `rollbook login own`"), "{message}");
}

#[test]
fn before_the_login_jobs_are_parked() {
    let authority = Authority::start(&[]);
    let installation = installation(&authority, "");
    let parked = |why: &str| {
        let (outcome, message) = installation.sync().outcome_and_message();
        assert_eq!(outcome, "parked", "{why}: {message}");
        assert!(
            message.ends_with("run `rollbook login own`"),
            "{why}: {message}"
        );
    };
    parked("before the first sign-in");
    let sign_in = || {
        let pending = PendingLogin::start(&installation, &["--paste"]);
        let ended = pending.browse();
        assert_eq!(pending.paste(&ended).code, Some(0));
    };
    sign_in();
    installation.sync().assert_ok("signed in");
    authority.revoke();
    parked("revoked at the vendor");
    let refused = [("refresh_token".to_owned(), 400)];
    assert!(
        authority.token_requests().ends_with(&refused),
        "{:?}",
        authority.token_requests()
    );
    sign_in();
    installation.sync().assert_ok("signed in again");

    // The client is another one now: the token of the previous one is not valid for it.
    let text = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write(
        "config/rollbook.toml",
        &text.replace("\"rollbook\"", "\"other\""),
    );
    let before = authority.token_requests().len();
    parked("another client");
    assert_eq!(authority.token_requests().len(), before, "no token is sent");
}

#[test]
fn the_daemon_continues_after_a_login() {
    let authority = Authority::start(&[]);
    let installation = installation(&authority, "");
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    let daemon = installation.start(installation.command(&["run"]));
    let until = |sql: &str, what: &str| {
        let started = std::time::Instant::now();
        while !installation.mirror().exists()
            || queries::maybe(&installation.mirror(), sql) != Some(1)
        {
            assert!(started.elapsed() < WAIT_LIMIT, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked LIKE '%`rollbook login own`'";
    until(parked, "the job is parked");
    assert!(authority.token_requests().is_empty());
    let pending = PendingLogin::start(&installation, &["--paste"]);
    let ended = pending.browse();
    assert_eq!(pending.paste(&ended).code, Some(0));
    until("SELECT count(*) FROM own_users", "the job reads again");
    until(
        "SELECT count(*) FROM rollbook_jobs WHERE parked IS NULL",
        "nothing is parked",
    );
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(
        authority.token_requests(),
        [("authorization_code".to_owned(), 200)]
    );
}

#[test]
fn invalid_redirects_and_token_responses() {
    let error = |error| Faults {
        error: Some(error),
        ..Faults::default()
    };
    let back = |back| Faults {
        back: Some(back),
        ..Faults::default()
    };
    let token = |status, body| Faults {
        token: Some((status, body)),
        ..Faults::default()
    };
    for (name, wrong, messages) in [
        (
            "denied",
            error("access_denied"),
            "refused the sign-in (access_denied): the person declined",
        ),
        ("scope", error("invalid_scope"), "change `scope`"),
        (
            "redirect",
            error("invalid_ressource"),
            "`redirect_url` is not the registered one",
        ),
        (
            "a word of its own",
            error("canary_word"),
            "with an unknown error code",
        ),
        (
            "another state",
            back("code={code}&state=other"),
            "its state belongs to another sign-in",
        ),
        ("no state", back("code={code}"), "it has no state"),
        (
            "no code",
            back("state={state}"),
            "neither a code nor an error",
        ),
        (
            "two codes",
            back("code={code}&code=x&state={state}"),
            "contains a parameter more than once",
        ),
        (
            "two states",
            back("code={code}&state={state}&state={state}"),
            "contains a parameter more than once",
        ),
        (
            "a code of blanks",
            back("code=a%20b&state={state}"),
            "no usable code",
        ),
        (
            "another code",
            back("code=0ther-c0de-of-none&state={state}"),
            "(400, invalid_grant): the code is used up",
        ),
        (
            "unknown client",
            token(
                401,
                r#"{"error":"invalid_client","error_description":"{all}"}"#,
            ),
            "check client_id, client_secret",
        ),
        (
            "an odd refusal",
            token(400, r#"{"error":"{all}"}"#),
            "returned 400 with JSON that is no token response in place of a token",
        ),
        (
            "html",
            token(200, "<html>{all}"),
            "returned 200 with a web page in place of a token",
        ),
        (
            "empty",
            token(200, ""),
            "with an empty body in place of a token",
        ),
        (
            "no token",
            token(200, r#"{"refresh_token":"{all}"}"#),
            "with JSON that has no access_token as text in place of a token",
        ),
        ("a fault", token(500, "{all}"), "returned 500"),
        ("redirected", token(302, "{all}"), "returned 302"),
    ] {
        let authority = Authority::start(&[]);
        authority.set_faults(wrong);
        let installation = installation(&authority, "");
        let pending = PendingLogin::start(&installation, &["--paste", "-vv"]);
        let ended = pending.browse();
        let ran = pending.paste(&ended);
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.err.contains(messages), "{name}: {ran:?}");
        assert!(ran.err.contains("sign in to own: "), "{name}: {ran:?}");
        assert!(!ran.err.contains("canary"), "{name}: {ran:?}");
        assert_no_secret(name, &ran, &authority);
        assert!(
            authority.token_requests().len() <= 1,
            "{name}: a code is sent once"
        );
        let (outcome, _) = installation.sync().outcome_and_message();
        assert_eq!(outcome, "parked", "{name}: nothing was stored");
    }
}

#[test]
fn a_login_by_a_browser_on_this_machine() {
    // Below those that the kernel gives to the sockets of other tests.
    let mut ports =
        (20_000..30_000).filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let mut free = || ports.next().expect("a free port");
    let registered = format!("http://127.0.0.1:{}", free());
    for (name, redirects, auth, options) in [
        ("any port", vec![], String::new(), vec![]),
        (
            "a port of the command",
            vec![],
            String::new(),
            vec!["--port".to_owned(), free().to_string()],
        ),
        (
            "a registered address, to the letter",
            vec![registered.as_str()],
            format!("redirect_url = \"{registered}\"\n"),
            vec![],
        ),
    ] {
        let authority = Authority::start(&redirects);
        let installation = installation(&authority, &auth);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let pending = PendingLogin::start(&installation, &options);
        let ended = pending.browse();
        let origin = ended[..ended.find('?').expect("parameters")].to_owned();
        // Requests of others change nothing.
        let rest = origin.trim_start_matches("http://");
        let host = rest.split('/').next().expect("a host").to_owned();
        let icon = get(&format!("http://{host}/favicon.ico"));
        assert_eq!(icon.status, 404, "{name}");
        let (_, query) = ended.split_once('?').expect("parameters");
        let wrong_state = query.replace("state=", "state=x");
        let without_code = "error=access_denied";
        for parameters in [wrong_state.as_str(), without_code, "", "code=a"] {
            let shown = get(&format!("{origin}?{parameters}"));
            assert_eq!(shown.status, 400, "{name}: {shown:?}");
            assert!(
                shown.body.contains("belongs to another sign-in"),
                "{name}: {shown:?}"
            );
        }
        assert_eq!(crate::browser::send(&ended, "POST").status, 405, "{name}");
        let shown = get(&ended);
        assert_eq!(shown.status, 200, "{name}: {shown:?}");
        assert!(shown.body.contains("Sign-in finished"), "{name}: {shown:?}");
        assert_eq!(shown.headers["cache-control"], "no-store");
        assert!(
            !shown.body.contains("http"),
            "nothing from outside: {shown:?}"
        );
        let ran = pending.end();
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(
            ran.out.contains("Granted: a_read b_read\n"),
            "{name}: {ran:?}"
        );
        assert_no_secret(name, &ran, &authority);
        assert!(
            std::net::TcpStream::connect(host).is_err(),
            "{name}: the listener is closed"
        );
        installation.sync().assert_ok(name);
    }
}

#[test]
fn a_refusal_by_the_browser_ends_the_wait() {
    let authority = Authority::start(&[]);
    authority.set_faults(Faults {
        error: Some("access_denied"),
        ..Faults::default()
    });
    let installation = installation(&authority, "");
    let pending = PendingLogin::start(&installation, &["-vv"]);
    let shown = get(&pending.browse());
    assert!(shown.body.contains("Sign-in refused"), "{shown:?}");
    let ran = pending.end();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err.contains("refused the sign-in (access_denied)"),
        "{ran:?}"
    );
    assert_no_secret("refused", &ran, &authority);
    assert!(authority.token_requests().is_empty());
}

#[test]
fn a_port_that_is_taken() {
    let authority = Authority::start(&[]);
    let installation = installation(&authority, "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ran = installation.run(&["login", "own", "--port", &port]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err
            .contains("stop the program that uses it, or add --paste"),
        "{ran:?}"
    );
    let config = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let elsewhere = "redirect_url = \"https://school.example/\"\n";
    installation.write("config/rollbook.toml", &format!("{config}{elsewhere}"));
    let ran = installation.run(&["login", "own"]);
    assert!(
        ran.err.contains("which is not on loopback; add --paste"),
        "{ran:?}"
    );
}

/// An installation with a source that has an issuer and no other address.
pub fn installation_of_issuer(authority: &Authority) -> Installation {
    let installation = installation(
        authority,
        "token_url = \"\"\nauthorize_url = \"\"\nscope = \"openid a_read\"\n",
    );
    let config = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let issuer = format!("issuer = \"{}/op\"\n", authority.origin());
    installation.write("config/rollbook.toml", &format!("{config}{issuer}"));
    installation
}

#[test]
fn a_login_by_an_issuers_document() {
    let authority = Authority::start(&[]);
    let installation = installation_of_issuer(&authority);
    let pending = PendingLogin::start(&installation, &[]);
    let shown = get(&pending.browse());
    assert!(shown.body.contains("Sign-in finished"), "{shown:?}");
    let ran = pending.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("Granted: openid a_read\n"), "{ran:?}");
    assert_no_secret("issuer", &ran, &authority);
    installation.sync().assert_ok("signed in");
}

#[test]
fn invalid_issuer_documents() {
    let document = |name, text| Faults {
        document: Some((name, text)),
        ..Faults::default()
    };
    let claim = |name, text| Faults {
        claim: Some((name, text)),
        ..Faults::default()
    };
    let back = |back| Faults {
        back: Some(back),
        ..Faults::default()
    };
    let before = [
        (
            "another issuer",
            document("issuer", r#""{origin}/OP""#),
            "both must be identical",
        ),
        (
            "a foreign endpoint",
            document("token_endpoint", r#""https://evil.example/token""#),
            "has its token_endpoint at `https://evil.example`",
        ),
        (
            "no proof keys",
            document("code_challenge_methods_supported", r#"["plain"]"#),
            "does not list the PKCE method S256",
        ),
        (
            "no start",
            document("authorization_endpoint", "null"),
            "has an authorization endpoint",
        ),
    ];
    for (name, wrong, messages) in before {
        let authority = Authority::start(&[]);
        authority.set_faults(wrong);
        let ran = installation_of_issuer(&authority).run(&["login", "own"]);
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.err.contains(messages), "{name}: {ran:?}");
    }
    for (name, wrong, messages) in [
        (
            "another issuer",
            claim("iss", r#""https://evil.example""#),
            "the id token is not from",
        ),
        (
            "another client",
            claim("aud", r#""other""#),
            "for another client",
        ),
        ("out of date", claim("exp", "1000000000"), "has expired"),
        (
            "another nonce",
            claim("nonce", r#""other""#),
            "its nonce differs",
        ),
        ("no nonce", claim("nonce", "null"), "has no nonce"),
        (
            "no id token",
            Faults {
                no_id_token: true,
                ..Faults::default()
            },
            "none was received",
        ),
        (
            "a mix-up",
            back("code={code}&state={state}&iss=https%3A%2F%2Fevil.example"),
            "is from another server than",
        ),
        (
            "no iss",
            back("code={code}&state={state}"),
            "although that server always does",
        ),
    ] {
        let authority = Authority::start(&[]);
        authority.set_faults(wrong);
        let installation = installation_of_issuer(&authority);
        let pending = PendingLogin::start(&installation, &["--paste", "-vv"]);
        let ended = pending.browse();
        let ran = pending.paste(&ended);
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.err.contains(messages), "{name}: {ran:?}");
        assert_no_secret(name, &ran, &authority);
        assert_eq!(
            installation.sync().outcome_and_message().0,
            "parked",
            "{name}: nothing was stored"
        );
    }
    let authority = Authority::start(&[]);
    let installation = installation_of_issuer(&authority);
    let pending = PendingLogin::start(&installation, &["--paste"]);
    let ended = pending.browse();
    let (_, query) = ended.split_once('?').expect("parameters");
    let ran = pending.paste(&crate::wire::query(query)["code"]);
    assert_eq!(ran.code, Some(0), "a code alone is accepted: {ran:?}");
}

#[test]
fn sources_without_a_login() {
    let authority = Authority::start(&[]);
    let installation = installation(&authority, "");
    for (name, arguments, code, messages) in [
        (
            "unknown",
            &["login", "owm"][..],
            2,
            "there is no source `owm`: did you mean `own`",
        ),
        ("port 0", &["login", "own", "--port", "0"], 2, "--port"),
    ] {
        let ran = installation.run(arguments);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        assert!(ran.err.contains(messages), "{name}: {ran:?}");
    }
    let config = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    for (name, from, to, messages) in [
        (
            "parameters",
            "client_id",
            "redirect_url = \"https://school.example/?a=b\"\nclient_id",
            "must not have a query or a fragment",
        ),
        (
            "plain http",
            "client_id",
            "redirect_url = \"http://school.example/\"\nclient_id",
            "must be https",
        ),
        (
            "a missing secret",
            "\"secret\"",
            "\"nowhere\"",
            "secret file `nowhere` is missing",
        ),
        (
            "a plain address",
            "client_id",
            "authorize_url = \"http://school.example/\"\nclient_id",
            "authorize_url must be https",
        ),
        (
            "two ports",
            "client_id",
            "redirect_url = \"http://127.0.0.1:4711/\"\nclient_id",
            "redirect_url contains the port",
        ),
    ] {
        installation.write("config/rollbook.toml", &config.replacen(from, to, 1));
        let ran = installation.run(&["login", "own", "--paste", "--port", "4712"]);
        assert!(
            ran.code == Some(1) || ran.code == Some(2),
            "{name}: {ran:?}"
        );
        assert!(ran.err.contains(messages), "{name}: {ran:?}");
    }
    assert!(authority.token_requests().is_empty());
}
