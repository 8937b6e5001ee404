//! JSON whose members keep their order: the columns of a draft are in the order of the sample.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::vocabulary::{is_known, is_schema_name};

/// The kind of a value, numbers being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ValueShape {
    Boolean,
    Number,
    Text,
    List,
    Object,
}

/// Whether there are several values of one kind, and objects have most of their members in common.
pub(super) fn are_alike(values: &[&JsonNode]) -> bool {
    let first = values.first().and_then(|first| first.shape());
    let is_one_shape = values.iter().all(|value| value.shape() == first);
    let objects = || values.iter().map(|value| (String::new(), (*value).clone()));
    values.len() > 1
        && is_one_shape
        && match first {
            Some(ValueShape::Object) => JsonNode::Object(objects().collect()).has_alike_members(),
            first => first.is_some(),
        }
}

/// Whether the name of a member is an id or a person.
pub(super) fn is_value(name: &str) -> bool {
    let is_uuid = name.len() == 36 && name.matches('-').count() == 4;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    is_uuid
        || is_number
        || (name.contains(' ') && !is_known(name))
        || name.chars().skip(1).any(|letter| letter == '@')
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum JsonNode {
    Null,
    Boolean(bool),
    Integer(i64),
    Real,
    Text(String),
    List(Vec<JsonNode>),
    Object(Vec<(String, JsonNode)>),
}

impl JsonNode {
    /// Reads a text. The error says where it is no JSON, and quotes nothing.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|error| {
            let start = bytes.trim_ascii_start();
            let help = match start.first() {
                None => "it is empty",
                Some(b'<') => "it looks like HTML or XML: is the address that of the API, and are you signed in?",
                Some(b'{' | b'[') => "is it complete?",
                Some(_) => "a description in YAML has to be converted to JSON first, such as by `yq -o json`",
            };
            let (line, column) = (error.line(), error.column());
            format!("it is no JSON, at line {line}, column {column}; {help}")
        })
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, node)| node)
    }

    /// A member of members.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// Whether it is several objects that have most of their members in common: rows by their ids.
    pub fn has_alike_members(&self) -> bool {
        let members = self.members();
        let first = members.first().map(|(_, first)| first);
        let known = |name: &str| first.is_some_and(|first| first.get(name).is_some());
        let is_alike = |(_, row): &(String, Self)| {
            let all = row.members();
            !all.is_empty() && all.iter().filter(|(name, _)| known(name)).count() * 2 > all.len()
        };
        members.len() > 1 && members.iter().all(is_alike)
    }

    /// Whether its members are named by ids or people: such a name is a value, and no draft may have it.
    pub fn is_keyed_by_data(&self) -> bool {
        let is_value = |(name, _): &(String, Self)| is_value(name);
        self.has_alike_members() || self.members().iter().any(is_value)
    }

    /// Whether it is several lists of the same things, some of them with a name that no vendor chose.
    pub fn is_lists_by_data(&self) -> bool {
        let members = self.members();
        let lists = members
            .iter()
            .filter(|(_, list)| matches!(list, Self::List(_)));
        let named: Vec<&str> = lists.clone().map(|(name, _)| name.as_str()).collect();
        let firsts: Vec<&Self> = lists
            .filter_map(|(_, list)| list.elements().first())
            .collect();
        named.iter().any(|name| !is_schema_name(name)) && are_alike(&firsts)
    }

    /// What kind of value it is; `None` for one that shows nothing.
    pub fn shape(&self) -> Option<ValueShape> {
        match self {
            Self::Null => None,
            Self::Text(text) if text.is_empty() => None,
            Self::Boolean(_) => Some(ValueShape::Boolean),
            Self::Integer(_) | Self::Real => Some(ValueShape::Number),
            Self::Text(_) => Some(ValueShape::Text),
            Self::List(_) => Some(ValueShape::List),
            Self::Object(_) => Some(ValueShape::Object),
        }
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

impl<'de> Deserialize<'de> for JsonNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = JsonNode;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<JsonNode, E> {
        Ok(JsonNode::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsonNode, E> {
        Ok(JsonNode::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<JsonNode, E> {
        Ok(JsonNode::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<JsonNode, E> {
        Ok(i64::try_from(value).map_or(JsonNode::Real, JsonNode::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonNode, E> {
        Ok(JsonNode::Real)
    }

    fn visit_str<E>(self, value: &str) -> Result<JsonNode, E> {
        Ok(JsonNode::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<JsonNode, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(JsonNode::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonNode, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(JsonNode::Object(members))
    }
}
