//! Selects the requested page of all rows: filters, order, skip and take (wisenet.md 3.4 to 3.6).
//!
//! The surprise: an undeclared filter is ignored, as at the vendor, and a page never has more than
//! a thousand rows, whatever `take` is.

use serde_json::Value;

use super::people::learner_number;
use super::resources::Resource;
use super::rows::View;
use super::switches::{Names, Unknown};
use super::times;
use super::world::{Action, Entity, Entry};

/// Maximum of rows in a page (wisenet.md 3.4).
pub const CEILING: usize = 1000;

/// The message of a 400.
pub type BadRequest = String;

/// The rows of one page, in order.
pub fn page<'w>(
    view: &View<'w>,
    resource: &Resource,
    query: &[(String, String)],
    turn: u64,
) -> Result<Vec<&'w Entry>, BadRequest> {
    let parsed = ListQuery::read(view, resource, query)?;
    let mut rows: Vec<&Entry> = view.world.rows(resource.entity).iter().collect();
    for (fields, test) in &parsed.tests {
        rows.retain(|row| match fields {
            Some(fields) => fields
                .iter()
                .any(|field| test.holds(&text(&field_value(view, resource.entity, row, field)))),
            None => test.holds_time(row.stamp),
        });
    }
    match resource.sorts.first() {
        Some(default) => {
            let by = parsed.sort.as_deref().and_then(|name| {
                resource
                    .sorts
                    .iter()
                    .find(|known| known.eq_ignore_ascii_case(name))
            });
            sort(
                view,
                resource.entity,
                &mut rows,
                by.unwrap_or(default),
                parsed.descending,
            );
        }
        None if view.switches.unstable_order && !rows.is_empty() => {
            let by = turn as usize * 7 % rows.len();
            rows.rotate_left(by);
        }
        None => {}
    }
    Ok(rows
        .into_iter()
        .skip(parsed.skip)
        .take(parsed.take.min(CEILING))
        .collect())
}

struct ListQuery {
    skip: usize,
    take: usize,
    sort: Option<String>,
    descending: bool,
    /// A test without fields applies to the change time.
    tests: Vec<(Option<&'static [&'static str]>, Test)>,
}

impl ListQuery {
    fn read(
        view: &View<'_>,
        resource: &Resource,
        query: &[(String, String)],
    ) -> Result<Self, BadRequest> {
        let same = |known: &str, name: &str| match view.switches.names {
            Names::Relaxed => known.eq_ignore_ascii_case(name),
            Names::Strict => known == name,
        };
        let mut parsed = Self {
            skip: 0,
            take: CEILING,
            sort: None,
            descending: resource.newest_first,
            tests: Vec::new(),
        };
        for (name, value) in query {
            if resource.paged && same("skip", name) {
                parsed.skip = value
                    .parse()
                    .map_err(|_| "skip must be zero or more".to_owned())?;
            } else if resource.paged && same("take", name) {
                parsed.take = value
                    .parse()
                    .ok()
                    .filter(|take| *take > 0)
                    .ok_or("take must be one or more")?;
            } else if same("sort", name) && !resource.sorts.is_empty() {
                parsed.sort = Some(value.clone());
            } else if same("order", name) && !resource.sorts.is_empty() {
                parsed.descending = value.eq_ignore_ascii_case("desc");
            } else if same(resource.changed, name) {
                let test = match resource.operators {
                    true => Test::read(value),
                    false => Test::equals(value),
                };
                parsed.tests.push((None, test.parsed_as_times()?));
            } else if let Some((known, fields)) =
                resource.filters.iter().find(|(known, _)| same(known, name))
            {
                let search = *known == "search" || fields == &["relationships"];
                parsed.tests.push((
                    Some(fields),
                    if search {
                        Test::contains(value)
                    } else {
                        Test::read(value)
                    },
                ));
            } else if view.switches.unknown == Unknown::Refused {
                return Err(format!("unknown parameter {name}"));
            }
        }
        Ok(parsed)
    }
}

/// An operator and its operands (wisenet.md 3.5).
struct Test {
    operator: &'static str,
    values: Vec<String>,
    times: Vec<i64>,
}

