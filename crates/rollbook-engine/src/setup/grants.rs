//! The grant of a source against its connector: does the vendor offer it, and is its token endpoint known?

use rollbook_core::connector::file::{Connector, FixedKeyRules, GrantRules, Grants};
use rollbook_core::connector::template::{self, Variables};
use rollbook_core::document::Node;
use rollbook_core::document::suggest::listed;
use rollbook_core::model::GrantKind;

/// Below which key of the source, what is wrong, and what to do.
type Mistake = (&'static [&'static str], String, String);

/// What is wrong with the grant of a source. A grant that cannot be read is reported with the file.
pub(super) fn check(name: &str, source: &Node, connector: &Connector) -> Option<Mistake> {
    let offered = &connector.auth;
    let known = || {
        let offered = GrantKind::ALL
            .into_iter()
            .filter(|grant| offers(offered, *grant));
        offered.map(GrantKind::as_str)
    };
    let Some(auth) = source.at(&["auth"]) else {
        let help = format!(
            "add [sources.{name}.auth] with grant = one of {}",
            listed(known())
        );
        let message = format!("{} requires authentication", connector.title);
        return known().next().is_some().then_some((&[], message, help));
    };
    let grant = chosen(auth)?;
    if !offers(offered, grant) {
        let message = format!("{} does not offer `{grant}`", connector.title);
        return Some((
            &["auth", "grant"],
            message,
            format!("it offers {}", listed(known())),
        ));
    }
    let is_given = |key: &str| auth.at(&[key]).is_some();
    let keys = offered.api_key.as_ref();
    let needs_two = grant == GrantKind::ApiKey && keys.is_some_and(FixedKeyRules::needs_secret);
    if needs_two && !is_given("api_secret") {
        let message = format!("{} needs a second key, `api_secret`", connector.title);
        let help = "add `api_secret = { credential = \"NAME\" }`";
        return Some((&["auth"], message, help.to_owned()));
    }
    let lacks_endpoint = |rules: &GrantRules| !rules.endpoint.has_endpoint();
    if rules(offered, grant).is_some_and(lacks_endpoint)
        && !is_given("token_url")
        && !is_given("issuer")
    {
        let help = "add `token_url`, or `issuer` where the vendor publishes its endpoints";
        let message = "the token endpoint is not configured".to_owned();
        return Some((&["auth"], message, help.to_owned()));
    }
    None
}

/// The grant that an `auth` table names.
pub(super) fn chosen(auth: &Node) -> Option<GrantKind> {
    let written = auth.at(&["grant"]).and_then(Node::text)?;
    GrantKind::ALL
        .into_iter()
        .find(|grant| grant.as_str() == written)
}

fn offers(offered: &Grants, grant: GrantKind) -> bool {
    match grant {
        GrantKind::ApiKey => offered.api_key.is_some(),
        GrantKind::Oauth1 => offered.offers_oauth1(),
        grant => rules(offered, grant).is_some(),
    }
}

/// The scopes that a source requests by its grant; none where the grant requests none.
pub(super) fn requested_scopes(
    auth: &Node,
    connector: &Connector,
    settings: &Variables,
) -> Vec<String> {
    let of_grant = chosen(auth).and_then(|grant| rules(&connector.auth, grant));
    let own = auth.at(&["scope"]).and_then(Node::text);
    let scope = own.or_else(|| of_grant?.endpoint.scope.as_deref());
    let scope = template::fill(scope.unwrap_or_default(), &[settings]);
    scope.split_whitespace().map(str::to_owned).collect()
}

/// The connector's rules of a grant that asks a token endpoint.
pub(super) fn rules(offered: &Grants, grant: GrantKind) -> Option<&GrantRules> {
    match grant {
        GrantKind::ClientCredentials => offered.client_credentials.as_ref(),
        GrantKind::Password => offered.password.as_ref(),
        GrantKind::RefreshToken => offered.refresh_token.as_ref(),
        GrantKind::AuthorizationCode => offered.authorization_code.as_ref(),
        GrantKind::JwtBearer => offered.jwt_bearer.as_ref(),
        GrantKind::ApiKey | GrantKind::Oauth1 => None,
    }
}
