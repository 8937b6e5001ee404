//! The little language of a column: `"path | path : type modifier"`.
//!
//! Pure text work; walking a row by these paths is `tree.rs` and `decode.rs`.

use crate::model::row::Kind;
use crate::model::{Masking, PersonalCategory, Reference};

/// One column, understood.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// What is done to a value first.
    pub shaping: Shaping,
    /// The origin of the value.
    pub origin: ColumnSource,
    /// The same as the connector writes it, for messages and `rollbook_columns`.
    pub from: String,
    /// What it means.
    pub help: String,
    /// The combo list of its values; the name is a template.
    pub combo: Option<Reference>,
    /// What its values say about a person.
    pub personal: Option<PersonalCategory>,
    /// How a job has its values changed before they are stored.
    pub masking: Option<Masking>,
    /// The column whose values this column holds; with `combo`, a column of the combo lists.
    pub refers_to: Option<StreamColumn>,
}

/// A column of a stream of the same connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamColumn {
    /// The stream.
    pub stream: String,
    /// The column.
    pub column: String,
}

impl StreamColumn {
    /// This column of this stream.
    pub fn new(stream: &str, column: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            column: column.to_owned(),
        }
    }
}

/// What is done to a value before it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shaping {
    /// Text in lower case, trimmed.
    pub lower: bool,
    /// 32 hex digits without dashes; all zeros is null (wapi.md 9 rule 6).
    pub guid: bool,
    /// 0 is null (wapi.md 12 A50).
    pub nonzero: bool,
    /// Numbers in an array become texts: ids are texts (webuntis-oneroster.md 4.3).
    pub texts: bool,
    /// An array without order: elements are sorted, duplicates dropped.
    pub set: bool,
    /// A row without a readable value here is a reject. Key columns always are.
    pub required: bool,
    /// Values that mean "no value" elsewhere are kept: `NULL` is a family name.
    pub verbatim: bool,
    /// A number is a time since 1970.
    pub epoch: Option<EpochUnit>,
}

/// The unit of a time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    /// `epoch`
    Seconds,
    /// `epoch_ms`
    Milliseconds,
}

/// The origin of a column's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// A fixed text, the same for each row of an item.
    Constant(String),
    /// Paths in order of preference.
    Paths(Vec<Path>),
}

/// A path into a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Starts beside the envelope, not in it.
    pub beside: bool,
    /// The steps from there.
    pub steps: Vec<PathStep>,
}

impl Path {
    fn of_row(step: PathStep) -> Self {
        Self {
            beside: false,
            steps: vec![step],
        }
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// Into a member of an object.
    Member(String),
    /// Into each element of an array.
    Each,
    /// Into the first element whose member has this value.
    Pick {
        /// The member that is compared.
        member: String,
        /// Its value.
        is: String,
    },
    /// Only these members of an object; the last step.
    Keep(Vec<String>),
    /// `@key`: the name of the row in the object that holds it; the only step.
    RowKey,
    /// `@value`: the row itself, where it is a bare value; the only step.
    RowValue,
}

impl Column {
    /// Parses `"path | path : type modifier"`. The error names the mistake and the known alternatives.
    pub fn read(
        name: &str,
        text: &str,
        help: &str,
        combo: Option<&Reference>,
    ) -> Result<Self, String> {
        let (origin, kind) = text
            .rsplit_once(':')
            .ok_or_else(|| "a column is written \"path : type\"".to_owned())?;
        let (kind, shaping) = read_kind(kind)?;
        let origin = read_origin(origin.trim())?;
        if let ColumnSource::Paths(paths) = &origin {
            paths.iter().try_for_each(|path| check_path(path, kind))?;
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            shaping,
            origin,
            from: text.to_owned(),
            help: help.to_owned(),
            combo: combo.cloned(),
            personal: None,
            masking: None,
            refers_to: None,
        })
    }
}

impl Column {
    /// What the table holds: a pseudonym is a text, whatever the value was.
    pub fn stored_kind(&self) -> Kind {
        match (self.masking, self.kind) {
            (Some(Masking::Pseudonym), Kind::Json) => Kind::Json,
            (Some(Masking::Pseudonym), _) => Kind::Text,
            (Some(Masking::Year | Masking::Month) | None, kind) => kind,
        }
    }
}

