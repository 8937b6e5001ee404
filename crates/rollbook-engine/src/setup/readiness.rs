//! What a job needs besides right files: secrets that can be opened, addresses, certificates, and values that an admin filled in.
//!
//! Only for `rollbook check`: a daemon starts without, and parks the jobs concerned. No problem holds a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;
use serde::Deserialize as _;

use super::checked::Setup;
use super::files::{SecretError, SecretRef, Secrets};
use super::resolve::Resolution;
use super::sources::SourceDraft;
use super::{Folders, Overlay, grants, readers};
use rollbook_core::connector::builtin::EXAMPLE;
use rollbook_core::connector::file::{Connector, Setting};
use rollbook_core::connector::template;
use rollbook_core::document::lookalike::Lookalike;
use rollbook_core::document::node::{NodeKind, TableEntry};
use rollbook_core::document::suggest::{listed, quoted};
use rollbook_core::document::{FileText, Node, Problem, Problems};
use rollbook_core::folder::plain;
use rollbook_core::model::{EndpointRules, GrantKind};
use rollbook_http::auth::Redirect;
use rollbook_http::http::{unusable_address, unusable_ca_file};

/// What `rollbook init` writes where only the admin knows the value.
pub const CHANGE_ME: &str = "CHANGE-ME";

/// The same where the value must be an address.
pub const CHANGE_ME_URL: &str = "https://change-me.example";

/// The keys of `auth` that refer to secrets.
const SECRETS: [(&str, SecretForm); 7] = [
    ("client_secret", SecretForm::Text),
    ("password", SecretForm::Text),
    ("refresh_token", SecretForm::Text),
    ("api_key", SecretForm::Text),
    ("api_secret", SecretForm::Text),
    ("service_account", SecretForm::Lines),
    ("private_key", SecretForm::Lines),
];

/// What a secret must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecretForm {
    Text,
    /// Of several lines, such as PEM.
    Lines,
    Key,
    Address,
    /// The address of a database.
    Database,
}

/// Why an address of a database is of no use; a floor above knows how one is written.
pub type DatabaseAddressCheck = fn(&str) -> Option<String>;

/// The secrets outside the sources.
const COMMON_SECRETS: [(&[&str], SecretForm); 5] = [
    (&["store", "vault_key"], SecretForm::Key),
    (&["alerts", "email", "password"], SecretForm::Text),
    (&["alerts", "webhook", "url"], SecretForm::Address),
    (&["alerts", "webhook", "token"], SecretForm::Text),
    (&["alerts", "heartbeat", "url"], SecretForm::Address),
];

/// Like `resolve`, for an admin who wants to know whether jobs can run: also opens every secret, parses every address and
/// refuses values that `rollbook init` invented. A daemon starts without these; the jobs concerned are parked.
pub fn check(
    folders: &Folders,
    overlay: &Overlay,
    secrets: &Secrets,
    unusable: DatabaseAddressCheck,
) -> (Option<Setup>, Problems) {
    let mut resolution = Resolution::of(folders, overlay);
    resolution.readiness(secrets, &folders.config);
    resolution.unready_databases(secrets, &folders.config, unusable);
    resolution.readers(folders);
    (resolution.setup, resolution.problems)
}

impl Resolution {
    /// Adds what keeps the configured groups from reading.
    fn readers(&mut self, folders: &Folders) {
        if let (Some(tree), Some(value)) = (&self.files.rollbook, &self.files.value) {
            let mirror = folders.state.join(&value.store.path);
            let problems = readers::problems(tree, &value.store, &mirror);
            self.problems.append(problems);
        }
    }

    /// The tables below a key of `rollbook.toml`.
    fn tables(&self, key: &str) -> &[TableEntry] {
        let tree = self.files.rollbook.as_ref();
        let tables = tree.and_then(|tree| tree.at(&[key]));
        tables.map(Node::entries).unwrap_or_default()
    }

    /// What hooks lack: secrets and programs.
    fn unready_hooks(&self, secrets: &Secrets) -> Vec<Problem> {
        let keys = [("url", SecretForm::Address), ("secret", SecretForm::Text)];
        let unready = |hook: &TableEntry| {
            let hook = &hook.value;
            let secrets = keys
                .iter()
                .filter_map(|(key, form)| unopened(hook.at(&[key])?, *form, secrets));
            secrets.chain(unusable_program(hook)).collect::<Vec<_>>()
        };
        self.tables("hooks").iter().flat_map(unready).collect()
    }