impl Test {
    fn read(value: &str) -> Self {
        const OPERATORS: &[&str] = &[
            "gt", "lt", "ge", "le", "eq", "ne", "bt", "in", "ni", "ct", "nc",
        ];
        let found = value.split_once(':').and_then(|(prefix, rest)| {
            OPERATORS
                .iter()
                .find(|known| **known == prefix)
                .map(|operator| (*operator, rest))
        });
        let (operator, rest) = found.unwrap_or(("eq", value));
        let values = match operator {
            "bt" | "in" | "ni" => rest.split(',').map(str::to_owned).collect(),
            _ => vec![rest.to_owned()],
        };
        Self {
            operator,
            values,
            times: Vec::new(),
        }
    }

    fn equals(value: &str) -> Self {
        Self {
            operator: "eq",
            values: vec![value.to_owned()],
            times: Vec::new(),
        }
    }

    fn contains(value: &str) -> Self {
        Self {
            operator: "ct",
            values: vec![value.to_owned()],
            times: Vec::new(),
        }
    }

    /// The same, with its operands parsed as times.
    fn parsed_as_times(mut self) -> Result<Self, BadRequest> {
        let times: Option<Vec<i64>> = self.values.iter().map(|value| times::read(value)).collect();
        self.times = times.ok_or("a change filter needs yyyy-MM-ddTHH:mm:ss.fff")?;
        Ok(self)
    }

    fn holds_time(&self, time: i64) -> bool {
        self.compare(&self.times, &time)
    }

    fn holds(&self, text: &str) -> bool {
        match self.operator {
            "ct" => text.to_lowercase().contains(&self.values[0].to_lowercase()),
            "nc" => !text.to_lowercase().contains(&self.values[0].to_lowercase()),
            _ => self.compare(&self.values, &text.to_owned()),
        }
    }

    fn compare<T: Ord>(&self, with: &[T], value: &T) -> bool {
        let (Some(first), Some(last)) = (with.first(), with.last()) else {
            return false;
        };
        match self.operator {
            "gt" => value > first,
            "lt" => value < first,
            "ge" => value >= first,
            "le" => value <= first,
            "ne" => value != first,
            "bt" => value >= first && value <= last,
            "in" => with.contains(value),
            "ni" => !with.contains(value),
            _ => value == first,
        }
    }
}

fn sort(view: &View<'_>, entity: Entity, rows: &mut [&Entry], by: &str, descending: bool) {
    match by {
        "LastModifiedTimeStamp" => rows.sort_by_key(|row| (row.stamp, row.id)),
        "AgentId" | "PromotionId" => rows.sort_by_key(|row| row.id),
        "Amount" => rows.sort_by_cached_key(|row| {
            let amount = view.one(entity, row, by).as_f64().unwrap_or_default();
            ((amount * 100.0) as i64, row.id)
        }),
        field => rows.sort_by_cached_key(|row| (text(&view.one(entity, row, field)), row.id)),
    }
    if descending {
        rows.reverse();
    }
}

/// A field of a row or of a linked row.
fn field_value(view: &View<'_>, entity: Entity, row: &Entry, field: &str) -> Value {
    let number = |id: u64| id - Entity::Learner.first_id();
    match field {
        "learner.id" => Value::from(row.links[2]),
        "member.number" => Value::from(learner_number(row.links[2])),
        "learner.number" => Value::from(learner_number(row.links[0])),
        "learner.given" => Value::from(view.learner(number(row.links[0])).0.given),
        "learner.family" => Value::from(view.learner(number(row.links[0])).0.family),
        "offer.code" => view
            .world
            .find(Entity::CourseOffer, row.links[1])
            .map_or(Value::Null, |offer| {
                view.one(Entity::CourseOffer, offer, "Code")
            }),
        "course.status" => view
            .world
            .find(Entity::CourseEnrolment, row.links[0])
            .map_or(Value::Null, |course| Value::from(view.status(course))),
        "course.id" => view
            .world
            .find(Entity::UnitEnrolment, row.links[0])
            .map_or(Value::Null, |unit| Value::from(unit.links[0])),
        "unit.code" => view
            .world
            .find(Entity::UnitEnrolment, row.links[0])
            .and_then(|unit| view.world.find(Entity::UnitOffer, unit.links[1]))
            .and_then(|offer| view.world.find(Entity::Unit, offer.links[1]))
            .map_or(Value::Null, |unit| view.one(Entity::Unit, unit, "UnitCode")),
        "relationships" => {
            let (data, _) = view.row(entity, row);
            Value::from(data["SalesContactRelationships"].to_string())
        }
        // Cheaper than the table, and needed for every row of the log.
        "AuditAction" => Value::from(Action::letter(row.action)),
        path => view.one(entity, row, path),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
