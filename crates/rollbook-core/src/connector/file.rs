//! A connector as it is written: the types of one TOML file in `config/connectors/`.
//!
//! Data only. What a text in here means (a template, a path, a duration) is interpreted by its
//! neighbours: `columns.rs`, `template.rs`, `api.rs`. The doc comments are the reference text:
//! `rollbook schema connector` prints them.
//!
//! A *template* is a text with `{name}` in it: a setting, or a variable of `for_each`.

use std::collections::BTreeMap;

use serde::Deserialize;

pub use super::column_config::{ColumnConfig, ColumnConfigs, ColumnRules};
pub use super::combos::{ComboRules, Combos};
pub use super::grants::{ApiKeyRules, FixedKeyRules, GrantRules, Grants};
pub use super::personal::Personal;
pub use super::query_value::QueryValue;
pub use super::webhook::WebhookRules;
use crate::document::file_kind::file_kind;
use crate::model::{ErrorCodes, GrantKind, RequestLimits};

/// One vendor's API.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// The vendor's short name; the same as the file's name.
    pub connector: String,
    /// The name people know it by.
    pub title: String,
    /// Another connector that this one changes: its keys are taken where this file has none.
    pub extends: Option<String>,
    /// Template of the address that every path is put behind. https, or http on loopback.
    pub base_url: String,
    /// The settings of a source, used as `{name}` in every template below.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Headers of every request; the values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Query parameters of every stream that has none of the same name.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// The grants that the vendor offers, each with its quirks. A source picks one.
    #[serde(default)]
    pub auth: Grants,
    /// Politeness. A source may set its own.
    #[serde(default)]
    pub limits: RequestLimits,
    /// How the vendor reports errors in a body.
    #[serde(default)]
    pub errors: ErrorCodes,
    /// Texts that mean "no value" wherever a text, number or date is read. The empty text does in every column; a word
    /// such as `"NULL"` does not in a `verbatim` column, and a row that has it as its key or in a `required` column is
    /// a reject.
    #[serde(default)]
    pub nulls: Vec<String>,
    /// How member names are matched.
    #[serde(default)]
    pub names: NameMatch,
    /// Template of an IANA time zone such as `"Europe/Vienna"`: the day that a time with a zone is, where a column holds a
    /// `date`. Empty or not there: the day is taken as written, and a time that is not midnight is reported.
    #[serde(default)]
    pub time_zone: String,
    /// The stream and column that identify the account; `rollbook check --online` shows it.
    pub identity: Option<IdentityConfig>,
    /// Where the combo lists are mirrored that columns of other streams refer to.
    pub combos: Option<Combos>,
    /// Which columns hold personal data, and of which category.
    #[serde(default)]
    pub personal: Personal,
    /// How the vendor's webhooks are read. Without it, it has none.
    pub webhook: Option<WebhookRules>,
    /// The kinds of rows, by name. A stream is the table `<source>_<stream>`.
    pub streams: BTreeMap<String, StreamConfig>,
}

file_kind!(Connector, "connector", "../../");

/// The column with the account's name: a school's or an organisation's, never a person's.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The stream; its first row is requested.
    pub stream: String,
    /// The column with the name.
    pub column: String,
}

/// A setting: its default text, or a table.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Setting {
    /// The default.
    Default(String),
    /// More about it.
    Full(SettingRules),
}

/// What a setting accepts.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingRules {
    /// Used if the source does not set it. May be empty, which leaves a query parameter out.
    pub default: Option<String>,
    /// A source must set it.
    #[serde(default)]
    pub required: bool,
    /// Grants that do not use it: a source that selects one of them need not set it.
    #[serde(default)]
    pub unused_by: Vec<GrantKind>,
    /// A list of texts, for `for_each.setting`.
    #[serde(default)]
    pub list: bool,
    /// The only values accepted; empty for any.
    #[serde(default)]
    pub choices: Vec<String>,
    /// False if another value selects other rows of the same account. By default a setting that is sent with requests
    /// identifies the account, and a change of it is held until an admin approves it.
    pub account: Option<bool>,
    /// One message for the admin: what it is and where to find it.
    #[serde(default)]
    pub help: String,
}

impl Setting {
    /// Whether another value is another account.
    pub fn chooses_account(&self) -> bool {
        match self {
            Self::Default(_) => true,
            Self::Full(rules) => rules.account.unwrap_or(true) && !rules.list,
        }
    }
}

/// How member names are matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// To the letter.
    #[default]
    Exact,
    /// Without regard to ASCII case.
    AnyCase,
}