    /// Adds what databases lack: the address, and authorities.
    fn unready_databases(
        &mut self,
        secrets: &Secrets,
        config: &Path,
        unusable: DatabaseAddressCheck,
    ) {
        let mut problems = Problems::new();
        let publish = self.tables("publish").iter().map(|entry| &entry.value);
        let tree = self.files.rollbook.as_ref();
        let cluster = tree.and_then(|tree| tree.at(&["cluster"]));
        for database in publish.chain(cluster) {
            let url = database.at(&["url"]);
            problems.extend(url.and_then(|node| unopened(node, SecretForm::Database, secrets)));
            problems.extend(url.and_then(|node| unusable_database(node, secrets, unusable)));
            problems.extend(unusable_authorities(database, config));
        }
        self.problems.append(problems);
    }

    /// Adds what stops jobs from running although the files are right.
    fn readiness(&mut self, secrets: &Secrets, config: &Path) {
        let mut problems = Problems::new();
        if let Some(tree) = &self.files.rollbook {
            placeholders(tree, &mut problems);
            for (path, form) in COMMON_SECRETS {
                problems.extend(tree.at(path).and_then(|node| unopened(node, form, secrets)));
            }
        }
        for webhook in self.tables("webhooks") {
            let secret = webhook.value.at(&["secret"]);
            problems.extend(secret.and_then(|node| unopened(node, SecretForm::Text, secrets)));
        }
        problems.extend(self.unready_hooks(secrets));
        let examples = Node::parse(&FileText::new("rollbook.toml", EXAMPLE)).0;
        for entry in self.files.sources() {
            let (name, table) = (entry.name.as_str(), &entry.value);
            let auth = SECRETS.iter();
            let auth = auth.filter_map(|(key, form)| Some((table.at(&["auth", key])?, *form)));
            let proxy = table.at(&["proxy_password"]);
            let proxy = proxy.map(|node| (node, SecretForm::Text));
            problems.extend(
                auth.chain(proxy)
                    .filter_map(|(node, form)| unopened(node, form, secrets)),
            );
            problems.extend(unusable_authorities(table, config));
            let connector = table.at(&["connector"]).and_then(Node::text);
            let Some(connector) = connector.and_then(|name| self.connectors.get(name)) else {
                continue;
            };
            if let Some(keys) = invented(table, connector, &examples) {
                let location = self.files.source_location(name, &[]);
                let message = format!("this source still has invented values: {keys}");
                let help = "write those of your own account";
                problems.push(Problem::error(location, message).help(help));
            }
            if let Some(draft) = self.sources.get(name) {
                let addresses = Addresses {
                    all: self,
                    name,
                    table,
                    connector,
                    draft,
                };
                problems.extend(addresses.problems());
            }
        }
        self.problems.append(problems);
    }
}

/// Why a database's address cannot be used; it is a secret as a whole, so nothing of it is shown.
fn unusable_database(
    node: &Node,
    secrets: &Secrets,
    unusable: DatabaseAddressCheck,
) -> Option<Problem> {
    let reference = SecretRef::deserialize(node).ok()?;
    let url = secrets.fetch(&reference).ok()?;
    let why = unusable(url.expose_secret())?;
    Some(Problem::error(node.location(), why))
}

/// Why the program of a hook cannot be started.
fn unusable_program(hook: &Node) -> Option<Problem> {
    let node = hook.at(&["program"])?;
    let path = Path::new(node.text().filter(|path| path.starts_with('/'))?);
    let (message, help) = match fs::metadata(path) {
        Ok(found) if !found.is_file() => ("this is not a file", "name a program".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            let help = format!("run `chmod +x {}`", path.display());
            ("this file may not be executed", help)
        }
        Ok(_) => return None,
        Err(error) => {
            let message = format!("this program cannot be run: {}", plain(path, &error));
            return Some(Problem::error(node.location(), message));
        }
    };
    Some(Problem::error(node.location(), message).help(help))
}

