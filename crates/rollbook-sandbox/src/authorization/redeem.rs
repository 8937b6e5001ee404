//! From a code to tokens (RFC 6749 4.1.3, RFC 7636 4.5).

use super::answers::{Granted, Refusal};
use super::ask::Ask;
use super::codes::{Code, Presented};
use super::id_token::Said;
use super::pkce;
use super::rules::Rules;
use super::server::Authorization;
use super::switches::{Pkce, RefreshToken, Switches};
use crate::tokens::Holder;

impl Authorization {
    /// `grant_type=authorization_code`, by a client that has proved itself.
    pub(crate) fn redeem(
        &self,
        rules: &Rules,
        client: &'static str,
        ask: &Ask,
    ) -> Result<Granted, Refusal> {
        let switches = self.switches();
        let text = ask.needed("code")?;
        let presented = self.codes().take(text);
        let code = match presented {
            Presented::Unknown => return Err(Refusal::grant("the code is not known")),
            Presented::Again(grant) => {
                // Somebody has seen it who should not have: what it brought is not safe (4.1.2).
                if let Some(number) = grant {
                    self.grants().end_number(number);
                    self.tokens.revoke_grant(number);
                }
                return Err(Refusal::grant("the code was used before"));
            }
            Presented::Good(code) => code,
        };
        if code.until <= self.clock.now() {
            return Err(Refusal::grant("the code has expired"));
        }
        check(rules, &switches, &code, client, ask)?;
        let refreshes = match switches.refresh_token {
            RefreshToken::Usual => rules.refresh,
            RefreshToken::Always => true,
            RefreshToken::Never => false,
        };
        let said = Said {
            client,
            nonce: code.nonce.as_deref(),
        };
        let (number, mut granted) = self.begin(rules, client, code.holder.clone(), refreshes);
        granted.id_token = self.id_token(rules, &switches, &code.holder, said);
        self.codes().brought(text, number);
        Ok(granted)
    }

    /// Tokens of a new consent, and its number.
    pub(crate) fn begin(
        &self,
        rules: &Rules,
        client: &str,
        holder: Holder,
        refreshes: bool,
    ) -> (u64, Granted) {
        let mut grants = self.grants();
        let now = self.clock.now();
        let number = grants.begin(client, holder.clone(), refreshes, rules.one_grant, now);
        let refresh = grants.token(number);
        drop(grants);
        (number, self.tokens_for(rules, number, holder, refresh))
    }

    /// An access token under a grant.
    pub(super) fn tokens_for(
        &self,
        rules: &Rules,
        number: u64,
        holder: Holder,
        refresh: Option<String>,
    ) -> Granted {
        Granted {
            scope: holder.scope.clone(),
            access: self.tokens.issue_under(Some(number), holder, rules.seconds),
            seconds: rules.seconds,
            refresh,
            id_token: None,
            more: Default::default(),
        }
    }
}

/// Whether the request fits what the code was asked for with.
fn check(
    rules: &Rules,
    switches: &Switches,
    code: &Code,
    client: &str,
    ask: &Ask,
) -> Result<(), Refusal> {
    if code.client != client {
        return Err(Refusal::grant("the code is another application's"));
    }
    match ask.field("redirect_uri") {
        None if !rules.repeats_redirect => {}
        Some(url) if url == code.redirect_url => {}
        _ => return Err(Refusal::grant("redirect_uri is not the one of the code")),
    }
    if rules.pkce(switches) == Pkce::Ignored {
        return Ok(());
    }
    match (&code.challenge, ask.field("code_verifier")) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce::proves(verifier, challenge) => Ok(()),
        (Some(_), _) => Err(Refusal::grant("code_verifier does not fit the challenge")),
        // Else a stolen code could be redeemed by dropping the challenge (RFC 9700 2.1.1).
        (None, Some(_)) => Err(Refusal::grant("code_verifier without a challenge")),
    }
}
