//! `rollbook tokens`: how each source is let in, what is kept of it and until when. Never a value.

use comfy_table::Cell;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::exit::Exit;
use super::reading::Reading;
use super::words::moment;
use super::{out, start, table};
use crate::app::{Overlay, Places, Setup, Waiting, keys, waiting};
use crate::clock::Clock;
use crate::config::{Auth, Grant};
use crate::model::nearest::joined;
use crate::model::{scalar, sign_in};
use crate::store::vault::{KeptLine, Keys, kept};
use crate::store::{look, runs};

/// Options of `tokens`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows what is kept.
pub fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let reading = Reading::open(places)?.up_to_date()?;
    let setup = reading.setup()?;
    let keys = keys(
        &setup.config.store,
        &start::secrets(places, &Overlay::default()),
    )?;
    let kept = kept(&places.vault(setup))?;
    let parked = parked(&reading, &kept)?;
    let view = view(setup, kept, &keys, &parked);
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view, Clock::system().now()));
    }
    Ok(())
}

/// A source, and what is known of its tokens. Times are UTC, as in the mirror.
#[derive(Debug, Default, Serialize)]
struct Line {
    source: String,
    /// Nothing for a source that is kept and no longer configured, or needs no sign-in.
    grant: Option<&'static str>,
    /// Whether a refresh token is kept.
    kept: bool,
    /// When the tokens were asked for.
    obtained: Option<String>,
    /// When the access token is renewed, and when it ends, where the vendor says so.
    renewed_from: Option<String>,
    access_until: Option<String>,
    /// The scopes that were granted, where the vendor said so.
    granted: Option<String>,
    /// The name of the key that it is sealed with.
    sealed_with: Option<String>,
    /// Why it cannot be opened.
    shut: Option<String>,
    /// When a refresh was begun that has not ended.
    refresh_begun: Option<String>,
    /// When a password was refused last.
    password_refused: Option<String>,
    sign_in_needed: bool,
    /// Jobs that wait for a person, and why.
    parked: Vec<Parked>,
}

#[derive(Clone, Debug, Serialize)]
struct Parked {
    job: String,
    #[serde(skip)]
    source: String,
    reason: String,
    #[serde(skip)]
    waiting: Waiting,
}

fn parked(reading: &Reading, kept: &[KeptLine]) -> Result<Vec<Parked>, Exit> {
    let Some(mirror) = reading.mirror_if_made() else {
        return Ok(Vec::new());
    };
    let mut parked = Vec::new();
    for (name, job) in &reading.setup()?.jobs {
        let (source, state) = (
            job.source.to_string(),
            runs::job_state(mirror, name.as_str())?,
        );
        let line = kept.iter().find(|line| line.source == source);
        let obtained = line.and_then(|line| line.obtained.as_deref());
        let last = look::runs(mirror, Some(name.as_str()), 1)?.pop();
        let tried = last.as_ref().and_then(|run| run.ended.as_deref());
        let waiting = waiting(&state, tried, obtained);
        if let (Some(waiting), Some(known)) = (waiting, state.parked) {
            parked.push(Parked {
                job: name.to_string(),
                source,
                reason: known.message,
                waiting,
            });
        }
    }
    Ok(parked)
}

fn view(setup: &Setup, kept: Vec<KeptLine>, keys: &Keys, parked: &[Parked]) -> Vec<Line> {
    let configured = setup.sources.iter();
    let mut lines: Vec<Line> = configured
        .map(|(name, source)| {
            let mine = kept.iter().find(|line| line.source == name.as_str());
            let mine = mine.cloned().unwrap_or_default();
            line(name.as_str(), source.config.auth.as_ref(), mine, keys)
        })
        .collect();
    let strange = kept
        .into_iter()
        .filter(|line| setup.source(&line.source).is_none());
    lines.extend(strange.map(|mine| line(&mine.source.clone(), None, mine, keys)));
    for line in &mut lines {
        let mine = parked.iter().filter(|job| job.source == line.source);
        line.parked = mine.cloned().collect();
    }
    lines
}

fn line(source: &str, auth: Option<&Auth>, kept: KeptLine, keys: &Keys) -> Line {
    let is_kept = kept.obtained.is_some();
    let after = |part: i64| {
        let life = i64::try_from(kept.access_life_ms?).ok()?;
        let since = scalar::parse(kept.obtained.as_deref()?)?;
        let length = SignedDuration::from_millis(life / 3 * part);
        Some(scalar::written(scalar::moved(since, length)))
    };
    let sealed = is_kept || kept.intent.is_some();
    Line {
        source: source.to_owned(),
        grant: auth.map(|auth| auth.grant.as_str()),
        kept: is_kept,
        renewed_from: after(2),
        access_until: after(3),
        shut: sealed
            .then(|| keys.refusal(kept.key_id.as_deref()))
            .flatten()
            .map(|error| error.to_string()),
        granted: kept.scope,
        sealed_with: kept.key_id,
        refresh_begun: kept.intent,
        password_refused: kept.refused,
        sign_in_needed: !is_kept && auth.is_some_and(needs_sign_in),
        obtained: kept.obtained,
        parked: Vec::new(),
    }
}