/// Why the `ca_file` of a source or a database is of no use. One that cannot be read is reported with the file.
fn unusable_authorities(source: &Node, config: &Path) -> Option<Problem> {
    let node = source.at(&["ca_file"])?;
    let path = config.join(node.text()?);
    let why = path.is_file().then(|| unusable_ca_file(&path)).flatten()?;
    let message = format!("{} {why}", path.display());
    Some(Problem::error(node.location(), message))
}

/// Values that `rollbook init` wrote for the admin to replace.
fn placeholders(table: &Node, problems: &mut Problems) {
    for entry in table.entries() {
        let items = match entry.value.kind() {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        for value in items {
            let found = [CHANGE_ME, CHANGE_ME_URL]
                .into_iter()
                .find(|placeholder| value.text().is_some_and(|text| text.contains(placeholder)));
            if let Some(placeholder) = found {
                let message = format!(
                    "{} is still the placeholder `{placeholder}`",
                    quoted(&entry.name)
                );
                let problem = Problem::error(value.location(), message);
                problems.push(problem.help("write your own value"));
            }
            placeholders(value, problems);
        }
    }
}

/// Why a secret cannot be used, at its reference. A reference that cannot be read is reported with the file.
fn unopened(node: &Node, form: SecretForm, secrets: &Secrets) -> Option<Problem> {
    let reference = SecretRef::deserialize(node).ok()?;
    let opened = match form {
        SecretForm::Key => secrets.fetch_key(&reference).map(|_| None),
        SecretForm::Lines => secrets.fetch_pem(&reference).map(|_| None),
        SecretForm::Text | SecretForm::Address => secrets.fetch(&reference).map(Some),
        SecretForm::Database => secrets.fetch(&reference).map(|_| None),
    };
    match opened {
        Ok(Some(secret)) if form == SecretForm::Address && !is_webhook(secret.expose_secret()) => {
            let message = "this secret is not an address such as https://chat.example/webhook";
            Some(Problem::error(node.location(), message))
        }
        Ok(secret) => {
            let remark = Lookalike::remark_on(secret?.expose_secret())?;
            let help = "if the vendor refuses it, write the usual character instead";
            Some(Problem::note(node.location(), format!("this secret {remark}")).help(help))
        }
        Err(SecretError::Missing { what, .. }) if secrets.is_encrypted(&reference) => {
            let message =
                format!("{what} is encrypted for the service: only it and root can open it");
            Some(Problem::note(node.location(), message))
        }
        Err(error) => Some(Problem::error(node.location(), error.message()).help(error.advice())),
    }
}

/// An alert may go to a plain http address: a chat server in the school's network is usual.
fn is_webhook(text: &str) -> bool {
    let plain = text.strip_prefix("http://");
    let as_https = plain.map(|rest| format!("https://{rest}"));
    unusable_address(as_https.as_deref().unwrap_or(text)).is_none()
}

/// Whether a setting is an address on this machine: plain http is allowed there only. Its vendor is a simulated one, which
/// has the values of the shipped example.
fn is_on_loopback(source: &Node) -> bool {
    let settings = source.at(&["settings"]).map(Node::entries);
    let mut texts = settings.unwrap_or_default().iter();
    texts.any(|entry| {
        let text = entry.value.text().unwrap_or_default();
        text.starts_with("http://") && unusable_address(text).is_none()
    })
}

/// The keys of a source whose values are those of the shipped example, if all of them are.
fn invented(table: &Node, connector: &Connector, examples: &Node) -> Option<String> {
    let of_connector = |entry: &&rollbook_core::document::node::TableEntry| {
        let name = entry.value.at(&["connector"]).and_then(Node::text);
        name == Some(connector.connector.as_str())
    };
    let example = &examples
        .at(&["sources"])?
        .entries()
        .iter()
        .find(of_connector)?
        .value;
    let is_free = |name: &str| match connector.settings.get(name) {
        Some(Setting::Full(rules)) => rules.choices.is_empty(),
        Some(Setting::Default(_)) | None => true,
    };
    if is_on_loopback(table) {
        return None;
    }
    let settings = example.at(&["settings"]).map(Node::entries);
    let settings = settings.unwrap_or_default().iter();
    let names = settings.map(|entry| entry.name.as_str());
    let settings = names
        .filter(|name| is_free(name))
        .map(|name| ["settings", name]);
    let auth = ["client_id", "username"].map(|key| ["auth", key]);
    let paths: Vec<[&str; 2]> = settings
        .chain(auth)
        .filter(|path| example.at(path).is_some())
        .collect();
    let text = |tree: &Node, path: &[&str]| tree.at(path).and_then(Node::text).map(str::to_owned);
    let is_same = |path: &[&str; 2]| text(table, path) == text(example, path);
    (!paths.is_empty() && paths.iter().all(is_same))
        .then(|| listed(paths.iter().map(|[_, name]| *name)))
}

/// The addresses of one source.
struct Addresses<'a> {
    all: &'a Resolution,
    name: &'a str,
    table: &'a Node,
    connector: &'a Connector,
    draft: &'a SourceDraft,
}

