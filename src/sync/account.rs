//! Whose account a run reads, found out before anything is applied.
//!
//! One request a run where the connector says which stream tells it; what follows is decided in `model/account.rs`.

use std::collections::BTreeSet;

use super::error::Failure;
use super::job::{Identity, Source};
use super::probe;
use crate::clock::Clock;
use crate::http::RunBudget;
use crate::model::account::{Account, Whose, compare};
use crate::store::{Store, accounts};

/// Compares the account that the source reads with the one whose rows the mirror holds.
///
/// # Errors
/// When the mirror cannot be read, or when the vendor does not answer whose account it is although the mirror knows it:
/// nothing is applied that was not compared.
pub(super) async fn whose(
    source: &Source,
    store: &Store,
    clock: &Clock,
    budget: &RunBudget,
) -> Result<Whose, Failure> {
    let mut now = Account {
        address: source.address.clone(),
        ..Account::default()
    };
    let reader = store.reader()?;
    let known = accounts::load(&reader, &source.name)?;
    let has_rows = known.is_some() && accounts::has_rows(&reader, &source.name)?;
    drop(reader);
    if let Some(identity) = &source.identity {
        let is_known = known.as_ref().is_some_and(|known| !known.keys.is_empty());
        match ask(source, identity, clock, budget).await {
            Ok(found) => (now.keys, now.name) = found,
            Err(error) if is_known => return Err(error),
            Err(error) => {
                tracing::debug!(source = source.name, %error, "the vendor does not say whose account it is");
            }
        }
    }
    Ok(compare(known, now, has_rows))
}

/// The keys of the stream's first page, and the name in its first row.
async fn ask(
    source: &Source,
    identity: &Identity,
    clock: &Clock,
    budget: &RunBudget,
) -> Result<(BTreeSet<String>, Option<String>), Failure> {
    let spec = &identity.spec;
    let item = super::items::Item::default();
    let rows = probe::first_page(source, spec, &item, clock, budget).await?;
    let key = |row: crate::model::row::Cells<'_>| {
        let parts = spec.key.iter().filter_map(|place| row.at(*place).plain());
        parts
            .collect::<Vec<_>>()
            .join(" ")
            .replace(['\n', '\r'], " ")
    };
    let name = rows
        .iter()
        .next()
        .and_then(|row| row.at(identity.column).plain());
    Ok((rows.iter().map(key).collect(), name))
}
