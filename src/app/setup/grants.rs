//! The way in that a source picks: does its vendor offer it, and is it known where to ask?

use super::*;

impl Checks<'_> {
    /// Does the vendor offer the grant that the source picks?
    pub(super) fn grant(
        &mut self,
        name: &SourceName,
        source: &SourceConfig,
        description: &Description,
    ) {
        let offered = &description.auth;
        let offers = |grant: Grant| match grant {
            Grant::ClientCredentials => offered.client_credentials.is_some(),
            Grant::Password => offered.password.is_some(),
            Grant::RefreshToken => offered.refresh_token.is_some(),
            Grant::AuthorizationCode => offered.authorization_code.is_some(),
            Grant::ApiKey => offered.api_key.is_some(),
        };
        let known: Vec<&str> = Grant::ALL
            .into_iter()
            .filter(|grant| offers(*grant))
            .map(Grant::as_str)
            .collect();
        match &source.auth {
            Some(auth) if !offers(auth.grant) => {
                let message = format!("{} does not offer `{}`", description.title, auth.grant);
                self.source_problem(
                    name,
                    &["auth", "grant"],
                    message,
                    Some(format!("it offers {}", listed(known))),
                );
            }
            Some(auth) if has_no_endpoint(auth, offered) => {
                let help = "add `token_url`, or `issuer` where the vendor publishes its endpoints";
                self.source_problem(
                    name,
                    &["auth"],
                    "nothing says where tokens are asked for".into(),
                    Some(help.into()),
                );
            }
            None if !known.is_empty() => {
                let help = format!(
                    "add [sources.{name}.auth] with grant = one of {}",
                    listed(known)
                );
                self.source_problem(
                    name,
                    &[],
                    format!("{} wants to know who asks", description.title),
                    Some(help),
                );
            }
            _ => {}
        }
    }
}

/// Whether neither the description nor the source says where this grant's tokens are had.
fn has_no_endpoint(auth: &Auth, offered: &Grants) -> bool {
    let rules = match auth.grant {
        Grant::ClientCredentials => &offered.client_credentials,
        Grant::Password => &offered.password,
        Grant::RefreshToken => &offered.refresh_token,
        Grant::AuthorizationCode => &offered.authorization_code,
        Grant::ApiKey => return false,
    };
    let is_silent = |rules: &GrantRules| rules.token_url.is_empty() && rules.issuer.is_none();
    rules.as_ref().is_some_and(is_silent) && auth.token_url.is_none() && auth.issuer.is_none()
}