/// A path to a member, not into an array.
pub fn read_member_path(text: &str) -> Result<Path, String> {
    let path = read_path(text.trim())?;
    if path
        .steps
        .iter()
        .any(|step| !matches!(step, PathStep::Member(_)))
    {
        return Err(format!("`{text}` must name a member, without brackets"));
    }
    Ok(path)
}

fn read_kind(text: &str) -> Result<(Kind, Shaping), String> {
    let mut words = text.split_whitespace();
    let kind = match words.next().unwrap_or_default() {
        "text" => Kind::Text,
        "integer" => Kind::Integer,
        "real" => Kind::Real,
        "boolean" => Kind::Boolean,
        "date" => Kind::Date,
        "timestamp" => Kind::Timestamp,
        "json" => Kind::Json,
        other => {
            return Err(format!(
                "unknown type `{other}`; known types: text, integer, real, boolean, date, timestamp, json"
            ));
        }
    };
    let mut shaping = Shaping::default();
    for word in words {
        match word {
            "lower" => shaping.lower = true,
            "guid" => shaping.guid = true,
            "nonzero" => shaping.nonzero = true,
            "texts" => shaping.texts = true,
            "set" => shaping.set = true,
            "required" => shaping.required = true,
            "verbatim" => shaping.verbatim = true,
            "epoch" => shaping.epoch = Some(EpochUnit::Seconds),
            "epoch_ms" => shaping.epoch = Some(EpochUnit::Milliseconds),
            other => {
                return Err(format!(
                    "unknown modifier `{other}`; known modifiers: lower, guid, nonzero, texts, set, required, verbatim, epoch, epoch_ms"
                ));
            }
        }
    }
    if shaping.set && kind != Kind::Json {
        return Err(format!(
            "`set` is for arrays: the type must be json, not {}",
            kind.as_str()
        ));
    }
    if shaping.verbatim && kind != Kind::Text {
        return Err(format!(
            "`verbatim` is for texts: the type must be text, not {}",
            kind.as_str()
        ));
    }
    if shaping.epoch.is_some() && !matches!(kind, Kind::Date | Kind::Timestamp) {
        return Err(format!(
            "`epoch` and `epoch_ms` are for times: the type must be timestamp or date, not {}",
            kind.as_str()
        ));
    }
    Ok((kind, shaping))
}

fn read_origin(text: &str) -> Result<ColumnSource, String> {
    if let Some(constant) = text.strip_prefix('=') {
        return Ok(ColumnSource::Constant(constant.trim().to_owned()));
    }
    text.split('|')
        .map(|path| read_path(path.trim()))
        .collect::<Result<_, _>>()
        .map(ColumnSource::Paths)
}

fn read_path(text: &str) -> Result<Path, String> {
    let (beside, rest) = match text.strip_prefix("../") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    match text {
        "@key" => return Ok(Path::of_row(PathStep::RowKey)),
        "@value" => return Ok(Path::of_row(PathStep::RowValue)),
        _ if text.starts_with("@key.") || text.starts_with("@value.") => {
            return Err(format!(
                "`{text}` is no path: `@key` and `@value` have no members"
            ));
        }
        _ => {}
    }
    let mut steps = Vec::new();
    for piece in split_steps(rest) {
        read_step(piece, &mut steps)?;
    }
    if steps.is_empty() {
        return Err("a path names at least one member".to_owned());
    }
    Ok(Path { beside, steps })
}

/// Splits at dots outside of brackets.
fn split_steps(text: &str) -> Vec<&str> {
    let mut depth = 0u32;
    text.split(|letter| {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == '.' && depth == 0
    })
    .collect()
}

fn read_step(piece: &str, steps: &mut Vec<PathStep>) -> Result<(), String> {
    if let Some(names) = piece
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        steps.push(PathStep::Keep(
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        ));
        return Ok(());
    }
    let (name, bracket) = match piece.split_once('[') {
        None => (piece, None),
        Some((name, rest)) => {
            let inner = rest
                .strip_suffix(']')
                .ok_or_else(|| format!("`{piece}` lacks its `]`"))?;
            (name, Some(inner))
        }
    };
    if name.is_empty() {
        return Err(format!("`{piece}` names no member"));
    }
    steps.push(PathStep::Member(name.to_owned()));
    match bracket {
        None => {}
        Some("") => steps.push(PathStep::Each),
        Some(inner) => {
            let (member, is) = inner.split_once('=').ok_or_else(|| {
                format!("write `[{inner}]` as `[member=value]`, or `[]` for each element")
            })?;
            steps.push(PathStep::Pick {
                member: member.trim().to_owned(),
                is: is.trim().to_owned(),
            });
        }
    }
    Ok(())
}

