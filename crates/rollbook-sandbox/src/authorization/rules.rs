//! What a vendor says about its authorization server; everything else is the RFCs'.

use axum::http::StatusCode;

use super::switches::{ClientAuth, Pkce, Switches};
use crate::tokens::Holder;

/// A second registered application, so that a code of one can be tried by the other.
pub(crate) const ANOTHER_CLIENT: &str = "another-app";

/// A registered application.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) secret: String,
}

/// When a redirect URL counts as registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectRule {
    /// Letter by letter, and registered without parameters (wisenet.md 2.1).
    Exact,
    /// At the same domain (wapi.md 2.1).
    Domain,
    /// At the same domain and path (webuntis-oneroster.md 1.4).
    DomainAndPath,
}

/// One vendor's server, as one request sees it.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Its own name: the issuer.
    pub(crate) issuer: String,
    /// The applications it knows.
    pub(crate) clients: Vec<Client>,
    /// How they prove themselves.
    pub(crate) client_auth: ClientAuth,
    /// The status of `invalid_client`.
    pub(crate) client_refused: StatusCode,
    /// When a redirect URL is theirs.
    pub(crate) redirect: RedirectRule,
    /// What is registered unless a switch says otherwise.
    pub(crate) redirect_url: &'static str,
    /// What the page says when it is not theirs.
    pub(crate) redirect_refused: &'static str,
    /// Whether the token request must repeat the redirect URL.
    pub(crate) repeats_redirect: bool,
    /// Whether a challenge is needed.
    pub(crate) pkce: Pkce,
    /// What may be asked for.
    pub(crate) scopes: Vec<String>,
    /// What is meant when nothing is asked for; none refuses that.
    pub(crate) default_scope: Option<&'static str>,
    /// Whom a person's token speaks for; the scope is filled in.
    pub(crate) holder: Holder,
    /// Life of an access token in seconds.
    pub(crate) seconds: u64,
    /// `token_type`, as the vendor spells it.
    pub(crate) token_type: &'static str,
    /// Whether a code brings a refresh token.
    pub(crate) refresh: bool,
    /// Whether a person has one grant for an application, so that a new one ends the one before.
    pub(crate) one_grant: bool,
}

impl Rules {
    /// The application that is known by this id.
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
            return self.redirect_is_like(self.redirect_url, url);
        }
        let mut registered = switches.redirect_urls.iter();
        registered.any(|registered| self.redirect_is_like(registered, url))
    }

    fn redirect_is_like(&self, registered: &str, url: &str) -> bool {
        let (Ok(known), Ok(offered)) = (url::Url::parse(registered), url::Url::parse(url)) else {
            return false;
        };
        let same_domain =
            (known.scheme(), known.host_str()) == (offered.scheme(), offered.host_str());
        // A fragment never reaches the client (RFC 6749 3.1.2), whatever was registered.
        offered.fragment().is_none()
            && match self.redirect {
                RedirectRule::Exact => registered == url && !url.contains('?'),
                RedirectRule::Domain => same_domain,
                RedirectRule::DomainAndPath => same_domain && known.path() == offered.path(),
            }
    }

    /// What of the asked scope is granted; none when something is unknown or nothing is left.
    pub(crate) fn granted(&self, switches: &Switches, asked: Option<&str>) -> Option<String> {
        let asked = asked.or(self.default_scope)?;
        let words: Vec<&str> = asked.split(' ').filter(|word| !word.is_empty()).collect();
        let known = |word: &&str| self.scopes.iter().any(|scope| scope == *word);
        if !words.iter().all(known) {
            return None;
        }
        let left: Vec<&str> = words
            .iter()
            .copied()
            .filter(|word| switches.withhold.iter().all(|withheld| withheld != word))
            .collect();
        (!left.is_empty() || words.is_empty()).then(|| left.join(" "))
    }
}
