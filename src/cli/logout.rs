//! `rollbook logout SOURCE`: have a sign-in revoked, and forget it. Works beside a running daemon.

use super::exit::Exit;
use super::{out, start};
use crate::app::{AtVendor, Overlay, Places, Setup, sign_out};
use crate::clock::Clock;
use crate::config::{Grant, SourceConfig};
use crate::model::nearest::advice;
use crate::store::vault::kept;

/// Options of `logout`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The source
    source: String,
}

/// Forgets the sign-in once no refresh of it is under way.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    let (folder, name) = (places.vault(&setup), options.source.as_str());
    let lines = kept(&folder)?;
    let source = setup.source(name).map(|source| &source.config);
    let is_kept = lines
        .iter()
        .any(|line| line.source == name && (line.obtained.is_some() || line.intent.is_some()));
    if !is_kept {
        let known = setup.sources.keys().map(|name| name.as_str());
        let known: Vec<&str> = known
            .chain(lines.iter().map(|line| line.source.as_str()))
            .collect();
        return Err(Exit::usage(nothing_kept(name, source, &known)));
    }
    let secrets = start::secrets(places, &overlay);
    let at_vendor = sign_out((places, &setup), name, &secrets, &Clock::system()).await?;
    out::text(text(name, source, &at_vendor));
    Ok(())
}

fn nothing_kept(name: &str, source: Option<&SourceConfig>, known: &[&str]) -> String {
    match source {
        None => format!(
            "there is no source `{name}`; {}",
            advice(name, known.iter().copied())
        ),
        Some(_) => format!("nothing is kept of {name}; `rollbook tokens` shows what is"),
    }
}

fn text(name: &str, source: Option<&SourceConfig>, at_vendor: &AtVendor) -> String {
    let next = match source
        .and_then(|source| source.auth.as_ref())
        .map(|auth| auth.grant)
    {
        Some(Grant::AuthorizationCode) => format!("Sign in anew: rollbook login {name}"),
        Some(Grant::RefreshToken) => {
            "The next run tries the refresh token that the configuration names; put a fresh one there.".to_owned()
        }
        _ => "Nothing in the configuration asks for it any more.".to_owned(),
    };
    let honoured = "until its tokens expire or somebody revokes them there; a running daemon uses the access token \
                    that it holds to its end.";
    let there = match at_vendor {
        AtVendor::Revoked(host) => format!("{host} has revoked it."),
        AtVendor::NoPlace => format!("The vendor still honours it {honoured}"),
        AtVendor::Failed(why) => {
            format!(
                "It could not be revoked at the vendor: {why}.\nThe vendor still honours it {honoured}"
            )
        }
    };
    format!("Forgot the sign-in of {name}.\n{there}\n{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_it_at_the_vendor_is_said() {
        for (at_vendor, expected) in [
            (
                AtVendor::Revoked("auth.example".into()),
                "auth.example has revoked it.\n",
            ),
            (AtVendor::NoPlace, "The vendor still honours it until"),
            (
                AtVendor::Failed("auth.example answered 503".into()),
                "could not be revoked at the vendor: auth.example answered 503.\nThe vendor still honours it",
            ),
        ] {
            let text = text("north", None, &at_vendor);
            assert!(text.starts_with("Forgot the sign-in of north.\n"), "{text}");
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_kept_is_said_with_a_hint() {
        let known = ["north", "south"];
        let source: SourceConfig = toml::from_str("vendor = \"own\"").expect("a source");
        assert_eq!(
            nothing_kept("nort", None, &known),
            "there is no source `nort`; did you mean `north`?"
        );
        assert_eq!(
            nothing_kept("north", Some(&source), &known),
            "nothing is kept of north; `rollbook tokens` shows what is"
        );
    }
}
