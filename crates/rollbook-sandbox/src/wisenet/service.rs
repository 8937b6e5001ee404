//! The simulated service: router, access control, and the handle for tests.
//!
//! Order of the checks, as at a gateway: route, method, authorization, limits and faults, response.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, Method, Response, header};
use serde_json::json;

use super::combos::Combos;
use super::faults::{CallOutcome, Meter};
use super::resources::RESOURCES;
use super::responses::{self, Route, json_response, route};
use super::rows::View;
use super::side::is_side;
use super::switches::{Required, Switches};
use super::times::now_of;
use super::tokens;
use super::world::{Action, Entity, World};
use crate::authorization::{Login, first_refresh_token, form_body};
use crate::control::Control;
use crate::edits::Change;
use crate::shared::Shared;
use crate::tokens::Holder;

/// Counts of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests by path, without those of the authorization server.
    pub requests: BTreeMap<String, u64>,
    /// Responses with status 429.
    pub too_many: u64,
    /// Requests with another method than GET.
    pub refused_writes: u64,
}

/// The simulated Wisenet, and the handle for tests.
#[derive(Debug)]
pub struct Wisenet {
    shared: Arc<Shared>,
    switches: RwLock<Switches>,
    today: Mutex<Option<Arc<Today>>>,
    control: Arc<Control>,
    meter: Meter,
    counters: Mutex<Counters>,
}

#[derive(Clone, Debug)]
struct Today {
    world: World,
    combos: Combos,
    touched: bool,
}

impl Wisenet {
    /// A Wisenet of the shared school.
    pub fn new(shared: Arc<Shared>, switches: Switches, control: Arc<Control>) -> Arc<Self> {
        control.authorization.set_switches(switches.auth.clone());
        tokens::add_initial_grant(&control);
        Arc::new(Self {
            shared,
            switches: RwLock::new(switches),
            today: Mutex::default(),
            control,
            meter: Meter::default(),
            counters: Mutex::default(),
        })
    }

