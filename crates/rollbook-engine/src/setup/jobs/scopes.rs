//! Streams that need a scope that their source does not request: the vendor would refuse them.

use super::{Checks, Listed};
use crate::setup::files::JobFile;
use crate::setup::grants;
use crate::setup::sources::SourceDraft;
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::GrantKind;

impl Checks<'_> {
    /// A source that requests no scopes gets those that the vendor chooses, so nothing is known.
    pub(super) fn scopes(
        &mut self,
        file: &JobFile,
        (name, source): (&str, &SourceDraft),
        listed: &[Listed<'_>],
    ) {
        let auth = self.files.rollbook.as_ref();
        let auth = auth.and_then(|tree| tree.at(&["sources", name, "auth"]));
        let (Some(ready), Some(auth)) = (&source.ready, auth) else {
            return;
        };
        let requested = grants::requested_scopes(auth, &ready.connector, &source.settings.texts);
        if requested.is_empty() {
            return;
        }
        for (number, stream) in listed {
            let config = ready.connector.streams.get(*stream);
            let needed = config.and_then(|config| config.scope.as_ref());
            let Some(needed) = needed.map(|needed| needed.texts()) else {
                continue;
            };
            let (Some(first), false) = (
                needed.first(),
                needed.iter().any(|scope| requested.contains(scope)),
            ) else {
                continue;
            };
            let message = format!(
                "`{stream}` needs the scope `{first}`, which `scope` of the source `{name}` lacks"
            );
            let help = match grants::chosen(auth) {
                Some(GrantKind::AuthorizationCode) => {
                    format!("add it, and sign in again: `rollbook login {name}`")
                }
                _ => "add it".to_owned(),
            };
            let items = file.tree.at(&["streams"]).map(Node::items);
            let item = items.and_then(|items| items.get(*number));
            let location = item.map(Node::location);
            let location = location.unwrap_or_else(|| file.tree.nearest_location(&["streams"]));
            self.problems
                .push(Problem::note(location, message).help(help));
        }
    }
}