/// One kind of row and how to read it.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// One message: what a row is.
    #[serde(default)]
    pub title: String,
    /// Template of the path behind `base_url`; several are tried in turn on 404 and 405, the winner is remembered.
    pub path: OneOrMany,
    /// Query parameters.
    #[serde(default)]
    pub query: BTreeMap<String, QueryValue>,
    /// Further headers of its requests; the values are templates, and empty ones are left out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The path of the array of rows: a member's path, `"[]"` the body itself, `"*"` the only member that holds an
    /// array, `"users.{*}"` the members of an object, whose names are the rows' `@key` (`"{*}"` of the body); several
    /// are tried in turn. `"{}"`, alone, means that the body is one row.
    pub rows: OneOrMany,
    /// The member that a row is wrapped in, such as `"Data"`; rows without it are taken as they are.
    pub envelope: Option<String>,
    /// The columns that identify a row.
    pub key: Vec<String>,
    /// How the next page is requested.
    #[serde(default)]
    pub page: PageConfig,
    /// A time span that is walked step by step.
    pub window: Option<WindowConfig>,
    /// What the stream is read for, one walk each.
    pub for_each: Option<ForEach>,
    /// How only changes are requested.
    pub since: Option<SinceConfig>,
    /// How a row is known to be removed.
    #[serde(default)]
    pub removed: Removed,
    /// The stream is not served here; for a connector that extends another.
    #[serde(default)]
    pub off: bool,
    /// Sensitive, or contained in another stream: `rollbook init` writes it as a comment, for an admin to enable.
    #[serde(default)]
    pub opt_in: bool,
    /// The scope that a token needs for it; of several, one suffices. `rollbook check` notes a stream for which the source
    /// requests none of them.
    pub scope: Option<OneOrMany>,
    /// Settings without which it cannot be requested: while one is empty, nothing is sent and the stream is not served.
    #[serde(default)]
    pub needs: Vec<String>,
    /// A vendor may not serve it, or the licence may forbid it: 403, 404 and 405 are reported and the job continues;
    /// nothing is removed.
    #[serde(default)]
    pub optional: bool,
    /// The vendor may send a short form of a row: what it lacks keeps its last value.
    pub short: Option<Short>,
    /// The column that orders the versions of a row.
    pub newest: Option<String>,
    /// The columns by which people know a row, such as a name: for lists of rows of a held run.
    #[serde(default)]
    pub display: Vec<String>,
    /// The columns that a job with `preset = "core"` mirrors, besides those that the engine needs: who, what, which
    /// status, when. Without it the stream has no such preset.
    #[serde(default)]
    pub core: Vec<String>,
    /// Whose data a row is: `true` if each row is a person, or the column that refers to the person that a row is about.
    /// `rollbook erase` erases such rows with the person, and cuts references to the person out of all others.
    pub person: Option<PersonConfig>,
    /// Members that are left out on purpose and not reported.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// How long old versions are kept, such as `"400 days"`, or `"off"`. Default `"400 days"`.
    pub history: Option<String>,
    /// The columns, in the table's order.
    pub columns: ColumnConfigs,
}

/// Whose data the rows of a stream are.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PersonConfig {
    /// `true`: each row is a person.
    Each(bool),
    /// The column with `refers_to` that names the person.
    Column(String),
    /// Several columns: the first one with a value decides.
    Columns(Vec<PersonColumnConfig>),
}

/// A column that names the person that a row is about, in rows of one kind.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PersonColumnConfig {
    /// The column.
    pub column: String,
    /// The column that its values are found in, such as `"users.id"`. Default: that of the column.
    pub refers_to: Option<String>,
    /// Only in these rows: column = value. Default all.
    #[serde(rename = "where", default)]
    pub rows: BTreeMap<String, String>,
}

/// How the short form of a row is recognised.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Short {
    /// Paths of members that only the full form has: a row with none of them is short. A member that is null is there.
    pub lacks: Vec<String>,
}