    /// The HTTP service: `/v1`, and the authorization server below `/api`.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |request: Request| {
            let wisenet = Arc::clone(&self);
            async move { wisenet.handle(request).await }
        })
    }

    /// Rows of every stream today, by stream; audit logs are the deletions only.
    pub fn describe(&self) -> BTreeMap<String, u64> {
        let today = self.today();
        let rows = |entity| today.world.rows(entity).len() as u64;
        let side = RESOURCES.iter().filter(|resource| is_side(resource.entity));
        let deletions = today
            .world
            .rows(Entity::AuditLog)
            .iter()
            .filter(|row| row.action == Action::Delete);
        [
            ("learners", rows(Entity::Learner)),
            ("courses", rows(Entity::Course)),
            ("units", rows(Entity::Unit)),
            ("course_offers", rows(Entity::CourseOffer)),
            ("unit_offers", rows(Entity::UnitOffer)),
            ("course_enrolments", rows(Entity::CourseEnrolment)),
            ("unit_enrolments", rows(Entity::UnitEnrolment)),
            ("agents", rows(Entity::Agent)),
            ("workplaces", rows(Entity::Workplace)),
            ("locations", rows(Entity::Location)),
            ("staff", rows(Entity::Staff)),
            ("entities", rows(Entity::NameOfEntities)),
            ("audit_logs", deletions.count() as u64),
            ("combos", today.combos.count()),
        ]
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .chain(side.map(|resource| (resource.path.replace('-', "_"), rows(resource.entity))))
        .collect()
    }

    /// Settings of a source that reads this service at `origin`, such as `http://127.0.0.1:8080`.
    pub fn settings(&self, origin: &str) -> BTreeMap<String, String> {
        let addresses = tokens::addresses(origin);
        [
            ("base_url", format!("{origin}/v1")),
            ("token_url", addresses.token),
            ("authorize_url", addresses.authorize),
            ("metadata_url", addresses.metadata),
            ("region", self.switches().region.letters().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The secrets that this service accepts at its first start.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        let seed = self.shared.school.seed;
        [
            (
                "wisenet_client_secret",
                tokens::client_secret(seed, tokens::CLIENT_ID),
            ),
            (
                "wisenet_refresh_token",
                first_refresh_token("wisenet", seed),
            ),
            ("wisenet_api_key", tokens::api_key(seed)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What a browser login needs.
    pub fn login(&self, origin: &str) -> Login {
        tokens::login(origin)
    }

    /// Sets a switch at run time; `region`, `same_stamp` and `log_all` apply at the start only.
    pub fn set(&self, name: &str, value: &str) -> Result<(), String> {
        if let Some(name) = name.strip_prefix("auth.") {
            return self.control.authorization.set(name, value);
        }
        self.switches
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .set(name, value)
    }

    /// Tokens, counters, faults and clock of this service.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Counts so far.
    pub fn counters(&self) -> Counters {
        self.counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Handles one request.
    pub(super) async fn handle(&self, request: Request) -> Response<Body> {
        let path = request.uri().path().to_owned();
        if path.starts_with("/api/") {
            return self.sign_in(request).await;
        }
        let number = self.count(|counters| {
            *counters.requests.entry(path.clone()).or_default() += 1;
            counters.requests.values().sum()
        });
        let switches = self.switches();
        let route = path.strip_prefix("/v1/").map_or(Route::Unknown, |path| {
            route(path, switches.region.letters())
        });
        if matches!(route, Route::Unknown) {
            return message(403, "Missing Authentication Token");
        }
        if request.method() != Method::GET {
            self.count(|counters| counters.refused_writes += 1);
            return message(405, "Method Not Allowed");
        }
        if let Some(refused) = self.refuse(&switches, request.headers(), &route) {
            return refused;
        }
        if switches.slow_ms > 0 {
            tokio::time::sleep(Duration::from_millis(switches.slow_ms)).await;
        }
        let outcome = self.meter.outcome(&switches, self.shared.day());
        let query =
            Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|query| query.0);
        let Ok(query) = query else {
            return message(400, "Bad Request");
        };
        match outcome {
            CallOutcome::TooMany(words) => self.too_many(&switches, words),
            CallOutcome::Failed(504) => message(504, "Endpoint request timed out"),
            CallOutcome::Failed(status) => message(status, "Internal server error"),
            CallOutcome::Normal => self.read(&switches, route, &query, number),
            CallOutcome::Truncated => cut(self.read(&switches, route, &query, number)).await,
        }
    }

    fn read(
        &self,
        switches: &Switches,
        route: Route<'_>,
        query: &[(String, String)],
        number: u64,
    ) -> Response<Body> {
        let today = self.today();
        let view = View {
            world: &today.world,
            combos: &today.combos,
            school: &self.shared.school,
            switches,
        };
        let forbidden = |name: &str| switches.forbid == name;
        match route {
            Route::Combos(name) if forbidden("combos") || forbidden(&format!("combos/{name}")) => {
                message(403, "Forbidden")
            }
            Route::Combos(name) => responses::combos(&view, name, query)
                .unwrap_or_else(|| message(403, "Missing Authentication Token")),
            Route::List(resource, _) | Route::Row(resource, ..) if forbidden(resource.path) => {
                message(403, "Forbidden")
            }
            Route::List(resource, shape) => {
                let (response, ids) = responses::list(&view, resource, shape, query, number);
                if switches.touch_between_pages && resource.entity == Entity::CourseEnrolment {
                    self.touch_once(&ids);
                }
                response
            }
            Route::Row(resource, shape, id) => responses::row(&view, resource.entity, shape, id),
            Route::OtherRegion => message(403, "Forbidden"),
            Route::Unknown => message(403, "Missing Authentication Token"),
        }
    }

    /// The bodies of wisenet.md 3.7: a bad key is 403, a bad bearer 401.
    fn refuse(
        &self,
        switches: &Switches,
        headers: &HeaderMap,
        route: &Route<'_>,
    ) -> Option<Response<Body>> {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let bearer = text(header::AUTHORIZATION.as_str())
            .strip_prefix("Bearer ")
            .unwrap_or_default();
        let holder = self.control.tokens.check(bearer);
        let holder = holder.filter(|_| !switches.revoked);
        let key_good = text("x-api-key") == tokens::api_key(self.shared.school.seed);
        match switches.required {
            Required::BearerAndKey | Required::Bearer if holder.is_none() => {
                return Some(message(401, "Unauthorized"));
            }
            Required::BearerAndKey | Required::Key if !key_good => {
                return Some(message(403, "Forbidden"));
            }
            Required::BearerAndKey | Required::Bearer | Required::Key => {}
        }
        // In the legacy mode without a bearer, a key opens everything.
        let scope = tokens::scope_of(route.resource()?);
        let opens = |holder: &Holder| holder.scope.split(' ').any(|word| word == scope);
        (!holder.as_ref().is_none_or(opens)).then(|| message(403, "Forbidden"))
    }

    fn too_many(&self, switches: &Switches, words: &str) -> Response<Body> {
        self.count(|counters| counters.too_many += 1);
        let mut response = message(429, words);
        if switches.retry_after > 0 {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, switches.retry_after.into());
        }
        response
    }

    async fn sign_in(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let body = form_body(body).await;
        self.authorization(parts.method.as_str(), path, query, &parts.headers, &body)
            .unwrap_or_else(|| match path {
                "/api/oauth/authorize" | "/api/oauth/token" => message(405, "Method Not Allowed"),
                _ => message(404, "Not Found"),
            })
    }

    /// The rows of today, derived from those of the last requested day.
    fn today(&self) -> Arc<Today> {
        let day = self.shared.day();
        let mut kept = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(today) if today.world.day == day => Arc::clone(today),
            earlier => {
                let mut world = earlier
                    .filter(|earlier| earlier.world.day < day)
                    .map_or_else(
                        || {
                            let switches = self.switches();
                            World::new(&self.shared.school, switches.same_stamp, switches.log_all)
                        },
                        |earlier| earlier.world.clone(),
                    );
                while world.day < day {
                    world.simulate_day();
                }
                let today = Arc::new(Today {
                    world,
                    combos: Combos::of(day),
                    touched: false,
                });
                *kept = Some(Arc::clone(&today));
                today
            }
        }
    }

    /// Saves the first row of a page again just after it was served; once a day.
    fn touch_once(&self, ids: &[u64]) {
        let mut kept = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(today), Some(first)) = (kept.as_mut(), ids.first())
            && !today.touched
            && ids.len() > 1
        {
            let today = Arc::make_mut(today);
            today.touched = true;
            let at = now_of(today.world.day);
            today.world.touch(Entity::CourseEnrolment, *first, at);
        }
    }

    /// Edits a collection, by its path below `/v1`, or the combo list of this name; a day later the edit is still there.
    /// Positions are in the order of ids; new rows are made by the days.
    ///
    /// # Panics
    /// When there is no such collection or row.
    pub fn edit(&self, collection: &str, change: Change) {
        self.today();
        let mut kept = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(today) = kept.as_mut().map(Arc::make_mut) else {
            return;
        };
        let resource = RESOURCES
            .iter()
            .find(|resource| resource.path == collection);
        let is_done = match resource {
            Some(resource) => today.world.edit(resource.entity, change),
            None => today.combos.edit(collection, change),
        };
        assert!(is_done.is_some(), "{collection} has no row for {change:?}");
    }

    pub(super) fn seed(&self) -> u64 {
        self.shared.school.seed
    }

    pub(super) fn switches(&self) -> Switches {
        self.switches
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn count<T>(&self, note: impl FnOnce(&mut Counters) -> T) -> T {
        note(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An error response of the gateway.
fn message(status: u16, words: &str) -> Response<Body> {
    json_response(status, json!({ "message": words }).to_string())
}

/// The first half of a response, with the headers of a whole one.
async fn cut(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2)))
}
