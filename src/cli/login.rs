//! `rollbook login SOURCE`: a person signs in once by a browser, and the source goes on from there.
//!
//! Prints the address to open, and never a token, a code or a verifier.

use serde::Serialize;

use super::exit::Exit;
use super::words::moment;
use super::{out, start};
use crate::app::{Login, NoLogin, Overlay, Places, Setup};
use crate::clock::Clock;
use crate::http::{Attempt, Ends, PATIENCE, SignedIn};
use crate::model::nearest::joined;
use crate::model::scalar;

/// Options of `login`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The source
    source: String,
    /// No browser on this machine: print the address, and read the one that the browser ended at
    #[arg(long)]
    paste: bool,
    /// The port on loopback that the browser comes back to [default: any free one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print JSON: one object with the address, one with what was granted
    #[arg(long)]
    json: bool,
}

/// Signs in.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    let secrets = start::secrets(places, &overlay);
    let login = Login::of((places, &setup), &options.source, &secrets, Clock::system())?;
    let (attempt, code) = if options.paste {
        let attempt = login.by_paste(options.port).await?;
        show_address(&attempt, options);
        let pasted = read_line().await?;
        let code = attempt.read(&pasted);
        let code = code.map_err(|error| NoLogin::Failed(error.to_string()))?;
        (attempt, code)
    } else {
        let (attempt, listener) = login.by_listener(options.port).await?;
        show_address(&attempt, options);
        let code = login.wait(&attempt, listener).await?;
        (attempt, code)
    };
    let signed_in = login.finish(attempt, &code).await?;
    let view = View::of(&setup, &options.source, login.client_id(), &signed_in);
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view));
    }
    Ok(())
}

/// Says what to open, and where the answer is awaited.
fn show_address(attempt: &Attempt, options: &Options) {
    let (address, redirect) = (attempt.address().as_str(), attempt.redirect().as_str());
    if options.json {
        out::json(&Start {
            open: address,
            redirect_url: redirect,
        });
        return;
    }
    let what_next = if options.paste {
        format!(
            "The browser then goes to an address that begins with {redirect}; it need not find anything there.\n\
             Paste that whole address here, or only the code in it, and press Enter:"
        )
    } else {
        format!(
            "The browser comes back to {redirect}, which is waited for {} minutes.\n\
             No browser on this machine? Stop this with Ctrl-C and add --paste.",
            PATIENCE.as_secs() / 60
        )
    };
    let which = if options.paste {
        "any browser"
    } else {
        "a browser on this machine"
    };
    out::text(format!(
        "Open this address in {which} and sign in:\n\n  {address}\n\n{what_next}"
    ));
}

/// One line of standard input, read on a thread that may wait.
async fn read_line() -> Result<String, Exit> {
    let read = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(_)) | Err(_) => Err(Exit::failed("rollbook: standard input cannot be read")),
    }
}

#[derive(Serialize)]
struct Start<'a> {
    open: &'a str,
    redirect_url: &'a str,
}

/// What was granted.
#[derive(Debug, Serialize)]
struct View {
    source: String,
    host: String,
    client_id: String,
    granted: Vec<String>,
    not_granted: Vec<String>,
    /// Whether it goes on without a person.
    renews: bool,
    /// When it ends that does not; UTC.
    ends: Option<String>,
    /// The jobs that read it.
    jobs: Vec<String>,
}

impl View {
    fn of(setup: &Setup, source: &str, client_id: &str, signed_in: &SignedIn) -> Self {
        let jobs = setup.jobs.iter();
        let jobs = jobs.filter(|(_, job)| job.source.as_str() == source);
        Self {
            jobs: jobs.map(|(name, _)| name.to_string()).collect(),
            source: source.to_owned(),
            host: signed_in.host.clone(),
            client_id: client_id.to_owned(),
            granted: signed_in.granted.clone(),
            not_granted: signed_in.missing.clone(),
            renews: signed_in.ends.is_none(),
            ends: match signed_in.ends {
                Some(Ends::At(time)) => Some(scalar::written(time)),
                Some(Ends::Unknown) | None => None,
            },
        }
    }
}

fn text(view: &View) -> String {
    let mut text = format!(
        "Signed in to {} at {} as the client {}.\n",
        view.source, view.host, view.client_id
    );
    if !view.granted.is_empty() {
        text.push_str(&format!("Granted: {}\n", view.granted.join(" ")));
    }
    if !view.not_granted.is_empty() {
        text.push_str(&format!(
            "Asked for and not granted: {}\nWhat needs them cannot be read; an administrator at the vendor may grant them.\n",
            view.not_granted.join(" ")
        ));
    }
    if view.renews {
        text.push_str("It renews itself from now on.\n");
    } else {
        text.push_str(&ending(view));
    }
    text.push_str(&next(view));
    text
}

/// What comes after a sign-in.
fn next(view: &View) -> String {
    if view.jobs.is_empty() {
        return format!(
            "No job reads {} yet; a file in jobs/ says what is read, and when.\n",
            view.source
        );
    }
    format!(
        "Next: {} will go on at the next tick. To see whether all can be read: rollbook check --online\n",
        joined(view.jobs.iter().map(String::as_str))
    )
}

/// When a sign-in ends that cannot be renewed, and what to do about that.
fn ending(view: &View) -> String {
    let end = match &view.ends {
        Some(time) => format!("It ends at {} UTC", moment(time)),
        None => "It ends when the vendor says so".to_owned(),
    };
    format!(
        "{end} and cannot be renewed, because the vendor gave no refresh token. For work without a person \
         use another grant, or ask for a scope such as offline_access where the vendor knows one.\n"
    )
}

impl From<NoLogin> for Exit {
    fn from(no: NoLogin) -> Self {
        match no {
            NoLogin::Usage(sentence) => Self::usage(format!("rollbook: {sentence}")),
            NoLogin::Setup(sentence) | NoLogin::Failed(sentence) => {
                Self::failed(format!("rollbook: {sentence}"))
            }
            NoLogin::Vault(error) => error.into(),
        }
    }
}
