//! Which keys of `auth` belong to which grant, and which grants are never used.
//!
//! What the vendor offers is checked in `setup/grants.rs`. Works on the tree, so that other mistakes in the file do not
//! hide these.

use rollbook_core::document::node::{NodeKind, TableEntry};
use rollbook_core::document::suggest::{listed, quoted};
use rollbook_core::document::{Location, Node, Problem, Problems};
use rollbook_core::model::GrantKind;

/// The key that names the grant of a source.
const GRANT: &[&str] = &["auth", "grant"];

/// Keys that a grant requires, and keys that it may use besides its endpoint's quirks.
fn keys(grant: GrantKind) -> (&'static [&'static str], &'static [&'static str]) {
    match grant {
        GrantKind::ClientCredentials => (&["client_id", "client_secret"], &["api_key"]),
        GrantKind::Password => (
            &["username", "password"],
            &["client_id", "client_secret", "api_key"],
        ),
        GrantKind::RefreshToken => (
            &["client_id"],
            &["client_secret", "refresh_token", "api_key"],
        ),
        GrantKind::AuthorizationCode => (&["client_id"], &["client_secret", "api_key"]),
        GrantKind::JwtBearer => (
            &[],
            &[
                "service_account",
                "private_key",
                "client_id",
                "key_id",
                "api_key",
            ],
        ),
        GrantKind::ApiKey => (&["api_key"], &["api_secret", "api_key_header"]),
        GrantKind::Oauth1 => (&["client_id", "client_secret"], &[]),
    }
}

/// The quirks of a token endpoint, for every grant that uses one.
const ENDPOINT: [&str; 16] = [
    "issuer",
    "metadata_url",
    "allow_origins",
    "revocation_url",
    "token_url",
    "token_query",
    "token_form",
    "client_auth",
    "body",
    "scope",
    "lifetime",
    "envelope",
    "token_header",
    "members",
    "api_key_header",
    "api_key_member",
];

/// The quirks of a sign-in by browser.
const BROWSER: [&str; 4] = ["authorize_url", "authorize_query", "redirect_url", "pkce"];

/// What is in an assertion.
const ASSERTION: [&str; 3] = ["audience", "claims", "assertion_lifetime"];

const CREDENTIALS: [&str; 10] = [
    "client_id",
    "client_secret",
    "username",
    "password",
    "refresh_token",
    "api_key",
    "api_secret",
    "service_account",
    "private_key",
    "key_id",
];

/// Known, and no [`GrantKind`]: it is never used.
const IMPLICIT: &str = "implicit";

/// What is wrong with the grants of the sources.
pub fn check(sources: &[TableEntry]) -> Problems {
    let mut problems = Problems::new();
    problems.extend(legacy(sources));
    problems.extend(deprecated(sources));
    for source in sources {
        problems.append(check_keys(&source.value));
    }
    problems
}

/// What is missing from a source's `auth`, and what is not used by its grant.
fn check_keys(source: &Node) -> Problems {
    let mut problems = Problems::new();
    let (Some(auth), Some(grant)) = (source.at(&["auth"]), grant_of(source)) else {
        return problems;
    };
    let location = || source.nearest_location(GRANT);
    if let Some(pkce) = auth
        .at(&["pkce"])
        .filter(|pkce| matches!(pkce.kind(), NodeKind::Boolean(false)))
    {
        problems.push(unproven(pkce.location()));
    }
    let (needed, useful) = keys(grant);
    for key in needed.iter().filter(|key| auth.at(&[key]).is_none()) {
        let message = format!("the grant `{grant}` needs the key {}", quoted(key));
        let example = match *key {
            "client_id" | "username" => format!("{key} = \"…\""),
            _ => format!("{key} = {{ credential = \"NAME\" }}"),
        };
        problems.push(Problem::error(location(), message).help(format!("add `{example}`")));
    }
    let asks_endpoint = !matches!(grant, GrantKind::ApiKey | GrantKind::Oauth1);
    let asks_person = grant == GrantKind::AuthorizationCode;
    let signs = grant == GrantKind::JwtBearer;
    if signs {
        problems.extend(unsigned(auth, location()));
    }
    for entry in auth.entries() {
        let key = entry.name.as_str();
        let has_use = needed.contains(&key)
            || useful.contains(&key)
            || asks_endpoint && ENDPOINT.contains(&key)
            || asks_person && BROWSER.contains(&key)
            || signs && ASSERTION.contains(&key);
        let is_known = [&CREDENTIALS[..], &ENDPOINT, &BROWSER, &ASSERTION]
            .iter()
            .any(|keys| keys.contains(&key));
        if !has_use && is_known {
            let location = Location::within(entry.value.file(), entry.key.clone());
            let message = format!("{} is not used by the grant `{grant}`", quoted(key));
            let help = format!(
                "remove it; this grant uses {}",
                listed(needed.iter().chain(useful).copied())
            );
            problems.push(Problem::error(location, message).help(help));
        }
    }
    problems
}

