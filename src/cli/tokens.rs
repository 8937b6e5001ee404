//! `rollbook tokens`: how each source authenticates, and the state of its tokens. Never a secret.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::table::{TextTable, blocks, bullets, left, many, minute, right};
use super::{out, start};
use rollbook_app::app::{ParkedJobNeeds, keys, parked_job_needs, token_entries};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::{advice, joined};
use rollbook_core::model::GrantKind;
use rollbook_core::model::kept_refusal::password_rests_until;
use rollbook_core::model::scalar::display_time;
use rollbook_core::model::{scalar, sign_in};
use rollbook_core::store::vault::{Keys, VaultEntry};
use rollbook_core::store::{queries, runs};
use rollbook_engine::setup::files::Auth;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `tokens`.
#[derive(Debug, clap::Args)]
pub struct TokensOptions {
    /// Only this source
    source: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the sources.
pub async fn run(folders: &Folders, options: &TokensOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let setup = access.setup()?;
    let (secrets, clock) = (
        start::secrets(folders, &Overlay::default()),
        Clock::system(),
    );
    let keys = keys(&setup.config.store, &secrets)?;
    let kept = token_entries((folders, setup), (&secrets, &clock)).await?;
    let parked = parked(&access, &kept)?;
    let view = only(view(setup, kept, &keys, &parked), options.source.as_deref())?;
    if options.json {
        out::json(&view);
    } else {
        out::text(text(&view, Clock::system().now(), out::width()));
    }
    Ok(())
}

/// All sources, or the one of this name.
fn only(mut views: Vec<TokenView>, source: Option<&str>) -> Result<Vec<TokenView>, Exit> {
    let Some(source) = source else {
        return Ok(views);
    };
    if views.iter().all(|view| view.source != source) {
        let known = views.iter().map(|view| view.source.as_str());
        let help = advice(source, known.collect::<Vec<_>>());
        return Err(Exit::usage(format!(
            "there is no source `{source}`; {help}"
        )));
    }
    views.retain(|view| view.source == source);
    Ok(views)
}

/// A source and the state of its tokens. Times are UTC, in the mirror's format.
#[derive(Debug, Default, Serialize)]
struct TokenView {
    source: String,
    /// `null` for a source that is not configured any more, or uses no authentication.
    grant: Option<&'static str>,
    /// Whether a grant is stored.
    stored: bool,
    /// When the tokens were requested.
    obtained: Option<String>,
    /// When the access token is renewed, and when it expires, if the vendor reports that.
    renewed_from: Option<String>,
    access_until: Option<String>,
    /// The granted scopes, if the vendor reported them.
    granted: Option<String>,
    /// The id of the key that encrypts it.
    sealed_with: Option<String>,
    /// Why it cannot be decrypted.
    vault_error: Option<String>,
    /// When a refresh started that has not finished.
    refresh_started: Option<String>,
    /// When a password was last refused, or not clearly accepted, and not accepted since.
    password_refused: Option<String>,
    /// Whether the vendor clearly refused it.
    #[serde(skip)]
    is_clearly_refused: bool,
    sign_in_needed: bool,
    #[serde(skip)]
    is_in_cluster: bool,
    /// Parked jobs, and why.
    parked: Vec<ParkedView>,
}

#[derive(Clone, Debug, Serialize)]
struct ParkedView {
    job: String,
    #[serde(skip)]
    source: String,
    reason: String,
    #[serde(skip)]
    needs: ParkedJobNeeds,
}

fn parked(access: &MirrorAccess, kept: &[VaultEntry]) -> Result<Vec<ParkedView>, Exit> {
    let Some(mirror) = access.mirror_if_made() else {
        return Ok(Vec::new());
    };
    let mut parked = Vec::new();
    for (name, job) in &access.setup()?.jobs {
        let (source, state) = (
            job.source.to_string(),
            runs::job_state(mirror, &name.into())?,
        );
        let line = kept.iter().find(|line| line.source == source);
        let obtained = line.and_then(|line| line.obtained.as_deref());
        let last = queries::runs(mirror, Some(name), 1)?.pop();
        let tried = last.as_ref().and_then(|run| run.ended.as_deref());
        let needs = parked_job_needs(&state, tried, obtained);
        if let (Some(needs), Some(known)) = (needs, state.parked) {
            parked.push(ParkedView {
                job: name.to_string(),
                source,
                reason: known.message,
                needs,
            });
        }
    }
    Ok(parked)
}

fn view(
    setup: &Setup,
    kept: Vec<VaultEntry>,
    keys: &Keys,
    parked: &[ParkedView],
) -> Vec<TokenView> {
    let configured = setup.sources.iter();
    let mut lines: Vec<TokenView> = configured
        .map(|(name, source)| {
            let stored = kept.iter().find(|line| line.source == name.as_str());
            let stored = stored.cloned().unwrap_or_default();
            line(name.as_str(), source.config.auth.as_ref(), stored, keys)
        })
        .collect();
    let unconfigured = kept
        .into_iter()
        .filter(|line| setup.source(&line.source).is_none());
    lines.extend(unconfigured.map(|mine| line(&mine.source.clone(), None, mine, keys)));
    for line in &mut lines {
        line.is_in_cluster = setup.config.cluster.is_some();
        let mine = parked.iter().filter(|job| job.source == line.source);
        line.parked = mine.cloned().collect();
    }
    lines
}

fn line(source: &str, auth: Option<&Auth>, kept: VaultEntry, keys: &Keys) -> TokenView {
    let is_kept = kept.obtained.is_some();
    let after = |part: i64| {
        let life = i64::try_from(kept.access_life_ms?).ok()?;
        let since = scalar::parse(kept.obtained.as_deref()?)?;
        let length = SignedDuration::from_millis(life / 3 * part);
        Some(scalar::to_canonical(scalar::saturating_add(since, length)))
    };
    let sealed = is_kept || kept.intent.is_some();
    TokenView {
        source: source.to_owned(),
        grant: auth.map(|auth| auth.grant.as_str()),
        stored: is_kept,
        renewed_from: after(2),
        access_until: after(3),
        vault_error: sealed
            .then(|| keys.refusal(kept.key_id.as_deref()))
            .flatten()
            .map(|error| error.to_string()),
        granted: kept.scope,
        sealed_with: kept.key_id,
        refresh_started: kept.intent,
        is_clearly_refused: kept.is_clearly_refused,
        password_refused: kept
            .refused
            .filter(|_| auth.is_some_and(|auth| auth.grant == GrantKind::Password)),
        sign_in_needed: !is_kept && auth.is_some_and(needs_sign_in),
        is_in_cluster: false,
        obtained: kept.obtained,
        parked: Vec::new(),
    }
}

/// Whether a person must act before there is a first token.
fn needs_sign_in(auth: &Auth) -> bool {
    match auth.grant {
        GrantKind::AuthorizationCode => true,
        GrantKind::RefreshToken => auth.refresh_token.is_none(),
        GrantKind::ClientCredentials
        | GrantKind::Password
        | GrantKind::JwtBearer
        | GrantKind::ApiKey
        | GrantKind::Oauth1 => false,
    }
}

fn text(lines: &[TokenView], now: Timestamp, width: Option<usize>) -> String {
    let mut table = TextTable::new([
        left("source"),
        left("grant"),
        left("obtained (UTC)"),
        right("age").optional(),
        left("access token until"),
        left("encrypted"),
    ]);
    for line in lines {
        table.row([
            line.source.clone(),
            line.grant.unwrap_or("").to_owned(),
            obtained(line),
            age(line, now),
            line.access_until.as_deref().map_or(String::new(), minute),
            match (&line.sealed_with, line.stored) {
                (Some(id), _) => format!("key {id}"),
                (None, true) => "no".to_owned(),
                (None, false) => String::new(),
            },
        ]);
    }
    let remarks = lines.iter().flat_map(|line| remarks(line, now));
    blocks([table.render(width), bullets(remarks)])
}

fn obtained(line: &TokenView) -> String {
    match (&line.obtained, line.grant) {
        (Some(obtained), _) => minute(obtained),
        (None, Some("api_key")) => "API key".to_owned(),
        (None, Some("client_credentials" | "password")) => "not stored".to_owned(),
        (None, _) => String::new(),
    }
}

/// In whole days, from one on.
fn age(line: &TokenView, now: Timestamp) -> String {
    let since = line.obtained.as_deref().and_then(scalar::parse);
    let days = since.map(|since| now.duration_since(since).as_hours() / 24);
    match days {
        Some(days @ 1..) => many(days as u64, "day", "days"),
        _ => String::new(),
    }
}

/// What an admin may have to know or do.
fn remarks(line: &TokenView, now: Timestamp) -> Vec<String> {
    let source = &line.source;
    let mut remarks = Vec::new();
    let is_shown = (line.parked.iter()).any(|parked| parked.needs == ParkedJobNeeds::SignIn);
    if line.sign_in_needed && !is_shown {
        remarks.push(match line.grant {
            Some("authorization_code") => {
                format!("{source}: no sign-in yet: rollbook login {source}")
            }
            _ => format!("{source}: there is no refresh token; set one in [sources.{source}.auth]"),
        });
    }
    if line.grant.is_none() && line.stored {
        remarks.push(format!(
            "{source}: stored, but no longer configured with a sign-in; to delete it: rollbook logout {source}"
        ));
    }
    if let Some(error) = &line.vault_error {
        remarks.push(format!("{source}: {error}"));
    }
    // After a refused refresh token the sign-in is what matters.
    if let Some(started) = line.refresh_started.as_ref().filter(|_| !is_shown) {
        let then = match line.is_in_cluster {
            false => "the old token is tried once more".to_owned(),
            true => format!("its token is not sent again before `rollbook resume {source}`"),
        };
        remarks.push(format!(
            "{source}: a refresh started at {} UTC and has not finished; {then}",
            display_time(started)
        ));
    }
    if let Some(refused) = &line.password_refused {
        let until = scalar::parse(refused).map(password_rests_until);
        let then = match until.filter(|until| *until > now) {
            Some(until) => format!(
                "the same password is not tried again before {} UTC",
                display_time(&scalar::to_canonical(until))
            ),
            None => "the next run tries it again".to_owned(),
        };
        let at = display_time(refused);
        remarks.push(match line.is_clearly_refused {
            true => format!("{source}: the password was refused at {at} UTC; {then}"),
            false => format!(
                "{source}: the password was neither accepted nor refused at {at} UTC; {then}, unless the token \
                 endpoint responds to a request without it"
            ),
        });
    }
    remarks.extend(parked_remarks(line));
    remarks
}

/// What parked jobs need; those that need a sign-in are one remark.
fn parked_remarks(line: &TokenView) -> Vec<String> {
    let source = &line.source;
    let jobs = |what: ParkedJobNeeds| -> Vec<&str> {
        let parked = line.parked.iter().filter(|parked| parked.needs == what);
        parked.map(|parked| parked.job.as_str()).collect()
    };
    let mut remarks = Vec::new();
    let (sign_in, tick) = (jobs(ParkedJobNeeds::SignIn), jobs(ParkedJobNeeds::NextTick));
    if !sign_in.is_empty() {
        remarks.push(format!(
            "{source}: sign in: {}; then {} will run",
            sign_in::command(source),
            joined(sign_in)
        ));
    }
    if !tick.is_empty() {
        remarks.push(format!(
            "{source}: there was a sign-in; {} will run at the next tick",
            joined(tick)
        ));
    }
    for ParkedView {
        job, reason, needs, ..
    } in &line.parked
    {
        match needs {
            ParkedJobNeeds::SignIn | ParkedJobNeeds::NextTick => {}
            ParkedJobNeeds::Repair => remarks.push(format!(
                "{job} is parked: {reason}; then it resumes by itself"
            )),
            ParkedJobNeeds::Resume => remarks.push(format!(
                "{job} is parked: {reason}; when that is fixed: rollbook resume {job}"
            )),
        }
    }
    remarks
}

#[cfg(test)]
mod tests;
