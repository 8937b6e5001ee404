//! `rollbook export BUNDLE [--dry-run | --approve | --full]`: writes a bundle now, or shows how it would differ from the last one.

use crate::cli::admin_request::send_request;
use crate::cli::exit::Exit;
use crate::cli::mirror_access::MirrorAccess;
use crate::cli::out;
use crate::cli::table::{TextTable, count, grouped, left, right};
use rollbook_app::app::{AdminRequest, AdminResponse, BundleAction, BundleReport, dry_run};
use rollbook_core::clock::Clock;
use rollbook_core::model::BundleName;
use rollbook_core::store::queries;
use rollbook_core::store::schema::refuse_outdated;
use rollbook_engine::setup::Folders;

/// The bundle that is meant, unless streams are.
pub(super) fn named(access: &MirrorAccess, names: &[String]) -> Result<Option<BundleName>, Exit> {
    let [name] = names else { return Ok(None) };
    let Ok(setup) = &access.setup else {
        return Ok(None);
    };
    if let Some((name, _)) = setup.bundles.get_key_value(name.as_str()) {
        return Ok(Some(name.clone()));
    }
    // A name without a source is none of a stream.
    let is_stream = match access.mirror_if_made() {
        Some(mirror) => queries::mirrored(mirror)?.iter().any(|(source, _)| {
            let rest = name.strip_prefix(source.as_str());
            rest.is_some_and(|rest| rest.starts_with(['_', '.']))
        }),
        None => true,
    };
    match is_stream || setup.bundles.is_empty() {
        true => Ok(None),
        false => Err(Exit::usage(rollbook_app::app::unknown_bundle(setup, name))),
    }
}

/// Writes it, or shows what would be written.
pub(super) async fn run(
    folders: &Folders,
    access: &MirrorAccess,
    name: BundleName,
    action: Option<BundleAction>,
) -> Result<(), Exit> {
    let report = match action {
        None => {
            let setup = access.setup()?;
            refuse_outdated(access.mirror()?, &access.path)?;
            let now = Clock::system().now();
            dry_run(setup, &access.path, &name, now)
                .map_err(|error| Exit::failed(error.to_string()))?
        }
        Some(action) => {
            let request = AdminRequest::WriteBundle { name, action };
            match send_request(folders, &request).await?.0 {
                AdminResponse::Bundle(report) => *report,
                response => {
                    return Err(Exit::failed(format!("unexpected response: {response:?}")));
                }
            }
        }
    };
    out::text(text(&report, action.is_none(), out::width()));
    match report.is_held && action.is_some() {
        true => Err(Exit::unsuccessful()),
        false => Ok(()),
    }
}

fn text(report: &BundleReport, is_dry: bool, width: Option<usize>) -> String {
    let mut table = TextTable::new([
        left("file"),
        right("rows"),
        right("new"),
        right("changed"),
        right("removed"),
        right("left out"),
    ]);
    for file in &report.files {
        let left_out = file.left_out.iter().map(|(_, count)| count).sum();
        table.row([
            file.name.clone(),
            grouped(file.rows),
            count(file.added),
            count(file.changed),
            count(file.removed),
            count(left_out),
        ]);
    }
    let mut text = table.render(width);
    for file in &report.files {
        for (reason, rows) in &file.left_out {
            text += &format!("{}: {} left out: {reason}\n", file.name, grouped(*rows));
        }
    }
    let to = match &report.to {
        Some(path) => path.display().to_string(),
        None => "the rows for `rollbook serve`".to_owned(),
    };
    text + &match (&report.not_written, is_dry) {
        (Some(why), _) => format!("Not written: {why}.\n"),
        (None, true) if report.is_full => {
            format!("Nothing was written; `rollbook export` writes {to}, with all rows again.\n")
        }
        (None, false) if report.is_full => format!("Wrote {to}, with all rows again.\n"),
        (None, true) => format!("Nothing was written; `rollbook export` writes {to}.\n"),
        (None, false) => format!("Wrote {to}.\n"),
    }
}