/// What an assertion lacks: a key, and with one by itself the name of the client.
fn unsigned(auth: &Node, location: Location) -> Option<Problem> {
    let is_given = |key: &str| auth.at(&[key]).is_some();
    let (message, help) = match (is_given("service_account"), is_given("private_key")) {
        (true, true) => (
            "`private_key` is not used beside `service_account`",
            "remove one of them",
        ),
        (false, false) => (
            "the grant `jwt_bearer` needs a key that signs",
            "add `service_account = { credential = \"NAME\" }`, or `private_key` and `client_id`",
        ),
        (false, true) if !is_given("client_id") => (
            "`private_key` needs the key `client_id`",
            "add `client_id = \"…\"`, the issuer of the assertions",
        ),
        _ => return None,
    };
    Some(Problem::error(location, message).help(help))
}

/// The grant of a source, if it is one.
fn grant_of(source: &Node) -> Option<GrantKind> {
    let written = source.at(GRANT)?.text();
    let mut all = GrantKind::ALL.into_iter();
    all.find(|grant| written == Some(grant.as_str()))
}

/// The problem of an unknown grant, explained where it is one that is never used.
pub fn explained(problem: Problem, sources: &[TableEntry]) -> Problem {
    let is_at = |node: &&Node| problem.location.span == Some(node.span());
    let mut grants = sources.iter().filter_map(|source| source.value.at(GRANT));
    match grants.find(is_at).and_then(Node::text) {
        Some(IMPLICIT) => implicit(problem.location),
        _ => problem,
    }
}

/// Some vendors describe it (wapi.md 2.3); RFC 9700 2.1.2 advises against it everywhere.
fn implicit(location: Location) -> Problem {
    let message = "the grant `implicit` is for scripts in browsers: the token passes through the address bar \
                   and cannot be renewed, so nothing could run unattended";
    Problem::error(location, message).help(
        "write `grant = \"authorization_code\"` and run `rollbook login` once for this source",
    )
}

/// RFC 9700 2.1.1 wants one; fault-catalogue.md 102.
fn unproven(location: Location) -> Problem {
    let message = "without a proof key, anyone who sees the address at which the browser ends can use its code";
    Problem::note(location, message)
        .help("only for a vendor that does not support PKCE with S256; ask it for that")
}

/// RFC 6749 replaced OAuth 1.0, and the standards that had it deprecate it (webuntis-oneroster.md 1.7). Noted once.
fn deprecated(sources: &[TableEntry]) -> Option<Problem> {
    let uses_it = |source: &&TableEntry| grant_of(&source.value) == Some(GrantKind::Oauth1);
    let location = sources.iter().find(uses_it)?.value.nearest_location(GRANT);
    let message = "the grant `oauth1` is deprecated: OAuth 2.0 replaced OAuth 1.0a, and the bodies of the standards that \
                   had it have withdrawn it; it also needs this machine's clock to be right";
    let note = Problem::note(location, message);
    Some(note.help("where the vendor offers another grant, such as `client_credentials`, use that"))
}

/// RFC 9700 2.4 forbids it; some vendors offer little else. Noted once, at the first source that uses it.
fn legacy(sources: &[TableEntry]) -> Option<Problem> {
    let uses_it = |source: &&TableEntry| grant_of(&source.value) == Some(GrantKind::Password);
    let users: Vec<&TableEntry> = sources.iter().filter(uses_it).collect();
    let mut message =
        "the grant `password` is legacy: it needs a person's password on this machine, and ends \
                       when that person changes it or leaves"
            .to_owned();
    if users.len() > 1 {
        let names = listed(users.iter().map(|source| source.name.as_str()));
        message.push_str(&format!("; these sources use it: {names}"));
    }
    let note = Problem::note(users.first()?.value.nearest_location(GRANT), message);
    Some(note.help(
        "where the vendor offers another grant, such as `authorization_code` or `client_credentials`, use that",
    ))
}
