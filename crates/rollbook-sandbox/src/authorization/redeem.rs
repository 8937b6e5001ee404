//! Exchanges a code for tokens (RFC 6749 4.1.3, RFC 7636 4.5).

use super::codes::{Code, CodeLookup};
use super::id_token::IdTokenRequest;
use super::pkce;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{Pkce, RefreshToken, Switches};
use super::token_request::TokenRequest;
use super::token_response::{IssuedTokens, TokenError};
use crate::tokens::Holder;

impl Authorization {
    /// `grant_type=authorization_code`, by an authenticated client.
    pub(crate) fn redeem(
        &self,
        rules: &Rules,
        client: &'static str,
        request: &TokenRequest,
    ) -> Result<IssuedTokens, TokenError> {
        let switches = self.switches();
        let text = request.required("code")?;
        let presented = self.codes().take(text);
        let code = match presented {
            CodeLookup::Unknown => return Err(TokenError::grant("the code is unknown")),
            CodeLookup::Reused(grant) => {
                // A second use means that the code leaked: revoke what the first use issued (4.1.2).
                if let Some(number) = grant {
                    self.grants().end_number(number);
                    self.tokens.revoke_grant(number);
                }
                return Err(TokenError::grant("the code was used before"));
            }
            CodeLookup::Valid(code) => code,
        };
        if code.expires_at <= self.clock.now() {
            return Err(TokenError::grant("the code has expired"));
        }
        check(rules, &switches, &code, client, request)?;
        let refreshes = match switches.refresh_token {
            RefreshToken::Usual => rules.refresh,
            RefreshToken::Always => true,
            RefreshToken::Never => false,
        };
        let request = IdTokenRequest {
            client,
            nonce: code.nonce.as_deref(),
        };
        let (number, mut granted) = self.begin(rules, client, code.holder.clone(), refreshes);
        granted.id_token = self.id_token(rules, &switches, &code.holder, request);
        self.codes().record_grant(text, number);
        Ok(granted)
    }

    /// Tokens of a new grant, and its number.
    pub(crate) fn begin(
        &self,
        rules: &Rules,
        client: &str,
        holder: Holder,
        refreshes: bool,
    ) -> (u64, IssuedTokens) {
        let mut grants = self.grants();
        let now = self.clock.now();
        let number = grants.begin(client, holder.clone(), refreshes, rules.one_grant, now);
        let refresh = grants.token(number);
        drop(grants);
        (number, self.tokens_for(rules, number, holder, refresh))
    }

    /// Issues an access token under a grant.
    pub(super) fn tokens_for(
        &self,
        rules: &Rules,
        number: u64,
        holder: Holder,
        refresh: Option<String>,
    ) -> IssuedTokens {
        IssuedTokens {
            scope: holder.scope.clone(),
            access: self
                .tokens
                .issue_for_grant(Some(number), holder, rules.seconds),
            seconds: rules.seconds,
            refresh,
            id_token: None,
            more: Default::default(),
        }
    }
}

/// Compares the request with what the code is bound to.
fn check(
    rules: &Rules,
    switches: &Switches,
    code: &Code,
    client: &str,
    request: &TokenRequest,
) -> Result<(), TokenError> {
    if code.client != client {
        return Err(TokenError::grant("the code was issued to another client"));
    }
    match request.field("redirect_uri") {
        None if !rules.repeats_redirect => {}
        Some(url) if url == code.redirect_url => {}
        _ => {
            return Err(TokenError::grant(
                "redirect_uri differs from the authorization request",
            ));
        }
    }
    if rules.pkce(switches) == Pkce::Ignored {
        return Ok(());
    }
    match (&code.challenge, request.field("code_verifier")) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce::verifies(verifier, challenge) => Ok(()),
        (Some(_), _) => Err(TokenError::grant(
            "code_verifier does not match the challenge",
        )),
        // Otherwise a stolen code could be redeemed by dropping the challenge (RFC 9700 2.1.1).
        (None, Some(_)) => Err(TokenError::grant("code_verifier without a challenge")),
    }
}
