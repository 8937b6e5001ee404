//! From a refresh token to tokens (RFC 6749 6, RFC 9700 4.14).

use super::answers::{Granted, Refusal};
use super::ask::Ask;
use super::grants::Presented;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{Grace, Rotation};

impl Authorization {
    /// `grant_type=refresh_token`, by a client that has proved itself.
    pub(crate) fn refresh(
        &self,
        rules: &Rules,
        client: &str,
        ask: &Ask,
    ) -> Result<Granted, Refusal> {
        let switches = self.switches();
        let refused = || Refusal::grant("the refresh token is expired, revoked or already used");
        let text = ask.needed("refresh_token")?;
        let mut grants = self.grants();
        let (number, again) = match grants.look(text, &switches, self.clock.now()) {
            Presented::Current(number) => (number, false),
            Presented::InGrace(number) => (number, true),
            Presented::Spent(number) if switches.rotation == Rotation::DetectReuse => {
                grants.end_number(number);
                self.tokens.revoke_grant(number);
                return Err(refused());
            }
            Presented::Spent(_) | Presented::Bad => return Err(refused()),
        };
        let grant = grants.get(number).ok_or_else(refused)?;
        if grant.client != client {
            return Err(refused());
        }
        // A grant can lose rights, but not gain them by asking (RFC 6749 6).
        let asked = ask.field("scope").unwrap_or(&grant.holder.scope);
        let has = |word: &str| grant.holder.scope.split(' ').any(|known| known == word);
        if !asked.split(' ').all(has) {
            return Err(Refusal::new("invalid_scope", "more than was granted"));
        }
        if let (true, Grace::Same, Some(last)) = (again, switches.grace, &grant.last) {
            return Ok(last.clone());
        }
        let mut holder = grant.holder.clone();
        holder.scope = asked.to_owned();
        let refresh = grants.turn(number, switches.rotation, self.clock.now());
        let granted = self.tokens_for(rules, number, holder, refresh);
        if let Some(grant) = grants.get(number) {
            grant.last = Some(granted.clone());
        }
        Ok(granted)
    }
}