/// An array gives one value only when it becomes JSON or one element is picked.
fn check_path(path: &Path, kind: Kind) -> Result<(), String> {
    let is_of_row = |step: &PathStep| matches!(step, PathStep::RowKey | PathStep::RowValue);
    if kind == Kind::Json && path.steps.iter().any(is_of_row) {
        return Err("`@key` and `@value` are no JSON: the type must be another one".to_owned());
    }
    let spreads = path
        .steps
        .iter()
        .any(|step| matches!(step, PathStep::Each | PathStep::Keep(_)));
    if spreads && kind != Kind::Json {
        return Err(format!(
            "`[]` and `{{…}}` give JSON: the type must be json, not {}",
            kind.as_str()
        ));
    }
    let arrays = path
        .steps
        .iter()
        .filter(|step| matches!(step, PathStep::Each | PathStep::Pick { .. }))
        .count();
    if arrays > 1 {
        return Err("a path may enter one array only".to_owned());
    }
    match path
        .steps
        .iter()
        .position(|step| matches!(step, PathStep::Keep(_)))
    {
        Some(index) if index + 1 < path.steps.len() => {
            Err("`{…}` is the last step of a path".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> PathStep {
        PathStep::Member(name.to_owned())
    }

    #[test]
    fn paths_are_understood() {
        for (text, beside, steps) in [
            ("sourcedId : text", false, vec![member("sourcedId")]),
            (
                "../Relationships.Unit.Code : text",
                true,
                vec![member("Relationships"), member("Unit"), member("Code")],
            ),
            (
                "orgs[].sourcedId : json",
                false,
                vec![member("orgs"), PathStep::Each, member("sourcedId")],
            ),
            (
                "userIds[].{type, identifier} : json",
                false,
                vec![
                    member("userIds"),
                    PathStep::Each,
                    PathStep::Keep(vec!["type".into(), "identifier".into()]),
                ],
            ),
            (
                "userIds[type=person-id].identifier : text",
                false,
                vec![
                    member("userIds"),
                    PathStep::Pick {
                        member: "type".into(),
                        is: "person-id".into(),
                    },
                    member("identifier"),
                ],
            ),
        ] {
            let column = Column::read("x", text, "", None).expect(text);
            assert_eq!(
                column.origin,
                ColumnSource::Paths(vec![Path { beside, steps }]),
                "{text}"
            );
        }
        let constant = Column::read("list", "= {list} : text", "", None).expect("constant");
        assert_eq!(constant.origin, ColumnSource::Constant("{list}".into()));
        let two = Column::read("t", "T | t : timestamp", "", None).expect("alternatives");
        assert!(matches!(two.origin, ColumnSource::Paths(paths) if paths.len() == 2));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("sourcedId", "a column is written \"path : type\""),
            (
                "a : string",
                "unknown type `string`; known types: text, integer, real, boolean, date, timestamp, json",
            ),
            (
                "a : text upper",
                "unknown modifier `upper`; known modifiers: lower, guid, nonzero, texts, set, required, verbatim, epoch, epoch_ms",
            ),
            (
                "a : text set",
                "`set` is for arrays: the type must be json, not text",
            ),
            (
                "a : date verbatim",
                "`verbatim` is for texts: the type must be text, not date",
            ),
            (
                "a[0] : text",
                "write `[0]` as `[member=value]`, or `[]` for each element",
            ),
            (
                "a[].b : text",
                "`[]` and `{…}` give JSON: the type must be json, not text",
            ),
            (
                "a : integer epoch",
                "`epoch` and `epoch_ms` are for times: the type must be timestamp or date, not integer",
            ),
            (
                "@value : json",
                "`@key` and `@value` are no JSON: the type must be another one",
            ),
            (
                "@key.name : text",
                "`@key.name` is no path: `@key` and `@value` have no members",
            ),
            ("a[x : text", "`a[x` lacks its `]`"),
            (" : text", "`` names no member"),
            ("{a}.b : json", "`{…}` is the last step of a path"),
        ] {
            assert_eq!(
                Column::read("x", text, "", None).expect_err(text),
                expected,
                "{text}"
            );
        }
    }
}
