//! Admin requests that write to the mirror: handled here, or by the daemon that owns the mirror.

use std::path::Path;

use super::exit::Exit;
use super::owner::is_cluster;
use super::start::{self, runtime_folders};
use rollbook_app::app::{AdminMessage, AdminRequest, AdminResponse, App, RecordedAction};
use rollbook_core::permissions::invoker;
use rollbook_engine::daemon::{absolute, control_server};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Which process handled a request.
pub enum HandledBy {
    /// This one, which owns the mirror now.
    ThisProcess(Box<App>),
    /// The running daemon.
    Daemon,
}

impl HandledBy {
    /// Sends a further request to the same process.
    pub async fn send(
        &self,
        folders: &Folders,
        request: &AdminRequest,
    ) -> Result<AdminResponse, Exit> {
        match self {
            Self::ThisProcess(app) => accepted(app.handle_admin_request(&message(request)).await),
            Self::Daemon => send_request(folders, request)
                .await
                .map(|(response, _)| response),
        }
    }

    /// How to run a job now, if the daemon does not run it; begins with a space.
    pub fn run_now_hint(&self, job: &str) -> String {
        match self {
            Self::ThisProcess(_) => format!(" `rollbook sync {job}` runs it now."),
            Self::Daemon => String::new(),
        }
    }
}

/// Sends a request and returns the response. Refusals and failures are errors.
pub async fn send_request(
    folders: &Folders,
    request: &AdminRequest,
) -> Result<(AdminResponse, HandledBy), Exit> {
    let message = message(request);
    let (response, by) = match start::app(folders, &Overlay::default()).await {
        Ok(app) => (
            app.handle_admin_request(&message).await,
            HandledBy::ThisProcess(Box::new(app)),
        ),
        Err(exit) if exit.is_busy() => match send_to_daemon(folders, request).await? {
            Some(response) => (response, HandledBy::Daemon),
            // Another process owns the mirror, such as `rollbook sync`.
            None => return Err(exit),
        },
        Err(exit) => return Err(exit),
    };
    Ok((accepted(response)?, by))
}

/// A response that is no refusal or failure.
fn accepted(response: AdminResponse) -> Result<AdminResponse, Exit> {
    match response {
        AdminResponse::Refused(message) => Err(Exit::usage(message)),
        AdminResponse::Failed(message) => Err(Exit::failed(format!("rollbook: {message}"))),
        response => Ok(response),
    }
}

fn message(request: &AdminRequest) -> AdminMessage {
    AdminMessage {
        by: invoker().clone(),
        request: request.clone(),
    }
}

/// The daemon's response; `None` if no daemon runs.
pub async fn send_to_daemon(
    folders: &Folders,
    request: &AdminRequest,
) -> Result<Option<AdminResponse>, Exit> {
    let mirror = folders.mirror(&Setup::load(folders, &Overlay::default())?);
    for folder in runtime_folders(folders, &absolute(&mirror)) {
        if let Some(response) = send_to_folder(&folder, &mirror, request).await? {
            return Ok(Some(response));
        }
    }
    Ok(None)
}

async fn send_to_folder(
    folder: &Path,
    mirror: &Path,
    request: &AdminRequest,
) -> Result<Option<AdminResponse>, Exit> {
    let failed = |error: &dyn std::fmt::Display| {
        Exit::failed(format!(
            "rollbook: could not send the request to the daemon: {error}"
        ))
    };
    let request = serde_json::to_string(&message(request)).map_err(|error| failed(&error))?;
    let response = control_server::send_request(folder, &absolute(mirror), &request).await;
    match response.map_err(|error| failed(&error))? {
        Some(response) => serde_json::from_str(&response)
            .map(Some)
            .map_err(|error| failed(&error)),
        None => Ok(None),
    }
}

/// Records in the mirror what a command does.
pub async fn record(folders: &Folders, action: RecordedAction) -> Result<(), Exit> {
    let request = AdminRequest::Record(action);
    send_request(folders, &request).await.map(drop)
}

/// Records a sign-in or sign-out in the mirror. A failure is only reported: the command itself has succeeded.
///
/// In a cluster it is not recorded: the mirror is on another machine, and a sign-in must not need it.
pub async fn record_sign_in(folders: &Folders, action: RecordedAction) {
    if is_cluster(&folders.config) {
        return;
    }
    if let Err(exit) = record(folders, action).await {
        anstream::eprintln!("This could not be recorded in rollbook_audit:");
        exit.report();
    }
}
