//! A vendor of many schools with a few users each, who change by chance from a seed; it logs who read which school.
//!
//! A name that a user had once does not come again, so a version of a row is known by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;

use crate::server::WAIT_LIMIT;
use crate::wire::{HttpResponse, Port, Request, Served, read_request};

/// Users of a school at first; below the number from which the guard compares shares.
const USERS: u32 = 12;

/// A version of a user: source, id and name.
pub type Row = (String, String, String);

/// The name of a school's source.
pub fn source(school: usize) -> String {
    format!("s{school:03}")
}

/// A reading of a school.
#[derive(Clone, Debug)]
pub struct Reading {
    pub school: usize,
    /// The key of the worker that read it.
    pub worker: String,
    pub at: Instant,
}

#[derive(Default)]
struct School {
    /// The version of each user, by number.
    users: BTreeMap<u32, u64>,
    /// The newest version and the newest user of the school.
    version: u64,
    newest: u32,
    /// The responses wait, and so many do.
    is_held: bool,
    waiting: usize,
    /// The status of all responses.
    refusal: Option<u16>,
    /// What readers may have received.
    served: BTreeSet<(u32, u64)>,
}

struct State {
    schools: Vec<School>,
    readings: Vec<Reading>,
    requests: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The vendor, up until it is dropped.
pub struct Vendor {
    origin: String,
    shared: Arc<Shared>,
    _served: Served,
}

impl Vendor {
    pub fn start(schools: usize) -> Self {
        let school = |_| School {
            users: (0..USERS).map(|user| (user, 0)).collect(),
            newest: USERS,
            ..School::default()
        };
        let state = State {
            schools: (0..schools).map(school).collect(),
            readings: Vec::new(),
            requests: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let (port, for_all) = (Port::open(), Arc::clone(&shared));
        Self {
            origin: port.origin(),
            shared,
            _served: port.serve(move |stream| for_all.serve(stream)),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Users of a school change, arrive and leave.
    pub fn change(&self, school: usize, random: &mut fastrand::Rng) {
        let mut state = self.shared.state();
        let school = &mut state.schools[school];
        school.version += 1;
        let numbers: Vec<u32> = school.users.keys().copied().collect();
        for _ in 0..2 {
            let changed = numbers[random.usize(..numbers.len())];
            school.users.insert(changed, school.version);
        }
        if random.u32(..4) == 0 && numbers.len() > 8 {
            school.users.remove(&numbers[random.usize(..numbers.len())]);
        } else if numbers.len() < 16 {
            school.newest += 1;
            school.users.insert(school.newest, school.version);
        }
    }

    pub fn change_all(&self, random: &mut fastrand::Rng) {
        let schools = self.shared.state().schools.len();
        (0..schools).for_each(|school| self.change(school, random));
    }

    /// All users of a school are missing.
    pub fn empty(&self, school: usize) {
        self.shared.state().schools[school].users.clear();
    }

    /// All responses of a school have this status.
    pub fn refuse(&self, school: usize, status: Option<u16>) {
        self.shared.state().schools[school].refusal = status;
    }

    /// Responses of a school, which are what they were when it was read, wait for [`Vendor::release`].
    pub fn hold(&self, school: usize) {
        self.shared.state().schools[school].is_held = true;
    }

    /// Whether one does.
    pub fn is_waited_for(&self, school: usize) -> bool {
        self.shared.state().schools[school].waiting > 0
    }

    pub fn release(&self) {
        for school in &mut self.shared.state().schools {
            school.is_held = false;
        }
        self.shared.changed.notify_all();
    }

    /// How many requests it has received, of any kind.
    pub fn requests(&self) -> usize {
        self.shared.state().requests
    }

    /// What is to be published.
    pub fn rows(&self) -> Vec<Row> {
        let state = self.shared.state();
        let schools = state.schools.iter().enumerate();
        let rows = schools.flat_map(|(number, school)| {
            let users = school.users.iter();
            users.map(move |(user, version)| row(number, *user, *version))
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort();
        rows
    }

    /// What may have been published at some time.
    pub fn served(&self) -> BTreeSet<Row> {
        let state = self.shared.state();
        let schools = state.schools.iter().enumerate();
        let rows = schools.flat_map(|(number, school)| {
            let served = school.served.iter();
            served.map(move |(user, version)| row(number, *user, *version))
        });
        rows.collect()
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.shared.state().readings.clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.release(); // blocked threads
    }
}

fn row(school: usize, user: u32, version: u64) -> Row {
    (source(school), key(user), name(version))
}

fn key(user: u32) -> String {
    format!("user-{user:03}")
}

fn name(version: u64) -> String {
    format!("Name {version}")
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            if writer.write_all(&self.answer(&request).wire()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> HttpResponse {
        assert_eq!(request.method, "GET", "nothing but a GET may be sent");
        self.state().requests += 1;
        let number = |name: &str| request.query.get(name).and_then(|text| text.parse().ok());
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(100),
        );
        let path = request.path.strip_prefix("/school-");
        let school = path.and_then(|path| path.strip_suffix("/v1p1/users")?.parse().ok());
        let Some(number) = school else {
            return HttpResponse::new(404, "{}");
        };
        let mut state = self.state();
        if offset == 0 {
            let key = request.headers.get("x-api-key");
            state.readings.push(Reading {
                school: number,
                worker: key.cloned().unwrap_or_default(),
                at: Instant::now(),
            });
        }
        let school: &mut School = &mut state.schools[number];
        if let Some(status) = school.refusal {
            return HttpResponse::new(status, "{}");
        }
        let users = school.users.clone();
        school.served.extend(users.clone());
        if school.is_held {
            school.waiting += 1;
            let is_held = |state: &mut State| state.schools[number].is_held;
            let waited = self.changed.wait_timeout_while(state, WAIT_LIMIT, is_held);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.schools[number].waiting -= 1;
        }
        drop(state);
        let page = users.iter().skip(offset).take(limit);
        let page: Vec<_> = page
            .map(|(user, version)| user_row(*user, *version))
            .collect();
        let mut answer = HttpResponse::new(200, json!({ "users": page }).to_string());
        answer.headers = vec![
            ("content-type".into(), "application/json".into()),
            ("x-total-count".into(), users.len().to_string()),
        ];
        answer
    }
}

fn user_row(user: u32, version: u64) -> serde_json::Value {
    json!({
        "sourcedId": key(user),
        "status": "active",
        "dateLastModified": "2026-03-01T01:00:00.000Z",
        "role": "student",
        "username": format!("user{user}"),
        "givenName": name(version),
        "familyName": "Family",
        "enabledUser": "true",
        "orgs": [{"sourcedId": "school", "type": "org"}],
    })
}
