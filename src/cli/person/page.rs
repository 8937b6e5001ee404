//! The report as one page to print or send: no script, nothing from elsewhere, every value escaped by the template.

use maud::{Markup, html};

use super::outputs::CopyEntry;
use super::report::{PersonView, RowView, TableView};
use super::text::{NOTES, facts, key, meaning, name, older, pair, shown};
use crate::cli::table::minute;
use crate::web::html_page::html_page;

const STYLE: &str = "\
body { font: 15px/1.45 system-ui, sans-serif; color: #111; background: #fff; margin: 2rem auto; padding: 0 1rem; max-width: 60rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } h3 { font-size: 1rem; margin-bottom: .2rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ccc; overflow-wrap: anywhere }
th { font-weight: 600 } h2::first-letter { text-transform: uppercase } td:first-child { white-space: nowrap } td.value { min-width: 12rem; white-space: pre-wrap } .small { color: #444; font-size: .9rem }
@media print { body { margin: 0; max-width: none; font-size: 10pt } tr, h2, h3 { break-inside: avoid } h2, h3 { break-after: avoid } }
@media (max-width: 40rem) { td:first-child { white-space: normal } td.value { min-width: 0 } }
@page { margin: 18mm }";

/// The whole page.
pub(super) fn page(view: &PersonView) -> String {
    let body = html! {
        h1 { "What is kept of this person" }
        p { "Made " (minute(&view.made)) " UTC, for: "
            @for (index, one) in view.person.iter().enumerate() {
                @if index > 0 { ", " }
                b { (name(one)) }
            }
        }
        @for table in &view.tables { (table_section(view, table)) }
        (references(view))
        @if !view.matches.is_empty() {
            h2 { "Why rows of two sources are this person" }
            table {
                thead { tr { th { "rows" } th { "match set" } th { "rule" } th { "since" } } }
                tbody { @for one in &view.matches {
                    tr { td { (pair(&one.rows)) } td { (one.set) } td { (one.rule) } td { (minute(&one.since)) } }
                } }
            }
        }
        @if !view.records.is_empty() {
            h2 { "Records without values, by the key" }
            table {
                thead { tr { th { "table" } th { "rows" } th { "removed" } } }
                tbody { @for one in &view.records {
                    tr { td { (one.table) } td { (one.rows) } td { (one.leaves) } }
                } }
            }
        }
        (files("Copies of the mirror with rows of this person", &view.copies))
        (files("Other files", &view.outputs))
        @if !view.mentions.is_empty() {
            h2 { "Rows of others in which the name or an address occurs" }
            p.small { "They are about others, so they are only counted." }
            table {
                thead { tr { th { "table" } th { "rows" } } }
                tbody { @for one in &view.mentions { tr { td { (one.table) } td { (one.rows) } } } }
            }
        }
        @for note in NOTES { p.small { (note) } }
    };
    html_page("What is kept of a person", STYLE, &body)
}

fn table_section(view: &PersonView, table: &TableView) -> Markup {
    let title = match table.title.as_str() {
        "" => table.table.as_str(),
        title => title,
    };
    html! {
        h2 { (title) }
        p.small {
            "Table " (table.table) ", from " (view.origin(&table.source)) ". "
            @if table.is_person { "The row is this person." } @else { "The rows are about this person." }
        }
        @for row in &table.rows { (row_section(table, row)) }
    }
}

fn row_section(table: &TableView, row: &RowView) -> Markup {
    html! {
        h3 { (key(row)) }
        p.small { (facts(row)) }
        @if let Some(newest) = row.versions.first() {
            table {
                thead { tr { th { "column" } th { "value" } th { "meaning" } th { "at the vendor" } } }
                tbody {
                    @for (number, (column, value)) in newest.values.iter().enumerate() {
                        @if !value.is_null() {
                            tr {
                                td { (column) }
                                td.value { (shown(newest, column, value)) }
                                td { (meaning(table, number)) }
                                td { @if let Some(column) = table.columns.get(number) { (column.path) } }
                            }
                        }
                    }
                }
            }
        }
        @if row.versions.len() > 1 {
            p.small { "Earlier versions, where they differ:" }
            ul { @for (newer, version) in row.versions.iter().zip(row.versions.iter().skip(1)) {
                li.small { (older(newer, version)) }
            } }
        }
    }
}

fn references(view: &PersonView) -> Markup {
    html! {
        @if !view.references.is_empty() {
            h2 { "Rows of others that refer to this person" }
            table {
                thead { tr { th { "table" } th { "row" } th { "columns" } th { "" } } }
                tbody { @for one in &view.references {
                    tr {
                        td { (one.table) } td { (one.key.join(" ")) } td { (one.columns.join(", ")) }
                        td { @if one.ended { "old version" } }
                    }
                } }
            }
        }
    }
}

fn files(title: &str, entries: &[CopyEntry]) -> Markup {
    html! {
        @if !entries.is_empty() {
            h2 { (title) }
            table {
                thead { tr { th { "made" } th { "file" } th { "what" } th { "rows" } th { "removed" } } }
                tbody { @for entry in entries {
                    tr {
                        td { (minute(&entry.made)) } td { (entry.file.display()) } td { (entry.what) }
                        td { @if let Some(rows) = entry.rows { (rows) } } td { (entry.leaves) }
                    }
                } }
            }
        }
    }
}
