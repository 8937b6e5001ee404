//! The page of the storage: sizes, backups, what is next.

use maud::{Markup, html};

use super::facts::SiteFacts;
use super::overview::no_history;
use super::parts::time;
use rollbook_core::model::figures::grouped;
use rollbook_core::model::run_history::StorageUse;

/// What the page shows.
pub(super) fn storage_page(facts: &SiteFacts<'_>) -> Markup {
    html! {
        section id="storage" {
            h1 { "Storage" }
            @match facts.history {
                None => p { (no_history()) },
                Some(history) => {
                    (storage_list(&history.storage))
                    p.small { "Of " code { (history.mirror) } ", as of " (time(&history.written)) "." }
                }
            }
        }
    }
}

pub(super) fn storage_list(storage: &StorageUse) -> Markup {
    let size = |bytes: Option<u64>| bytes.map_or("none".to_owned(), size);
    html! { dl.facts {
        dt { "mirror" } dd { (size(storage.mirror_bytes)) }
        dt { "write-ahead log" } dd { (size(storage.log_bytes)) }
        dt { "vault" } dd { (size(storage.vault_bytes)) }
        dt { "free on the disk" } dd { (size(storage.free_bytes)) }
        dt { "backups" } dd {
            (grouped(storage.backups))
            @if let Some(newest) = &storage.newest_backup { "; the newest of " (time(&newest.made)) " has " (size(Some(newest.bytes))) }
        }
        dt { "next backup" } dd { @match &storage.next_backup { Some(at) => { (time(at)) } None => "not scheduled" } }
        @if let Some(at) = &storage.next_purge { dt { "next purge" } dd { "after the first run that ends after " (time(at)) } }
    } }
}

fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    match bytes as f64 / MIB {
        mib if mib >= 1024.0 => format!("{:.1} GiB", mib / 1024.0),
        mib => format!("{mib:.1} MiB"),
    }
}
