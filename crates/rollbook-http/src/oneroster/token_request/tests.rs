//! Which requests get a token, and why others do not.

use std::time::Duration;

use base64::Engine as _;

use super::*;
use rollbook_core::document::FileText;
use rollbook_core::document::parse::read_with_tree;

const NOW: Duration = Duration::from_secs(5);

fn issuer() -> TokenIssuer {
    let hash = |secret: &str| ClientSecretHash::of(secret).to_string();
    let text = format!(
        "bundle = \"roster\"\n[clients.moodle]\nsecret_sha256 = \"{}\"\n\
         scopes = [\"roster.readonly\", \"roster-demographics.readonly\"]\n\
         [clients.library]\nsecret_sha256 = \"{}\"\nscopes = [\"roster-core.readonly\"]\n",
        hash("right %+é"),
        hash("other")
    );
    let (_, config) =
        read_with_tree::<OneRosterConfig>(&FileText::new("oneroster.toml", &text), &[]);
    let key = AccessKey::new().expect("random numbers");
    TokenIssuer::new(&config.expect("a configuration"), key)
}

/// The scopes of the token, or the error.
fn asked(
    issuer: &TokenIssuer,
    authorization: Option<&str>,
    body: &str,
) -> Result<String, TokenFault> {
    let reply = issuer.issue(authorization.map(str::as_bytes), body.as_bytes(), NOW)?;
    let reply: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let token = reply["access_token"].as_str().expect("a token");
    let access = issuer
        .key()
        .access(token.as_bytes(), NOW)
        .expect("a token of ours");
    assert_eq!(
        access.scopes.names(),
        reply["scope"].as_str().expect("scopes")
    );
    assert_eq!(reply["expires_in"], 3600);
    let short = access
        .scopes
        .names()
        .replace("https://purl.imsglobal.org/spec/or/v1p1/scope/", "");
    Ok(format!("{}: {short}", access.client))
}

#[test]
fn a_client_gets_what_it_has_or_less() {
    let issuer = issuer();
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    let moodle = basic("moodle:right+%25%2B%C3%A9");
    let in_body = "client_id=moodle&client_secret=right+%25%2B%C3%A9";
    let grant = "grant_type=client_credentials";
    let of = |authorization: &str, body: &str| {
        let authorization = (!authorization.is_empty()).then_some(authorization);
        asked(&issuer, authorization, body)
    };
    let all = "moodle: roster.readonly roster-demographics.readonly";
    for (authorization, body, expected) in [
        (moodle.as_str(), grant, all),
        (
            &moodle.replace("Basic", "bAsIc"),
            &format!("{grant}&scope="),
            all,
        ),
        (&moodle, &format!("{grant}&client_id=moodle&x=1"), all),
        ("", &format!("{in_body}&{grant}"), all),
        (
            &moodle,
            &format!("{grant}&scope=roster-core.readonly"),
            "moodle: roster-core.readonly",
        ),
        (
            &moodle,
            &format!(
                "{grant}&scope=https%3A%2F%2Fpurl.imsglobal.org%2Fspec%2For%2Fv1p1%2Fscope%2Froster-core.readonly+roster-demographics.readonly"
            ),
            "moodle: roster-core.readonly roster-demographics.readonly",
        ),
        (
            &moodle,
            &format!("{grant}&scope=roster.readonly+gradebook.readonly"),
            "moodle: roster.readonly",
        ),
        (
            &basic("library:other"),
            grant,
            "library: roster-core.readonly",
        ),
    ] {
        assert_eq!(of(authorization, body), Ok(expected.to_owned()), "{body}");
    }
}

#[test]
fn others_get_none() {
    let issuer = issuer();
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    let library = basic("library:other");
    let grant = "grant_type=client_credentials";
    for (authorization, body, expected) in [
        ("", grant, TokenFault::InvalidClient),
        (
            "",
            &format!("{grant}&client_id=library"),
            TokenFault::InvalidClient,
        ),
        (
            "",
            &format!("{grant}&client_id=library&client_secret=wrong"),
            TokenFault::InvalidClient,
        ),
        (
            "",
            &format!("{grant}&client_id=nobody&client_secret="),
            TokenFault::InvalidClient,
        ),
        (&basic("library:wrong"), grant, TokenFault::InvalidClient),
        (&basic("nobody:other"), grant, TokenFault::InvalidClient),
        (&basic("library"), grant, TokenFault::InvalidClient),
        ("Basic %%%", grant, TokenFault::InvalidClient),
        ("Bearer abc", grant, TokenFault::InvalidClient),
        (
            &library,
            &format!("{grant}&client_secret=other"),
            TokenFault::InvalidRequest,
        ),
        (
            &library,
            &format!("{grant}&client_id=moodle"),
            TokenFault::InvalidRequest,
        ),
        (
            &library,
            &format!("{grant}&{grant}"),
            TokenFault::InvalidRequest,
        ),
        (&library, "grant_type=%zz", TokenFault::InvalidRequest),
        (&library, "", TokenFault::InvalidRequest),
        (
            &library,
            "grant_type=password",
            TokenFault::UnsupportedGrantType,
        ),
        (
            &library,
            &format!("{grant}&scope=roster.readonly"),
            TokenFault::InvalidScope,
        ),
        (
            &library,
            &format!("{grant}&scope=openid"),
            TokenFault::InvalidScope,
        ),
        (
            &library,
            &format!("{grant}&scope=+"),
            TokenFault::InvalidScope,
        ),
    ] {
        let authorization = (!authorization.is_empty()).then_some(authorization);
        let refused = asked(&issuer, authorization, body).expect_err(body);
        assert_eq!(refused, expected, "{body}");
    }
}
