//! How streams are requested from servers that do not serve them as their connectors define.
//!
//! No part of the data: losing it costs a few requests.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::StoreError;
use crate::model::adaptation::NotServed;
use crate::model::{Adaptation, SourceName, StreamName, scalar};

/// What was found out of the streams of a source, with this account.
pub fn load(
    connection: &Connection,
    source: &SourceName,
    account: &str,
) -> Result<BTreeMap<StreamName, Adaptation>, StoreError> {
    let what = StoreError::sql("read how streams are requested");
    let mut statement = connection
        .prepare_cached(
            "SELECT stream, path, without, page_size, found, refused, refusal, items FROM rollbook_adaptations \
             WHERE source = ?1 AND account = ?2",
        )
        .map_err(&what)?;
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    statement
        .query_map(params![source, account], |row| {
            let without: String = row.get(2)?;
            let refused = time(row.get(5)?);
            let reason: Option<String> = row.get(6)?;
            let adaptation = Adaptation {
                path: row.get(1)?,
                without: without.split_whitespace().map(str::to_owned).collect(),
                size: row.get(3)?,
                items: row.get(7)?,
                found: time(row.get(4)?),
                refusal: refused.map(|at| NotServed {
                    at,
                    reason: reason.unwrap_or_default(),
                }),
            };
            Ok((row.get(0)?, adaptation))
        })
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Writes what was found out of streams.
pub fn save(
    connection: &Connection,
    source: &SourceName,
    account: &str,
    adaptations: &[(StreamName, Adaptation)],
) -> Result<(), StoreError> {
    let what = StoreError::sql("write how streams are requested");
    let mut insert = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO rollbook_adaptations \
             (source, stream, account, path, without, page_size, found, refused, refusal, items) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .map_err(&what)?;
    for (stream, adaptation) in adaptations {
        let refusal = adaptation.refusal.as_ref();
        insert
            .execute(params![
                source,
                stream,
                account,
                adaptation.path,
                adaptation.without.join(" "),
                adaptation.size,
                adaptation.found.map(scalar::to_canonical),
                refusal.map(|refusal| scalar::to_canonical(refusal.at)),
                refusal.map(|refusal| refusal.reason.as_str()),
                adaptation.items,
            ])
            .map_err(&what)?;
    }
    Ok(())
}
