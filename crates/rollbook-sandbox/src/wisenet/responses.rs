//! Responses of `/v1` to a permitted GET: collections, single rows, short lists and combos.
//!
//! Implements the envelope and its exceptions (wisenet.md 3.2); authorization and faults are checked before.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::listing::page;
use super::resources::{RESOURCES, Resource};
use super::rows::View;
use super::side::INVOICE;
use super::switches::{KeyOrder, PastEnd};
use super::world::{Entity, Entry};

/// The shape of a path's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `Data` and `Relationships`.
    Wrapped,
    /// The bare short form (wisenet.md 10 rule 6).
    Short,
    /// The short form as `Data`.
    WrappedShort,
    /// A learner's `Personal` as `Data`.
    Personal,
}

/// A parsed path below `/v1`.
#[derive(Debug)]
pub enum Route<'p> {
    /// A combo list.
    Combos(&'p str),
    /// A collection.
    List(&'static Resource, Shape),
    /// One row.
    Row(&'static Resource, Shape, u64),
    /// Learners of another country.
    OtherRegion,
    /// No such route.
    Unknown,
}

impl Route<'_> {
    /// The resource that determines the required scope; none for routes without rows.
    pub fn resource(&self) -> Option<&'static str> {
        match self {
            Self::Combos(_) => Some("combos"),
            Self::List(resource, _) | Self::Row(resource, ..) => Some(resource.path),
            Self::OtherRegion | Self::Unknown => None,
        }
    }
}

/// Parses a path such as `learnersAU/list`, for an account in `region`.
pub fn route<'p>(path: &'p str, region: &str) -> Route<'p> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (name, rest) = parts
        .split_first()
        .map_or(("", &[][..]), |(name, rest)| (*name, rest));
    let name = match name.strip_prefix("learners") {
        Some(letters) if letters == region => "learners",
        Some("AU" | "NZ" | "SG" | "SA") => return Route::OtherRegion,
        Some(_) => return Route::Unknown,
        None => name,
    };
    if let ("combos", [list]) = (name, rest) {
        return Route::Combos(list);
    }
    let Some(resource) = RESOURCES.iter().find(|resource| resource.path == name) else {
        return Route::Unknown;
    };
    let row = |id: &str, shape| {
        let id = match resource.entity {
            Entity::Invoice => id.strip_prefix(INVOICE).unwrap_or_default(),
            _ => id,
        };
        id.parse()
            .map_or(Route::Unknown, |id| Route::Row(resource, shape, id))
    };
    match (resource.entity, rest) {
        (_, []) => Route::List(resource, Shape::Wrapped),
        (Entity::Learner, ["list"]) => Route::List(resource, Shape::Short),
        (Entity::Location, ["list"]) => Route::List(resource, Shape::WrappedShort),
        (Entity::CourseOffer, ["list", id]) => row(id, Shape::WrappedShort),
        (Entity::Learner, [id, "personal"]) => row(id, Shape::Personal),
        (
            Entity::AuditLog
            | Entity::NameOfEntities
            | Entity::ElementEnrolment
            | Entity::LanguageLiteracyNumeracy
            | Entity::ChecklistItem
            | Entity::SalesPerson
            | Entity::Trainer
            | Entity::Assessor
            | Entity::Coordinator,
            _,
        ) => Route::Unknown,
        (_, [id]) => row(id, Shape::Wrapped),
        _ => Route::Unknown,
    }
}

/// The requested page, and the ids of its rows.
pub fn list(
    view: &View<'_>,
    resource: &Resource,
    shape: Shape,
    query: &[(String, String)],
    turn: u64,
) -> (Response<Body>, Vec<u64>) {
    let empty = view.switches.empty == resource.path;
    let rows = match page(view, resource, query, turn) {
        Ok(rows) if !empty => rows,
        Ok(_) => Vec::new(),
        Err(message) => {
            return (
                json_response(400, json!({ "Message": message }).to_string()),
                Vec::new(),
            );
        }
    };
    let skipped = query
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("skip") && value != "0");
    if rows.is_empty() && skipped && !empty {
        return (past_the_end(view.switches.past_end), Vec::new());
    }
    let texts: Vec<String> = rows
        .iter()
        .map(|row| wrapped(view, resource.entity, row, shape))
        .collect();
    (
        json_response(200, format!("[{}]", texts.join(","))),
        rows.iter().map(|row| row.id).collect(),
    )
}

/// One row, or 404.
pub fn row(view: &View<'_>, entity: Entity, shape: Shape, id: u64) -> Response<Body> {
    match view.world.find(entity, id) {
        Some(row) => json_response(200, wrapped(view, entity, row, shape)),
        None => json_response(404, json!({ "Message": "Record not found" }).to_string()),
    }
}

/// A combo list, if it exists; two of them can be sorted by code in descending order.
pub fn combos(view: &View<'_>, name: &str, query: &[(String, String)]) -> Option<Response<Body>> {
    let list = view.combos.get(name)?;
    let mut rows: Vec<&Map<String, Value>> = list.rows.values().collect();
    if matches!(name, "outcomes" | "nz-outcomes") {
        let has = |key: &str, wanted: &str| {
            query.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case(key) && value.eq_ignore_ascii_case(wanted)
            })
        };
        if !has("sort", "id") {
            rows.sort_by_key(|row| row.get("Code").and_then(Value::as_str));
        }
        if has("order", "desc") {
            rows.reverse();
        }
    }
    let texts: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            envelope(
                view,
                index as u64,
                &json!(row).to_string(),
                &view.combos.relationships(name, row).to_string(),
            )
        })
        .collect();
    Some(json_response(200, format!("[{}]", texts.join(","))))
}

/// A response with a JSON body.
pub fn json_response(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn past_the_end(how: PastEnd) -> Response<Body> {
    match how {
        PastEnd::Null => json_response(200, "null".to_owned()),
        PastEnd::Empty => json_response(200, "[]".to_owned()),
        PastEnd::NoContent => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
    }
}

fn wrapped(view: &View<'_>, entity: Entity, row: &Entry, shape: Shape) -> String {
    match shape {
        Shape::Wrapped => {
            let (data, relations) = view.row(entity, row);
            envelope(
                view,
                row.id,
                &data.to_string(),
                &Value::Object(relations).to_string(),
            )
        }
        Shape::Short => view.learner_basic(row).to_string(),
        Shape::WrappedShort => {
            let name = if entity == Entity::Location {
                "location"
            } else {
                "course-offer"
            };
            let short = view.short(name, row.id).unwrap_or_default();
            envelope(view, row.id, &short.to_string(), "{}")
        }
        Shape::Personal => {
            let (data, relations) = view.row(entity, row);
            let personal = data.get("Personal").cloned().unwrap_or_default();
            envelope(
                view,
                row.id,
                &personal.to_string(),
                &Value::Object(relations).to_string(),
            )
        }
    }
}

fn envelope(view: &View<'_>, key: u64, data: &str, relationships: &str) -> String {
    match view.switches.key_order {
        KeyOrder::Mixed if key % 2 == 1 => {
            format!("{{\"Relationships\":{relationships},\"Data\":{data}}}")
        }
        KeyOrder::Mixed | KeyOrder::Usual => {
            format!("{{\"Data\":{data},\"Relationships\":{relationships}}}")
        }
    }
}
