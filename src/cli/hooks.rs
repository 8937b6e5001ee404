//! `rollbook hooks`: what each hook was told last, and what it could not be told; `hooks test NAME` tries one.

use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::table::{TextTable, group, grouped, left, minute, note, right};
use super::{out, start};
use rollbook_app::app::{hook_states, unknown_hook};
use rollbook_core::clock::Clock;
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{HookName, HookSubject};
use rollbook_core::store::hooks::{HookState, HookStates};
use rollbook_engine::output::hook::{HookCall, HookNews};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `hooks`.
#[derive(Debug, clap::Args)]
pub struct HooksOptions {
    #[command(subcommand)]
    action: Option<HooksAction>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum HooksAction {
    /// Tell a hook that this is a test; the exit code is 1 if it fails
    Test {
        /// The hook
        name: String,
    },
}

/// A hook and what it follows. Times are UTC, in the mirror's format.
#[derive(Debug, Serialize)]
struct HookView {
    hook: String,
    /// `job NAME` or `bundle NAME`.
    follows: String,
    /// When it was told last; `null` if never.
    told: Option<String>,
    /// Attempts in a row that failed.
    attempts: u32,
    /// When it is tried again.
    due: Option<String>,
    /// Why the last attempt failed.
    message: Option<String>,
}

/// Shows the hooks, or tries one.
pub async fn run(folders: &Folders, options: &HooksOptions) -> Result<(), Exit> {
    if let Some(HooksAction::Test { name }) = &options.action {
        return test(folders, name).await;
    }
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let setup = access.setup()?;
    if setup.config.hooks.is_empty() {
        return Err(Exit::usage("rollbook.toml has no [hooks.NAME]"));
    }
    let states = match access.mirror_if_made() {
        Some(mirror) => hook_states(setup, mirror)?,
        None => HookStates::default(),
    };
    let views: Vec<HookView> = states.into_iter().map(view).collect();
    if options.json {
        out::json(&views);
    } else {
        out::text(text(&views, out::width()));
    }
    Ok(())
}

fn view(((hook, subject), state): ((HookName, HookSubject), HookState)) -> HookView {
    HookView {
        hook: hook.to_string(),
        follows: subject.to_string(),
        told: state.told.map(to_canonical),
        attempts: state.attempts,
        due: state.due.map(to_canonical),
        message: state.message,
    }
}

fn text(views: &[HookView], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        group("hook"),
        left("follows"),
        left("told (UTC)"),
        right("failed"),
        left("next try (UTC)"),
        note("why"),
    ]);
    let time = |time: &Option<String>| time.as_deref().map(minute).unwrap_or_default();
    for view in views {
        table.row([
            view.hook.clone(),
            view.follows.clone(),
            time(&view.told),
            match view.attempts {
                0 => String::new(),
                some => grouped(some.into()),
            },
            time(&view.due),
            view.message.clone().unwrap_or_default(),
        ]);
    }
    table.render(width)
}

/// Not recorded: a test is no delivery.
async fn test(folders: &Folders, name: &str) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let Some((name, config)) = setup.config.hooks.get_key_value(name) else {
        return Err(Exit::usage(unknown_hook(&setup, name)));
    };
    let call = HookCall {
        name,
        config,
        news: &HookNews::Test,
        now: Clock::system().now(),
        mirror: &folders.mirror(&setup),
    };
    let told = call.tell(&start::secrets(folders, &overlay)).await;
    told.map_err(|why| Exit::failed(format!("rollbook: the hook {name} failed: {why}")))?;
    out::text(format!("{name}: told"));
    Ok(())
}