/// One text, or several in order of preference.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum OneOrMany {
    /// The only one.
    One(String),
    /// In order of preference.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The texts in order.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// How the next page is requested.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// The strategy. Default `"none"`, where no key of another one is there.
    pub by: Option<PageBy>,
    /// Parameter with the number of rows to skip (`offset`; for `watermark` within one time).
    pub offset: Option<String>,
    /// Parameter with the page's number (`number`).
    pub number: Option<String>,
    /// What `number` is for the first page, default 1; or what `offset` is for the first row, default 0: 1 where a server
    /// counts rows from one.
    pub first: Option<u32>,
    /// Parameter with the rows wanted.
    pub limit: Option<String>,
    /// Rows wanted on a page. Default 1000.
    pub size: Option<u32>,
    /// Template of the value of `offset` or `number`, of `{offset}`, `{number}` and `{size}`: `"{number},{size}"` for
    /// `page=2,50`. Default: the number alone. With `number`, `{offset}` is the rows requested before, for a server whose
    /// pages can have more rows than requested, or fewer because some are hidden.
    pub value: Option<String>,
    /// Parameter with the cursor (`cursor`).
    pub cursor: Option<String>,
    /// Request header with the cursor (`cursor`), in place of a parameter.
    pub cursor_header: Option<String>,
    /// Where in the body the next cursor (`cursor`) or the next page's address (`next_url`) is: a member's path
    /// (`"meta.next"`), a name with dots in it (`"@odata.nextLink"`), or one element of a list (`"links[rel=next].uri"`).
    pub next: Option<String>,
    /// Response header with the next cursor or the next page's address, in place of `next`.
    pub next_header: Option<String>,
    /// What a relative address of the next page is relative to (`next_url`, `link`).
    #[serde(default)]
    pub relative_to: RelativeTo,
    /// Member of the body that is `true` while there is another page and `false` on the last one (`cursor`, `next_url`,
    /// `link`).
    pub more: Option<String>,
    /// Query parameters that may be left out when the server refuses the first page with 400, 422 or 501.
    #[serde(default)]
    pub optional: Vec<String>,
    /// The column that the list is sorted by (`watermark`); requested with `since.query`.
    pub column: Option<String>,
    /// What ends a list besides an empty array. `short`: a page with fewer rows than requested; `null` and `blank`: the
    /// body `null`, or no body (204), means no rows; `missing`: an object without the last member of `rows` does;
    /// `repeat`: the previous page again. `empty` ends a list of links or cursors at an empty page that promises another one.
    #[serde(default)]
    pub until: Vec<EndSign>,
    /// Whether the declared number of rows counts. Default `"trust"`; `"ignore"` for a server whose number never
    /// agrees: it is reported only.
    #[serde(default)]
    pub total: TotalRule,
    /// Header with the number of rows of the whole list.
    pub total_header: Option<String>,
    /// Members of the body with that number, tried in turn; `"*"` accepts an integer member whose name contains "count"
    /// or "total".
    #[serde(default)]
    pub total_member: Vec<String>,
}

impl PageConfig {
    /// The strategy in force.
    pub fn by(&self) -> PageBy {
        self.by.unwrap_or_default()
    }
}

/// What a relative address of the next page is relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RelativeTo {
    /// The address of the request, as in a web page (RFC 3986 5.2): `/users?page=2` begins behind the host.
    #[default]
    Request,
    /// `base_url`: `/users?page=2` is put behind it, as `path` is.
    BaseUrl,
}

/// The paging strategies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PageBy {
    /// One response holds all rows.
    #[default]
    None,
    /// Skip a number of rows.
    Offset,
    /// Request a page by its number.
    Number,
    /// Follow the `Link: rel="next"` header on the same origin.
    Link,
    /// Send the cursor that the last body gave.
    Cursor,
    /// Follow the whole address that the last body gave, on the same origin.
    NextUrl,
    /// The list is sorted by change time: request again from the last one received.
    Watermark,
}

/// Whether a declared number of rows counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TotalRule {
    /// It has to agree with the rows received.
    #[default]
    Trust,
    /// It is reported and decides nothing.
    Ignore,
}

/// Signs of a list's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndSign {
    /// An empty array, also where a link or cursor promises another page; else always understood.
    Empty,
    /// Fewer rows than requested, without another request.
    Short,
    /// The body `null`.
    Null,
    /// No body at all: 204, or an empty 200.
    Blank,
    /// An object without the member of the rows, such as `{}`. With a member that is named like an error, or that neither
    /// `page` nor `ignore` names, it is none.
    Missing,
    /// The page before once more: a vendor that ignores paging gives all rows each time (wapi.md 9 rule 3).
    Repeat,
}

