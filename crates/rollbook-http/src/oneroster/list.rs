//! The objects of a list: found, filtered, sorted. Pure.

use std::cmp::Reverse;
use std::sync::Arc;

use super::collection::{ListRelation, RosterCollection, SCHOOLS};
use super::entity::RosterEntity;
use super::filter::RosterFilter;
use super::member_path::MemberPath;
use super::parameters::ListParameters;
use super::recent_lists::AskedList;
use super::roster::{MemberValue, Roster, RosterTable};
use super::route::RosterRoute;
use super::status_info::RequestFault;

/// All rows of a list, before it is cut into pages.
#[derive(Debug)]
pub struct FoundList<'a> {
    /// Where they are.
    pub table: &'a RosterTable,
    /// Their numbers, in order.
    pub rows: Arc<[u32]>,
    /// Whether it could not be sorted as was asked.
    pub is_unsorted: bool,
}

/// A value to sort by: no value is the smallest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SortValue {
    Missing,
    Boolean(bool),
    Time(jiff::Timestamp),
    Text(String),
}

impl Roster {
    /// The rows of a list. Its next page finds them again.
    ///
    /// # Errors
    /// If there is none, or the filter is wrong.
    pub fn list(
        &self,
        route: &RosterRoute,
        parameters: &ListParameters,
    ) -> Result<FoundList<'_>, RequestFault> {
        let asked = AskedList {
            route: route.clone(),
            filter: parameters.filter.clone(),
            sort: parameters.sort.clone(),
            is_descending: parameters.is_descending,
        };
        if let Some((rows, is_unsorted)) = self.recent.get(&asked) {
            let table = self.known(route.listed())?;
            return Ok(FoundList {
                table,
                rows,
                is_unsorted,
            });
        }
        let found = self.find(route, parameters)?;
        self.recent
            .put(asked, (Arc::clone(&found.rows), found.is_unsorted));
        Ok(found)
    }

    fn find(
        &self,
        route: &RosterRoute,
        parameters: &ListParameters,
    ) -> Result<FoundList<'_>, RequestFault> {
        let (collection, mut rows) = match route {
            RosterRoute::All(collection) | RosterRoute::One(collection, _) => {
                let table = self.known(*collection)?;
                (*collection, (0..table.len()).collect())
            }
            RosterRoute::Below(list, id, school) => {
                for entity in list.entities() {
                    self.table(entity).ok_or_else(not_here)?;
                }
                self.object(list.parent, id)?;
                if let Some(school) = school {
                    self.object(SCHOOLS, school)?;
                    let classes = self.known(list.parent)?;
                    let class = classes.find(id).ok_or_else(no_object)?;
                    let is_its = classes.naming("school", school).contains(&class);
                    is_its.then_some(()).ok_or_else(no_object)?;
                }
                (list.child, self.related(list.child, list.relation, id)?)
            }
        };
        let table = self.known(collection)?;
        if let Some((member, value)) = collection.having {
            rows.retain(|row| has(table, *row, member, value));
        }
        if let Some(filter) = &parameters.filter {
            let filter = RosterFilter::of(table.entity(), filter)?;
            rows.retain(|row| filter.fits(table, *row));
        }
        let order = parameters.sort.as_deref().map(|sort| {
            MemberPath::of(table.entity(), sort).filter(|path| !path.is_list(table.entity()))
        });
        // They are in the order of their ids.
        if let Some(Some(path)) = order {
            sort(table, &mut rows, path, parameters.is_descending);
        }
        Ok(FoundList {
            table,
            rows: rows.into(),
            is_unsorted: order == Some(None),
        })
    }

    /// An object of a collection.
    ///
    /// # Errors
    /// If it is not there.
    pub fn object(
        &self,
        collection: RosterCollection,
        id: &str,
    ) -> Result<(&RosterTable, u32), RequestFault> {
        let table = self.known(collection)?;
        let row = table.find(id).ok_or_else(no_object)?;
        let is_in = collection
            .having
            .is_none_or(|(member, value)| has(table, row, member, value));
        is_in.then_some((table, row)).ok_or_else(no_object)
    }

    fn known(&self, collection: RosterCollection) -> Result<&RosterTable, RequestFault> {
        self.table(collection.entity).ok_or_else(not_here)
    }

    /// The rows that a relation finds below the object with this id.
    fn related(
        &self,
        child: RosterCollection,
        relation: ListRelation,
        id: &str,
    ) -> Result<Vec<u32>, RequestFault> {
        let table = self.known(child)?;
        let mut rows = match relation {
            ListRelation::Naming(member) => return Ok(table.naming(member, id).to_vec()),
            ListRelation::TermsOfClasses => {
                let classes = self.named_by("school", id, RosterEntity::Class)?;
                let terms = classes.flat_map(|(table, class)| table.ids(class, "terms"));
                terms.filter_map(|term| table.find(term)).collect()
            }
            ListRelation::Enrolled(role) => {
                self.enrolled("class", id, Some(role), "user", table)?
            }
            ListRelation::Attended(role) => self.enrolled("user", id, role, "class", table)?,
        };
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }

    /// What active enrollments of this role name in `target`, of those that name the id in `member`.
    fn enrolled(
        &self,
        member: &str,
        id: &str,
        role: Option<&str>,
        target: &str,
        table: &RosterTable,
    ) -> Result<Vec<u32>, RequestFault> {
        let found = self.named_by(member, id, RosterEntity::Enrollment)?;
        let of_role = found.filter(|(enrollments, row)| {
            role.is_none_or(|role| has(enrollments, *row, "role", role))
        });
        let ids = of_role.flat_map(|(enrollments, row)| enrollments.ids(row, target));
        Ok(ids.filter_map(|id| table.find(id)).collect())
    }

    /// The active rows of an entity that name this id in a member.
    fn named_by(
        &self,
        member: &str,
        id: &str,
        entity: RosterEntity,
    ) -> Result<impl Iterator<Item = (&RosterTable, u32)>, RequestFault> {
        let table = self.table(entity).ok_or_else(not_here)?;
        let rows = table.naming(member, id).iter().copied();
        let active = rows.filter(|row| table.is_active(*row));
        Ok(active.map(move |row| (table, row)))
    }
}