/// Whether a person must act before the first token can be had.
fn needs_sign_in(auth: &Auth) -> bool {
    match auth.grant {
        Grant::AuthorizationCode => true,
        Grant::RefreshToken => auth.refresh_token.is_none(),
        Grant::ClientCredentials | Grant::Password | Grant::ApiKey => false,
    }
}

fn text(lines: &[Line], now: Timestamp) -> String {
    let heads = [
        "source",
        "grant",
        "kept since (UTC)",
        "access token until",
        "sealed",
    ];
    let mut table = table::table(&heads);
    for line in lines {
        let at = |time: &Option<String>| time.as_deref().map_or(String::new(), moment);
        table.add_row([
            Cell::new(&line.source),
            Cell::new(line.grant.unwrap_or("")),
            Cell::new(age(line, now)),
            Cell::new(at(&line.access_until)),
            Cell::new(match (&line.sealed_with, line.kept) {
                (Some(id), _) => format!("with key {id}"),
                (None, true) => "no".to_owned(),
                (None, false) => String::new(),
            }),
        ]);
    }
    let mut text = format!("{table}\n");
    for remark in lines.iter().flat_map(remarks) {
        text.push_str(&format!("• {remark}\n"));
    }
    text
}

/// When it was obtained and how long ago that is, in whole days.
fn age(line: &Line, now: Timestamp) -> String {
    let Some(obtained) = &line.obtained else {
        return match line.grant {
            Some("api_key") => "a fixed key",
            Some("client_credentials" | "password") => "never stored",
            _ => "",
        }
        .to_owned();
    };
    let days = scalar::parse(obtained).map_or(0, |since| now.duration_since(since).as_hours() / 24);
    match days {
        ..1 => moment(obtained),
        1 => format!("{} (1 day)", moment(obtained)),
        days => format!("{} ({days} days)", moment(obtained)),
    }
}

/// What an admin may want to know or do.
fn remarks(line: &Line) -> Vec<String> {
    let source = &line.source;
    let mut remarks = Vec::new();
    let is_said = (line.parked.iter()).any(|parked| parked.waiting == Waiting::SignIn);
    if line.sign_in_needed && !is_said {
        remarks.push(match line.grant {
            Some("authorization_code") => {
                format!("{source}: nobody has signed in yet: rollbook login {source}")
            }
            _ => format!(
                "{source}: there is no refresh token; name one under [sources.{source}.auth]"
            ),
        });
    }
    if line.grant.is_none() && line.kept {
        remarks.push(format!(
            "{source}: kept, but not configured with a sign-in any more; to forget it: rollbook logout {source}"
        ));
    }
    if let Some(shut) = &line.shut {
        remarks.push(format!("{source}: {shut}"));
    }
    // A token that the vendor refused is not tried again by anybody who knows; the sign-in ends that too.
    if let Some(begun) = line.refresh_begun.as_ref().filter(|_| !is_said) {
        remarks.push(format!(
            "{source}: a refresh was begun at {} UTC and has not ended; the old token is tried once more",
            moment(begun)
        ));
    }
    if let Some(refused) = &line.password_refused {
        remarks.push(format!(
            "{source}: a password was refused at {} UTC; the same one is not tried again for a day",
            moment(refused)
        ));
    }
    remarks.extend(waits(line));
    remarks
}

/// What parked jobs wait for; those that a sign-in concerns are said together.
fn waits(line: &Line) -> Vec<String> {
    let source = &line.source;
    let jobs = |what: Waiting| -> Vec<&str> {
        let parked = line.parked.iter().filter(|parked| parked.waiting == what);
        parked.map(|parked| parked.job.as_str()).collect()
    };
    let mut waits = Vec::new();
    let (sign_in, tick) = (jobs(Waiting::SignIn), jobs(Waiting::Tick));
    if !sign_in.is_empty() {
        waits.push(format!(
            "{source}: sign in: {}; after that {} will go on",
            sign_in::command(source),
            joined(sign_in)
        ));
    }
    if !tick.is_empty() {
        waits.push(format!(
            "{source}: somebody has signed in; {} will go on at the next tick",
            joined(tick)
        ));
    }
    for Parked {
        job,
        reason,
        waiting,
        ..
    } in &line.parked
    {
        match waiting {
            Waiting::SignIn | Waiting::Tick => {}
            Waiting::Repair => waits.push(format!(
                "{job} is parked: {reason}; after that it goes on by itself"
            )),
            Waiting::Resume => waits.push(format!(
                "{job} is parked: {reason}; when that is put right: rollbook resume {job}"
            )),
        }
    }
    waits
}

#[cfg(test)]
mod tests;
