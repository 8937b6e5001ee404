//! `rollbook matches`: how people of two sources are matched. Counts by default; keys of people only with `--show`.
//!
//! Applies the rules to the current mirror, also while the daemon runs, and reports if the stored matches differ. Only
//! `--update` writes.

use serde_json::{Value, json};

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::table::many;
use super::table::{grouped, indented};
use super::{out, start};
use rollbook_core::document::suggest::advice;
use rollbook_core::model::people::{MatchSet, Matching};
use rollbook_core::store::matches::{self, Difference};
use rollbook_engine::setup::{Folders, Overlay};

/// Options of `matches`.
#[derive(Debug, clap::Args)]
pub struct MatchesOptions {
    /// Only this set of crosswalks/people.toml
    set: Option<String>,
    /// List the keys of conflicts and of unmatched people
    #[arg(long)]
    show: bool,
    /// Update the stored matches first, as the next run would; not while the daemon runs
    #[arg(long)]
    update: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result for one set.
struct MatchesView<'a> {
    set: &'a MatchSet,
    found: Matching,
    differs: Difference,
}

/// Shows the sets.
pub async fn run(folders: &Folders, options: &MatchesOptions) -> Result<(), Exit> {
    if options.update {
        drop(start::app(folders, &Overlay::default()).await?); // opening matches all sets
    }
    let access = MirrorAccess::open(folders)?;
    let sets = &access.setup()?.matches;
    if let Some(name) = &options.set
        && sets.iter().all(|set| set.name != *name.as_str())
    {
        let help = advice(name, sets.iter().map(|set| set.name.as_str()));
        return Err(Exit::usage(format!("there is no set `{name}`; {help}")));
    }
    let mirror = access.mirror()?;
    let mut views = Vec::new();
    for set in sets {
        if options
            .set
            .as_ref()
            .is_none_or(|name| set.name == *name.as_str())
        {
            let (found, differs) = matches::preview(mirror, set)?;
            views.push(MatchesView {
                set,
                found,
                differs,
            });
        }
    }
    if options.json {
        let all: Vec<Value> = views
            .iter()
            .map(|view| of_set(view, options.show))
            .collect();
        out::json(&all);
    } else if views.is_empty() {
        out::text("There are no sets in crosswalks/people.toml.");
    } else {
        let all: Vec<String> = views.iter().map(|view| text(view, options.show)).collect();
        out::text(all.join("\n"));
    }
    Ok(())
}

/// How many pairs each rule found, in the order of the rules.
fn by_rule(view: &MatchesView<'_>) -> Vec<(String, usize)> {
    let rules = view.set.rules.iter().enumerate();
    rules
        .map(|(number, rule)| {
            let pairs = view.found.pairs.iter();
            let count = pairs.filter(|pair| pair.rule == number).count();
            (rule.name.clone(), count)
        })
        .collect()
}

/// Rows in conflict on each side.
fn in_conflict(found: &Matching) -> (usize, usize) {
    let conflicts = found.conflicts.iter();
    conflicts.fold((0, 0), |(left, right), one| {
        (left + one.left.len(), right + one.right.len())
    })
}

fn of_set(view: &MatchesView<'_>, show: bool) -> Value {
    let MatchesView {
        set,
        found,
        differs,
    } = view;
    let rules: Vec<Value> = by_rule(view)
        .into_iter()
        .map(|(rule, matched)| json!({ "rule": rule, "matched": matched }))
        .collect();
    let (left, right) = in_conflict(found);
    let mut json = json!({
        "set": set.name, "left": set.left.table, "right": set.right.table,
        "matched": found.pairs.len(), "rules": rules,
        "conflicts": found.conflicts.len(), "left_in_conflict": left, "right_in_conflict": right,
        "left_only": found.left_only.len(), "right_only": found.right_only.len(),
        "not_written_yet": differs,
    });
    if show {
        let conflicts = found.conflicts.iter().map(|one| {
            let rule = &set.rules[one.rule].name;
            json!({ "rule": rule, "left": one.left, "right": one.right })
        });
        json["keys"] = json!({
            "conflicts": conflicts.collect::<Vec<_>>(),
            "left_only": found.left_only, "right_only": found.right_only,
        });
    }
    json
}

fn text(view: &MatchesView<'_>, show: bool) -> String {
    let MatchesView {
        set,
        found,
        differs,
    } = view;
    let (left, right) = (&set.left.table, &set.right.table);
    let number = |count: usize| grouped(count as u64);
    let rules: Vec<String> = by_rule(view)
        .into_iter()
        .map(|(rule, count)| format!("{rule}: {}", number(count)))
        .collect();
    let (left_in_conflict, right_in_conflict) = in_conflict(found);
    let conflict_rows = match found.conflicts.len() {
        0 => String::new(),
        _ => format!(
            "{} and {} rows",
            number(left_in_conflict),
            number(right_in_conflict)
        ),
    };
    let rows = [
        [
            "matched".to_owned(),
            number(found.pairs.len()),
            rules.join(", "),
        ],
        [
            "conflicts".to_owned(),
            number(found.conflicts.len()),
            conflict_rows,
        ],
        [
            format!("only in {left}"),
            number(found.left_only.len()),
            String::new(),
        ],
        [
            format!("only in {right}"),
            number(found.right_only.len()),
            String::new(),
        ],
    ];
    let mut text = format!("{}: {left} and {right}\n{}", set.name, indented(2, rows));
    if *differs != Difference::default() {
        text.push_str(&format!(
            "• rollbook_matches is outdated: {} to add, {} to remove; the next run that changes one of the tables \
             updates it, or `rollbook matches --update`\n",
            many(differs.new as u64, "match", "matches"),
            number(differs.removed)
        ));
    }
    if show {
        text.push_str(&keys(set, found));
    }
    text
}

fn keys(set: &MatchSet, found: &Matching) -> String {
    let mut text = String::new();
    if !found.conflicts.is_empty() {
        text.push_str("Conflicts, by their keys:\n");
        let rows = found.conflicts.iter().map(|one| {
            let rule = set.rules[one.rule].name.clone();
            [
                rule,
                one.left.join(" "),
                "–".to_owned(),
                one.right.join(" "),
            ]
        });
        text.push_str(&indented(2, rows));
    }
    for (table, only) in [
        (&set.left.table, &found.left_only),
        (&set.right.table, &found.right_only),
    ] {
        if !only.is_empty() {
            text.push_str(&format!("Only in {table}:\n"));
            text.push_str(&indented(2, only.iter().map(|key| [key.clone()])));
        }
    }
    text
}

#[cfg(test)]
mod tests;