impl Addresses<'_> {
    /// Addresses that no request can be sent to, filled with the source's settings.
    fn problems(&self) -> Vec<Problem> {
        let base = self.described(&["base_url"], &self.connector.base_url);
        let auth = self.table.at(&["auth"]);
        let Some(grant) = auth.and_then(grants::chosen) else {
            return base.into_iter().collect();
        };
        let Some(rules) = grants::rules(&self.connector.auth, grant) else {
            return base.into_iter().collect();
        };
        let rules = &rules.endpoint;
        let keys = keys(rules).into_iter();
        let of_grant = keys.filter_map(|(key, text)| self.of_grant(grant, key, text));
        base.into_iter()
            .chain(of_grant)
            .chain(self.origins(grant, rules))
            .collect()
    }

    /// An address of the grant: the source's own, else the connector's.
    fn of_grant(&self, grant: GrantKind, key: &str, text: Option<&str>) -> Option<Problem> {
        match self.table.at(&["auth", key]) {
            Some(node) => self.own(key, node),
            None => self.described(&["auth", grant.as_str(), key], text?),
        }
    }

    fn origins(&self, grant: GrantKind, rules: &EndpointRules) -> Vec<Problem> {
        let key = "allow_origins";
        match self.table.at(&["auth", key]) {
            Some(list) => {
                let items = list.items().iter();
                items.filter_map(|node| self.own(key, node)).collect()
            }
            None => {
                let texts = rules.allow_origins.iter().flatten();
                let path = ["auth", grant.as_str(), key];
                texts
                    .filter_map(|text| self.described(&path, text))
                    .collect()
            }
        }
    }

    /// An address that the source itself gives.
    fn own(&self, key: &str, node: &Node) -> Option<Problem> {
        let why = self.unusable(key, node.text()?)?;
        Some(Problem::error(node.location(), why))
    }

    /// An address that the connector gives: a setting in it is to blame where there is one.
    fn described(&self, path: &[&str], text: &str) -> Option<Problem> {
        let key = path.last()?;
        let why = self.unusable(key, text)?;
        let names = template::names(text);
        let is_given = |name: &&str| self.table.at(&["settings", name]).is_some();
        if let Some(setting) = names.iter().copied().find(is_given) {
            let path = ["settings", setting];
            let location = self.all.files.source_location(self.name, &path);
            return Some(Problem::error(location, why));
        }
        let connector = self.connector.connector.as_str();
        Some(self.all.connectors.problem(connector, path, why, None))
    }

    /// What is wrong with an address; nothing where it is empty on purpose, or a setting in it lacks its value.
    fn unusable(&self, key: &str, text: &str) -> Option<String> {
        let texts = &self.draft.settings.texts;
        let is_lacking =
            |name: &&str| self.connector.settings.contains_key(*name) && !texts.contains_key(*name);
        if template::names(text).iter().any(is_lacking) {
            return None;
        }
        let filled = template::fill(text, &[texts]);
        match key {
            "base_url" => {}
            _ if filled.is_empty() => return None,
            "redirect_url" => return Redirect::registered(&filled).err(),
            _ => {}
        }
        unusable_address(&filled).map(|why| format!("{} {why}", quoted(key)))
    }
}

/// The addresses of a grant, as the connector gives them.
fn keys(rules: &EndpointRules) -> [(&'static str, Option<&str>); 6] {
    [
        ("token_url", rules.token_url.as_deref()),
        ("issuer", rules.issuer.as_deref()),
        ("metadata_url", rules.metadata_url.as_deref()),
        ("revocation_url", rules.revocation_url.as_deref()),
        ("authorize_url", rules.authorize_url.as_deref()),
        ("redirect_url", rules.redirect_url.as_deref()),
    ]
}