impl RosterTable {
    /// The ids that a row names in a member.
    fn ids(&self, row: u32, member: &str) -> Vec<&str> {
        let position = self.entity().position(member);
        match position.map(|position| self.value(row, MemberPath::Member(position))) {
            Some(MemberValue::Text(id)) => vec![id],
            Some(MemberValue::Items(ids)) => ids,
            _ => Vec::new(),
        }
    }
}

fn has(table: &RosterTable, row: u32, member: &str, value: &str) -> bool {
    let position = table.entity().position(member);
    position.is_some_and(|position| {
        table.value(row, MemberPath::Member(position)) == MemberValue::Text(value)
    })
}

/// By a member, then by the id, which ascends in both directions.
fn sort(table: &RosterTable, rows: &mut [u32], path: MemberPath, is_descending: bool) {
    if path == MemberPath::Id {
        if is_descending {
            rows.reverse();
        }
        return;
    }
    let value = |row: &u32| match table.value(*row, path) {
        MemberValue::Text(text) => SortValue::Text(text.to_lowercase()),
        MemberValue::Boolean(value) => SortValue::Boolean(value),
        MemberValue::Time(time) => SortValue::Time(time),
        MemberValue::Missing | MemberValue::Items(_) => SortValue::Missing,
    };
    match is_descending {
        true => rows.sort_by_cached_key(|row| Reverse(value(row))),
        false => rows.sort_by_cached_key(value),
    }
}

fn not_here() -> RequestFault {
    RequestFault::unknown("this service has no such objects")
}

fn no_object() -> RequestFault {
    RequestFault::unknown("there is no such object")
}

#[cfg(test)]
mod tests;
