//! `[cluster]` against everything else that is configured: in a cluster a source has a mirror of its own, which moves between machines.
//!
//! What needs several sources in one mirror, or a file that stays on one machine, is refused here.

use std::path::{Component, Path};

use super::checks::Checks;
use super::files::People;
use super::files::bundle::BundleFile;
use super::files::crosswalk::CrosswalkFile;
use rollbook_core::document::{Location, Node, Problem};

/// What a program says of PostgreSQL that was built without the feature `postgres`.
pub const WITHOUT_POSTGRES: &str = "this rollbook was built without `postgres`: use that of the package, or `cargo build --release --features postgres`";

/// Tables of `rollbook.toml` that a cluster cannot have: why, and what to do.
const REFUSED: &[(&[&str], &str, &str)] = &[
    (
        &["store", "backup"],
        "in a cluster the mirrors move between machines, so none of them makes backups",
        "back up the cluster's database instead, and remove this table",
    ),
    (
        &["store", "copy"],
        "in a cluster the mirrors move between machines, so there is no copy beside them",
        "publish the tables with `[publish.NAME]` instead, and remove this table",
    ),
    (
        &["store", "readers"],
        "in a cluster the mirrors move between machines, so no group can read them",
        "let people read a database of `[publish.NAME]` instead, and remove this key",
    ),
];

impl Checks<'_> {
    /// What does not go together with `[cluster]` is an error where it is written.
    pub(super) fn cluster(
        &mut self,
        people: &People,
        crosswalks: &[CrosswalkFile],
        bundles: &[BundleFile],
    ) {
        let files = self.files;
        let Some(tree) = &files.rollbook else { return };
        let Some(cluster) = tree.at(&["cluster"]) else {
            return;
        };
        if !cfg!(feature = "postgres") {
            self.refuse(cluster.location(), WITHOUT_POSTGRES, None);
        }
        if tree.at(&["store", "vault_key"]).is_none() {
            let help = "write `vault_key = { credential = \"vault-key\" }` in [store]; `rollbook vault key` makes a key";
            let message = "the tokens of a cluster are in its database, so they need a key: `vault_key` of [store] is missing";
            self.refuse(cluster.location(), message, Some(help));
        }
        for (path, message, help) in REFUSED {
            if let Some(node) = tree.at(path) {
                self.refuse(node.location(), message, Some(help));
            }
        }
        if let Some(path) = tree.at(&["store", "path"])
            && !path.text().is_some_and(is_inside)
        {
            let message = "in a cluster each source has a mirror of its own, so this must be a name inside a source's folder";
            self.refuse(path.location(), message, Some("remove this key"));
        }
        for webhook in tree
            .at(&["webhooks"])
            .map(Node::entries)
            .unwrap_or_default()
        {
            let message =
                "a webhook comes to one machine, and in a cluster its source may be on another";
            let help = "let the job run more often instead, and remove this table";
            self.refuse(webhook.value.location(), message, Some(help));
        }
        for publish in tree.at(&["publish"]).map(Node::entries).unwrap_or_default() {
            self.published_elsewhere(cluster, &publish.value);
        }
        for bundle in bundles {
            let message = "a bundle is made of one mirror and written to one machine, and in a cluster each source has its own mirror";
            let help = "write it from a database of `[publish.NAME]` instead, and remove this file";
            self.refuse(bundle.tree.location(), message, Some(help));
        }
        for set in people.sets() {
            let message =
                "people are matched inside one mirror, and in a cluster each source has its own";
            let help = "match them in a database of `[publish.NAME]` instead, and remove this set";
            self.refuse(people.location(&["match", set.name]), message, Some(help));
        }
        for crosswalk in crosswalks {
            self.crosswalk_to_another_source(crosswalk);
        }
    }

    /// Publishing is fenced by the leases, which must be in the same database.
    fn published_elsewhere(&mut self, cluster: &Node, publish: &Node) {
        for key in ["url", "ca_file"] {
            let (own, other) = (cluster.at(&[key]), publish.at(&[key]));
            if own.map(Node::fingerprint) != other.map(Node::fingerprint) {
                let message = format!(
                    "in a cluster tables are published to its own database, so `{key}` must be that of [cluster]"
                );
                let help = format!(
                    "write the same `{key}` in both, or publish from a machine outside of the cluster"
                );
                let location = publish.nearest_location(&[key]);
                return self.refuse(location, &message, Some(&help));
            }
        }
    }

    /// The list of another source is in another mirror.
    fn crosswalk_to_another_source(&mut self, crosswalk: &CrosswalkFile) {
        let (Some(columns), Some(target)) = (crosswalk.columns(), crosswalk.target()) else {
            return;
        };
        if columns
            .paths()
            .iter()
            .any(|path| path.source != target.source)
        {
            let message = "in a cluster each source has its own mirror, so a crosswalk cannot lead from one source to another";
            let help =
                "map the codes in a database of `[publish.NAME]` instead, and remove this file";
            self.refuse(crosswalk.location(&["to"]), message, Some(help));
        }
    }

    fn refuse(&mut self, location: Location, message: &str, help: Option<&str>) {
        let problem = Problem::error(location, message);
        self.problems
            .push(problem.maybe_help(help.map(str::to_owned)));
    }
}

/// Whether a path stays in the folder that it starts at.
fn is_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