/// A time span that is walked step by step.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// Parameter with the start of a step.
    pub from: String,
    /// Parameter with the end of a step.
    pub to: String,
    /// The timestamp column that the walk follows.
    pub column: String,
    /// Templates of where the very first walk starts: the first that is not empty. RFC 3339, or `-30d` from now.
    pub start: OneOrMany,
    /// Templates of where the walk ends, the first that is not empty; default now plus one hour.
    pub end: Option<OneOrMany>,
    /// Length of a step, such as `"7d"`.
    pub step: String,
    /// A step shrinks to this and no further if the vendor reports "too many". Default `"1h"`.
    pub smallest: Option<String>,
    /// How far before the last point read the next walk starts. Default `"48h"`.
    pub overlap: Option<String>,
    /// The wire form of a time, as strftime; default `%Y-%m-%dT%H:%M:%S%.3fZ`.
    pub format: Option<String>,
    /// Now and then an older span is read again for late rows.
    pub reread: Option<Reread>,
}

/// A span that is read again now and then.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reread {
    /// How often, such as `"7d"`.
    pub every: String,
    /// How far back, such as `"35d"`.
    pub span: String,
}

/// What a stream is read for, one walk each.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// Fixed items, each a table of variables.
    #[serde(default)]
    pub list: Vec<BTreeMap<String, String>>,
    /// A list setting; where the source fills it, it is used instead of `stream`. The variable has the name in `variable`.
    pub setting: Option<String>,
    /// The variable that an item of `setting` fills.
    pub variable: Option<String>,
    /// Another stream of this connector: one item for each of its mirrored rows.
    pub stream: Option<String>,
    /// Variables and the columns of `stream` that fill them.
    #[serde(default)]
    pub take: BTreeMap<String, String>,
    /// An item is skipped while these variables have the values of its last complete walk; a time series not if all are empty.
    #[serde(default)]
    pub skip_while_same: Vec<String>,
    /// The variable with the number of rows that the vendor holds of an item: one with `0` is not read.
    pub rows: Option<String>,
    /// Time series: how several items are asked for by one request.
    pub several: Option<SeveralConfig>,
    /// How often all items of a list are read all the same. Default `"1d"`; time series read all when `reread` is due.
    pub full_every: Option<String>,
    /// How many rows the vendor holds of the items: when that grows by more than was received, they are read again.
    pub count: Option<CountConfig>,
}

/// How one request asks for several items of a time series. Whatever it does not clearly return is asked for item
/// by item: a server may refuse it, or answer for fewer items than were named.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SeveralConfig {
    /// How many at most. Fewer if the server reports "too many".
    pub most: std::num::NonZeroU32,
    /// What is between the values of the variable. Default `","`.
    pub separator: Option<String>,
    /// Path of the member that tells which item a row is of, as in a column: `"D | dataID"`.
    pub id: String,
}

/// Where the vendor states how many rows it holds of the items of a `for_each`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CountConfig {
    /// The stream whose rows state it.
    pub stream: String,
    /// Its column with the number: of all items together that lead to the same row.
    pub column: String,
    /// The column of the items' own stream with the key of that row.
    pub by: String,
}

/// How only changes are requested.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SinceConfig {
    /// The timestamp column that orders changes.
    pub column: String,
    /// Query parameters of an incremental reading, in place of the stream's of the same name; `{since}` is the time.
    pub query: BTreeMap<String, QueryValue>,
    /// How far before the cursor to read again. Default `"10m"`.
    pub overlap: Option<String>,
    /// The wire form of the time, as strftime; default `%Y-%m-%dT%H:%M:%S%.3fZ`.
    pub format: Option<String>,
    /// Incremental unless the job decides otherwise. Default false: always full.
    #[serde(default)]
    pub default: bool,
    /// A full reading at least this often. Default `"7d"`.
    pub full_every: Option<String>,
}

/// How a row is known to be removed. An empty table means never.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// A column's value marks it.
    pub status: Option<RemovedStatus>,
    /// A complete full reading did not hold it.
    #[serde(default)]
    pub absence: bool,
    /// How many complete readings in a row must miss it. Default 1 if one response held the whole list, else 2.
    pub confirm: Option<u32>,
    /// Another stream lists the deletions.
    pub feed: Option<DeletionFeed>,
}

/// A column's value that marks a row as removed.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RemovedStatus {
    /// The column.
    pub column: String,
    /// Its values, without regard to case.
    pub is: Vec<String>,
}

/// A stream that lists deletions of this one.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeletionFeed {
    /// The feed's stream, of the same connector. A job reads it before this one.
    pub stream: String,
    /// The feed's column that holds this stream's key.
    pub key: String,
    /// The rows of the feed that are about this stream: column = value.
    #[serde(rename = "where")]
    pub rows: BTreeMap<String, String>,
}
