//! What a path below the service's base leads to.

use super::collection::{COLLECTIONS, NESTED_LISTS, NestedList, RosterCollection};
use super::parameters::decoded;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterRoute {
    /// A collection.
    All(RosterCollection),
    /// The object with this id.
    One(RosterCollection, String),
    /// A list below the object with this id; in the school with the other one.
    Below(NestedList, String, Option<String>),
}

impl RosterRoute {
    /// The collection whose objects are listed.
    pub fn listed(&self) -> RosterCollection {
        match self {
            Self::All(collection) | Self::One(collection, _) => *collection,
            Self::Below(list, ..) => list.child,
        }
    }

    /// Of a path behind the base; `None` if there is nothing.
    pub fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let collection = |path: &str| COLLECTIONS.into_iter().find(|one| one.path == path);
        let id = |part: &str| decoded(part, false).filter(|id| !id.is_empty());
        let list = |parent: &str, name: &str, is_in_school: bool| {
            NESTED_LISTS.into_iter().find(|list| {
                list.parent.path == parent && list.name == name && list.is_in_school == is_in_school
            })
        };
        match parts[..] {
            [path] => Some(Self::All(collection(path)?)),
            [path, object] => Some(Self::One(collection(path)?, id(object)?)),
            [parent, object, name] => {
                Some(Self::Below(list(parent, name, false)?, id(object)?, None))
            }
            ["schools", school, parent, object, name] => {
                let list = list(parent, name, true)?;
                Some(Self::Below(list, id(object)?, Some(id(school)?)))
            }
            _ => None,
        }
    }
}
