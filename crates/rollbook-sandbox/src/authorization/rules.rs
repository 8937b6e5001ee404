//! How one vendor's authorization server differs from the defaults of the RFCs.

use axum::http::StatusCode;

use super::switches::{ClientAuth, Pkce, Switches};
use crate::tokens::Holder;

/// A second registered application, to test that codes and tokens are bound to their client.
pub(crate) const OTHER_CLIENT: &str = "another-app";

/// A registered application.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) secret: String,
}

/// How a redirect URL is compared with the registered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectRule {
    /// Exact match, without query parameters (wisenet.md 2.1).
    Exact,
    /// Same domain (wapi.md 2.1).
    Domain,
    /// Same domain and path (webuntis-oneroster.md 1.4).
    DomainAndPath,
}

/// One vendor's server, as one request sees it.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: String,
    /// Registered applications.
    pub(crate) clients: Vec<Client>,
    pub(crate) client_auth: ClientAuth,
    /// Status of `invalid_client`.
    pub(crate) client_refused: StatusCode,
    pub(crate) redirect: RedirectRule,
    /// The registered redirect URL unless a switch sets others.
    pub(crate) redirect_url: &'static str,
    /// Error code for an unregistered redirect URL.
    pub(crate) redirect_refused: &'static str,
    /// Whether the token request must repeat the redirect URL.
    pub(crate) repeats_redirect: bool,
    pub(crate) pkce: Pkce,
    /// Scopes that can be requested.
    pub(crate) scopes: Vec<String>,
    /// The scope of a request without one; none refuses such a request.
    pub(crate) default_scope: Option<&'static str>,
    /// Account and person of the tokens; the scope is filled in.
    pub(crate) holder: Holder,
    /// Lifetime of an access token in seconds.
    pub(crate) seconds: u64,
    /// `token_type`, in the vendor's spelling.
    pub(crate) token_type: &'static str,
    /// Whether a code exchange returns a refresh token.
    pub(crate) refresh: bool,
    /// Whether a new grant of a person and application ends the previous one.
    pub(crate) one_grant: bool,
}

impl Rules {
    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn client_auth(&self, switches: &Switches) -> ClientAuth {
        match switches.client_auth {
            ClientAuth::Usual => self.client_auth,
            other => other,
        }
    }

    pub(super) fn pkce(&self, switches: &Switches) -> Pkce {
        match switches.pkce {
            Pkce::Usual => self.pkce,
            other => other,
        }
    }

    /// Whether a redirect URL is registered.
    pub(super) fn redirect_is_known(&self, switches: &Switches, url: &str) -> bool {
        if switches.redirect_urls.is_empty() {
            return self.matches_redirect(self.redirect_url, url);
        }
        let mut registered = switches.redirect_urls.iter();
        registered.any(|registered| self.matches_redirect(registered, url))
    }

    fn matches_redirect(&self, registered: &str, url: &str) -> bool {
        let (Ok(known), Ok(offered)) = (url::Url::parse(registered), url::Url::parse(url)) else {
            return false;
        };
        let same_domain =
            (known.scheme(), known.host_str()) == (offered.scheme(), offered.host_str());
        // A fragment never reaches the client (RFC 6749 3.1.2).
        offered.fragment().is_none()
            && match self.redirect {
                RedirectRule::Exact => registered == url && !url.contains('?'),
                RedirectRule::Domain => same_domain,
                RedirectRule::DomainAndPath => same_domain && known.path() == offered.path(),
            }
    }

    /// The granted part of the requested scope; none when a scope is unknown or nothing is left.
    pub(crate) fn granted(&self, switches: &Switches, request: Option<&str>) -> Option<String> {
        let request = request.or(self.default_scope)?;
        let scopes: Vec<&str> = request.split(' ').filter(|word| !word.is_empty()).collect();
        let known = |word: &&str| self.scopes.iter().any(|scope| scope == *word);
        if !scopes.iter().all(known) {
            return None;
        }
        let left: Vec<&str> = scopes
            .iter()
            .copied()
            .filter(|word| switches.withhold.iter().all(|withheld| withheld != word))
            .collect();
        (!left.is_empty() || scopes.is_empty()).then(|| left.join(" "))
    }
}
