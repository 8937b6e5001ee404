//! The names by which requests speak of members (oneroster-service.md 7).

use super::entity::{MemberKind, RosterEntity};

/// What a condition, or an order, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPath {
    /// `sourcedId`.
    Id,
    /// `status`.
    Status,
    /// `dateLastModified`.
    Changed,
    /// The member in this position; of a reference its `sourcedId`.
    Member(usize),
    /// `type` of the references, or user ids, in the member of this position.
    TypeOf(usize),
}

impl MemberPath {
    /// Of a name such as `givenName` or `school.sourcedId`.
    pub fn of(entity: RosterEntity, name: &str) -> Option<Self> {
        match name {
            "sourcedId" => return Some(Self::Id),
            "status" => return Some(Self::Status),
            "dateLastModified" => return Some(Self::Changed),
            _ => {}
        }
        let (name, part) = match name.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (name, None),
        };
        let position = entity.position(name)?;
        match (entity.members()[position].kind, part) {
            (
                MemberKind::Reference(_) | MemberKind::References(_) | MemberKind::Children,
                Some("sourcedId"),
            )
            | (MemberKind::UserIds, Some("identifier")) => Some(Self::Member(position)),
            (
                MemberKind::Reference(_)
                | MemberKind::References(_)
                | MemberKind::Children
                | MemberKind::UserIds,
                Some("type"),
            ) => Some(Self::TypeOf(position)),
            (
                MemberKind::Text | MemberKind::Boolean | MemberKind::Date | MemberKind::List,
                None,
            ) => Some(Self::Member(position)),
            _ => None,
        }
    }

    /// Whether it has several values.
    pub fn is_list(self, entity: RosterEntity) -> bool {
        let (Self::Member(position) | Self::TypeOf(position)) = self else {
            return false;
        };
        matches!(
            entity.members()[position].kind,
            MemberKind::List
                | MemberKind::UserIds
                | MemberKind::References(_)
                | MemberKind::Children
        )
    }
}
