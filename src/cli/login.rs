//! `rollbook login SOURCE`: a person signs in once by browser; tokens are renewed from then on.
//!
//! Prints the URL to open, and never a token, a code or a verifier.

use serde::Serialize;

use super::admin_request::record_sign_in;
use super::exit::Exit;
use super::{out, start};
use rollbook_app::app::{Login, LoginError, RecordedAction};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::joined;
use rollbook_core::model::SourceName;
use rollbook_core::model::scalar;
use rollbook_core::model::scalar::display_time;
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_http::auth::{Attempt, Ends, SIGN_IN_TIMEOUT, SignedIn};

/// Options of `login`.
#[derive(Debug, clap::Args)]
pub struct LoginOptions {
    /// The source
    source: SourceName,
    /// For machines without a browser: print the URL, and read the redirect URL from standard input
    #[arg(long)]
    paste: bool,
    /// Port on loopback for the redirect [default: any free port]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print JSON: one object with the URL, one with the granted scopes
    #[arg(long)]
    json: bool,
}

/// Signs in.
pub async fn run(folders: &Folders, options: &LoginOptions) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let secrets = start::secrets(folders, &overlay);
    let login = Login::of(
        (folders, &setup),
        &options.source,
        &secrets,
        Clock::system(),
    )?;
    let (attempt, code) = if options.paste {
        let attempt = login.by_paste(options.port).await?;
        show_address(&attempt, options);
        let pasted = read_line().await?;
        let code = attempt.read(&pasted);
        let code = code.map_err(|error| LoginError::Failed(error.to_string()))?;
        (attempt, code)
    } else {
        let (attempt, listener) = login.by_listener(options.port).await?;
        show_address(&attempt, options);
        let code = login.wait(&attempt, listener).await?;
        (attempt, code)
    };
    let signed_in = login.finish(attempt, &code).await?;
    record_sign_in(folders, RecordedAction::Login(options.source.clone())).await;
    let view = LoginView::of(
        &setup,
        options.source.as_str(),
        login.client_id(),
        &signed_in,
    );
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view));
    }
    Ok(())
}

/// Prints the URL to open, and what happens next.
fn show_address(attempt: &Attempt, options: &LoginOptions) {
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
            "The browser is then redirected to a URL that begins with {redirect}; that page need not load.\n\
             Paste the whole URL here, or only its code, and press Enter:"
        )
    } else {
        format!(
            "The browser is then redirected to {redirect}; waiting up to {} minutes.\n\
             No browser on this machine? Press Ctrl-C and use --paste.",
            SIGN_IN_TIMEOUT.as_secs() / 60
        )
    };
    let which = if options.paste {
        "any browser"
    } else {
        "a browser on this machine"
    };
    out::text(format!(
        "Open this URL in {which} and sign in:\n\n  {address}\n\n{what_next}"
    ));
}

/// Reads a line of standard input on a blocking thread.
async fn read_line() -> Result<String, Exit> {
    let read = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(_)) | Err(_) => Err(Exit::failed("rollbook: could not read standard input")),
    }
}

#[derive(Serialize)]
struct Start<'a> {
    open: &'a str,
    redirect_url: &'a str,
}

/// What was granted.
#[derive(Debug, Serialize)]
struct LoginView {
    source: String,
    host: String,
    client_id: String,
    granted: Vec<String>,
    not_granted: Vec<String>,
    /// Whether tokens are renewed without a person.
    renews: bool,
    /// When the token expires, if it cannot be renewed; UTC.
    ends: Option<String>,
    /// The jobs that read it.
    jobs: Vec<String>,
}

impl LoginView {
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
                Some(Ends::At(time)) => Some(scalar::to_canonical(time)),
                Some(Ends::Unknown) | None => None,
            },
        }
    }
}

fn text(view: &LoginView) -> String {
    let mut text = format!(
        "Signed in to {} at {} as the client {}.\n",
        view.source, view.host, view.client_id
    );
    if !view.granted.is_empty() {
        text.push_str(&format!("Granted: {}\n", view.granted.join(" ")));
    }
    if !view.not_granted.is_empty() {
        text.push_str(&format!(
            "Requested and not granted: {}\nStreams that need them cannot be read; an administrator at the vendor can grant them.\n",
            view.not_granted.join(" ")
        ));
    }
    if view.renews {
        text.push_str("Tokens are renewed automatically from now on.\n");
    } else {
        text.push_str(&ending(view));
    }
    text.push_str(&next(view));
    text
}

/// What to do after a sign-in.
fn next(view: &LoginView) -> String {
    if view.jobs.is_empty() {
        return format!(
            "No job reads {} yet; add one in the jobs folder.\n",
            view.source
        );
    }
    format!(
        "Next: {} will run at the next tick. To check access to every stream: rollbook check --online\n",
        joined(view.jobs.iter().map(String::as_str))
    )
}

/// When a token expires that cannot be renewed, and what to do.
fn ending(view: &LoginView) -> String {
    let end = match &view.ends {
        Some(time) => format!("The access token expires at {} UTC", display_time(time)),
        None => "The access token expires at an unknown time".to_owned(),
    };
    format!(
        "{end} and cannot be renewed, because the vendor issued no refresh token. To run unattended, \
         use another grant, or request a scope such as offline_access if the vendor has one.\n"
    )
}

impl From<LoginError> for Exit {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Usage(message) => Self::usage(format!("rollbook: {message}")),
            LoginError::Setup(message) | LoginError::Failed(message) => {
                Self::failed(format!("rollbook: {message}"))
            }
            LoginError::Vault(error) => error.into(),
        }
    }
}
