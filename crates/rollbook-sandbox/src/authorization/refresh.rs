//! Exchanges a refresh token for tokens (RFC 6749 6, RFC 9700 4.14).

use super::grants::RefreshTokenStatus;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{Grace, Rotation};
use super::token_request::TokenRequest;
use super::token_response::{IssuedTokens, TokenError};

impl Authorization {
    /// `grant_type=refresh_token`, by an authenticated client.
    pub(crate) fn refresh(
        &self,
        rules: &Rules,
        client: &str,
        request: &TokenRequest,
    ) -> Result<IssuedTokens, TokenError> {
        let switches = self.switches();
        let refused = || TokenError::grant("the refresh token is expired, revoked or already used");
        let text = request.required("refresh_token")?;
        let mut grants = self.grants();
        let (number, in_grace) = match grants.classify(text, &switches, self.clock.now()) {
            RefreshTokenStatus::Current(number) => (number, false),
            RefreshTokenStatus::InGrace(number) => (number, true),
            RefreshTokenStatus::Used(number) if switches.rotation == Rotation::DetectReuse => {
                grants.end_number(number);
                self.tokens.revoke_grant(number);
                return Err(refused());
            }
            RefreshTokenStatus::Used(_) | RefreshTokenStatus::Invalid => return Err(refused()),
        };
        let grant = grants.get(number).ok_or_else(refused)?;
        if grant.client != client {
            return Err(refused());
        }
        // A refresh can narrow the scope but not widen it (RFC 6749 6).
        let request = request.field("scope").unwrap_or(&grant.holder.scope);
        let has = |word: &str| grant.holder.scope.split(' ').any(|known| known == word);
        if !request.split(' ').all(has) {
            return Err(TokenError::new("invalid_scope", "more than was granted"));
        }
        if let (true, Grace::Same, Some(last)) = (in_grace, switches.grace, &grant.last) {
            return Ok(last.clone());
        }
        let mut holder = grant.holder.clone();
        holder.scope = request.to_owned();
        let refresh = grants.rotate(number, switches.rotation, self.clock.now());
        let granted = self.tokens_for(rules, number, holder, refresh);
        if let Some(grant) = grants.get(number) {
            grant.last = Some(granted.clone());
        }
        Ok(granted)
    }
}
