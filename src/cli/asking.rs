//! What admins ask for that writes to the mirror: done here, or by the daemon that has the mirror.

use std::path::Path;

use super::exit::Exit;
use super::start::{self, runtime_folders};
use crate::app::{App, Granted, Overlay, Places, Setup, Wish};
use crate::daemon::{absolute, control};

/// Who did it.
pub enum By {
    /// This process, which now has the mirror.
    Us(Box<App>),
    /// The daemon, which goes on.
    Daemon,
}

impl By {
    /// How to have a job run at once, where that is for the admin to do; begins with a space.
    pub fn run_it_now(&self, job: &str) -> String {
        match self {
            Self::Us(_) => format!(" `rollbook sync {job}` runs it now."),
            Self::Daemon => String::new(),
        }
    }
}

/// Has it done. What was refused or failed is the error.
pub async fn asked(places: &Places, wish: &Wish) -> Result<(Granted, By), Exit> {
    let (granted, by) = match start::app(places, &Overlay::default()).await {
        Ok(app) => (app.grant(wish).await, By::Us(Box::new(app))),
        Err(exit) if exit.is_busy() => match of_daemon(places, wish).await? {
            Some(granted) => (granted, By::Daemon),
            // Somebody else has the mirror, such as `rollbook sync`.
            None => return Err(exit),
        },
        Err(exit) => return Err(exit),
    };
    match granted {
        Granted::Refused(sentence) => Err(Exit::usage(sentence)),
        Granted::Failed(sentence) => Err(Exit::failed(format!("rollbook: {sentence}"))),
        granted => Ok((granted, by)),
    }
}

/// The daemon's answer; nothing when none can be reached.
async fn of_daemon(places: &Places, wish: &Wish) -> Result<Option<Granted>, Exit> {
    let mirror = places.mirror(&Setup::load(places, &Overlay::default())?);
    for folder in runtime_folders(&absolute(&mirror)) {
        if let Some(answer) = at(&folder, &mirror, wish).await? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

async fn at(folder: &Path, mirror: &Path, wish: &Wish) -> Result<Option<Granted>, Exit> {
    let failed = |error: &dyn std::fmt::Display| {
        Exit::failed(format!("rollbook: could not ask the daemon: {error}"))
    };
    let wish = serde_json::to_string(wish).map_err(|error| failed(&error))?;
    let answer = control::ask(folder, &absolute(mirror), &wish).await;
    match answer.map_err(|error| failed(&error))? {
        Some(answer) => serde_json::from_str(&answer)
            .map(Some)
            .map_err(|error| failed(&error)),
        None => Ok(None),
    }
}
