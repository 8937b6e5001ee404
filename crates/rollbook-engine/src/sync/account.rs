//! Identifies the account that a run reads, before anything is applied.
//!
//! One request per run if the connector names the stream with the account; `model/account.rs` decides what follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::Failure;
use super::job::{Identity, Source};
use super::probe;
use rollbook_core::clock::Clock;
use rollbook_core::model::StreamName;
use rollbook_core::model::account::{Account, AccountCheck, compare};
use rollbook_core::model::row::Cells;
use rollbook_core::store::{StagingSpace, Store, accounts};
use rollbook_http::http::{Effort, HttpError, RunBudget};

/// How often the page with the account is requested where nothing depends on it: the stream itself is read later, with
/// what is left of the attempts.
const UNKNOWN: Effort = Effort {
    attempts: 2,
    ..Effort::ONCE
};

/// The account of a run.
pub(super) struct Identified {
    pub check: AccountCheck,
    /// The stream with the account, and the attempts at its first page that failed.
    pub failed_attempts: Option<(StreamName, u32)>,
}

/// Compares the account that the source reads with the account of the mirror's rows.
///
/// # Errors
/// If the mirror cannot be read, or if the mirror knows the account and the vendor does not name it now: nothing is
/// applied without the comparison.
pub(super) async fn identify(
    source: &Source,
    store: &Store,
    clock: &Clock,
    budget: &RunBudget,
) -> Result<Identified, Failure> {
    let mut now = Account {
        address: source.address.clone(),
        ..Account::default()
    };
    let reader = store.reader()?;
    let known = accounts::load(&reader, &source.name)?;
    let has_rows = known.is_some() && accounts::has_rows(&reader, &source.name)?;
    drop(reader);
    let mut failed_attempts = None;
    if let Some(identity) = &source.identity {
        let is_known = known.as_ref().is_some_and(|known| !known.keys.is_empty());
        let effort = if is_known { Effort::USUAL } else { UNKNOWN };
        match ask(
            source,
            identity,
            effort,
            store.staging_space(),
            (clock, budget),
        )
        .await
        {
            Ok(found) => (now.keys, now.name) = found,
            Err(error) if is_known => return Err(error),
            Err(error) => {
                let attempts = error.http().map_or(0, HttpError::attempts);
                failed_attempts = Some((identity.spec.name.clone(), attempts));
                tracing::debug!(source = source.name.as_str(), %error, "could not identify the account of the source");
            }
        }
    }
    Ok(Identified {
        check: compare(known, now, has_rows),
        failed_attempts,
    })
}

/// The keys of the stream's first page, and the name in its first row.
async fn ask(
    source: &Source,
    identity: &Identity,
    effort: Effort,
    space: &Arc<StagingSpace>,
    clocks: (&Clock, &RunBudget),
) -> Result<(BTreeSet<String>, Option<String>), Failure> {
    let spec = &identity.spec;
    let item = super::items::Item::default();
    let page = probe::first_page(source, spec, &item, effort, space, clocks).await?;
    let key = |row: Cells<'_>| {
        let parts = spec.key.iter().filter_map(|index| row.at(*index).plain());
        parts
            .collect::<Vec<_>>()
            .join(" ")
            .replace(['\n', '\r'], " ")
    };
    let (mut keys, mut name) = (BTreeSet::new(), None);
    page.each(|rows| {
        if keys.is_empty() && !rows.is_empty() {
            name = rows.row(0).at(identity.column).plain();
        }
        keys.extend(rows.iter().map(key));
        Ok(())
    })?;
    Ok((keys, name))
}
