//! `rollbook logout SOURCE`: revokes a grant and deletes it. Works while the daemon runs.

use super::admin_request::record_sign_in;
use super::exit::Exit;
use super::{out, start};
use rollbook_app::app::{RecordedAction, VendorRevocation, sign_out, token_entries};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{GrantKind, SourceName};
use rollbook_engine::setup::files::SourceConfig;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `logout`.
#[derive(Debug, clap::Args)]
pub struct LogoutOptions {
    /// The source
    source: SourceName,
}

/// Deletes the grant when no refresh is in progress.
pub async fn run(folders: &Folders, options: &LogoutOptions) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let (name, clock) = (&options.source, Clock::system());
    let secrets = start::secrets(folders, &overlay);
    let lines = token_entries((folders, &setup), (&secrets, &clock)).await?;
    let source = setup.sources.get(name).map(|source| &source.config);
    let is_kept = lines.iter().any(|line| {
        line.source == name.as_str() && (line.obtained.is_some() || line.intent.is_some())
    });
    if !is_kept {
        let known = setup.sources.keys().map(|name| name.as_str());
        let known: Vec<&str> = known
            .chain(lines.iter().map(|line| line.source.as_str()))
            .collect();
        return Err(Exit::usage(nothing_kept(name.as_str(), source, &known)));
    }
    let revocation = sign_out((folders, &setup), name, &secrets, &clock).await?;
    record_sign_in(folders, RecordedAction::Logout(name.clone())).await;
    out::text(text(name.as_str(), source, &revocation));
    Ok(())
}

fn nothing_kept(name: &str, source: Option<&SourceConfig>, known: &[&str]) -> String {
    match source {
        None => format!(
            "there is no source `{name}`; {}",
            advice(name, known.iter().copied())
        ),
        Some(_) => format!("{name} has no stored sign-in; `rollbook tokens` shows all"),
    }
}

fn text(name: &str, source: Option<&SourceConfig>, revocation: &VendorRevocation) -> String {
    let next = match source
        .and_then(|source| source.auth.as_ref())
        .map(|auth| auth.grant)
    {
        Some(GrantKind::AuthorizationCode) => format!("To sign in again: rollbook login {name}"),
        Some(GrantKind::RefreshToken) => {
            "The next run uses the refresh token in the configuration; put a new one there."
                .to_owned()
        }
        _ => "The configuration does not need it any more.".to_owned(),
    };
    let accepted = "until its tokens expire or are revoked there; a running daemon uses its access token until it expires.";
    let there = match revocation {
        VendorRevocation::Revoked(host) => format!("{host} revoked it."),
        VendorRevocation::NotSupported => format!("The vendor still accepts it {accepted}"),
        VendorRevocation::Failed(why) => {
            format!(
                "It could not be revoked at the vendor: {why}.\nThe vendor still accepts it {accepted}"
            )
        }
    };
    format!("Deleted the sign-in of {name}.\n{there}\n{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_response_is_shown() {
        for (revocation, expected) in [
            (
                VendorRevocation::Revoked("auth.example".into()),
                "auth.example revoked it.\n",
            ),
            (
                VendorRevocation::NotSupported,
                "The vendor still accepts it until",
            ),
            (
                VendorRevocation::Failed("auth.example returned 503".into()),
                "could not be revoked at the vendor: auth.example returned 503.\nThe vendor still accepts it",
            ),
        ] {
            let text = text("north", None, &revocation);
            assert!(
                text.starts_with("Deleted the sign-in of north.\n"),
                "{text}"
            );
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_sign_in_is_reported_with_a_hint() {
        let known = ["north", "south"];
        let source: SourceConfig = toml::from_str("connector = \"own\"").expect("a source");
        assert_eq!(
            nothing_kept("nort", None, &known),
            "there is no source `nort`; did you mean `north`?"
        );
        assert_eq!(
            nothing_kept("north", Some(&source), &known),
            "north has no stored sign-in; `rollbook tokens` shows all"
        );
    }
}
