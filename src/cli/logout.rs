//! `rollbook logout SOURCE`: forget what is kept of a sign-in. Works beside a running daemon.

use super::exit::Exit;
use super::out;
use crate::app::{Overlay, Places, Setup};
use crate::config::{Grant, SourceConfig};
use crate::model::nearest::advice;
use crate::store::Vault;
use crate::store::vault::{Keys, kept};

/// Options of `logout`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The source
    source: String,
}

/// Forgets the sign-in once no refresh of it is under way.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let setup = Setup::load(places, &Overlay::default())?;
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
    // No key: what is forgotten need not be opened, so a lost key is no hindrance.
    let vault = Vault::open(&folder, Keys::None)?;
    let _lock = vault.lock(name)?;
    vault.forget(name)?;
    out::text(text(name, source));
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

fn text(name: &str, source: Option<&SourceConfig>) -> String {
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
    format!(
        "Forgot the sign-in of {name}.\n\
         The vendor still honours its tokens until they expire or somebody revokes them there, and a running \
         daemon uses the access token that it holds to its end.\n{next}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
