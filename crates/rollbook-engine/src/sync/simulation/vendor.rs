//! The scripted vendor: a list of rows over time, and the answers to requests for its pages.

use jiff::{SignedDuration, Timestamp};

use super::scenario::{Inside, Leaves, Odd, Order, Style, Total, Vendor, VendorChange};

/// One row of the vendor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VendorRow {
    pub key: u16,
    pub place: u16,
    /// Another one with each change, among all rows.
    pub version: u32,
    pub has_name: bool,
    pub changed: Timestamp,
    /// Its status marks it as removed.
    pub left: bool,
    pub twice: bool,
    pub bad_cell: bool,
    pub bad_key: bool,
}

/// What the vendor has, and all that it ever had.
pub(super) struct World {
    pub vendor: Vendor,
    /// The list after each change; the last one is now.
    pub past: Vec<Vec<VendorRow>>,
    versions: u32,
    departed: i64,
}

impl World {
    pub(super) fn new(vendor: &Vendor, rows: &[(u16, u16)], now: Timestamp) -> Self {
        let mut world = Self {
            vendor: vendor.clone(),
            past: vec![Vec::new()],
            versions: 0,
            departed: 0,
        };
        // Long before anything is asked for, so that they are older than every checkpoint; some at one time.
        let earlier = now - SignedDuration::from_hours(24);
        for (number, (key, place)) in (0_i64..).zip(rows) {
            let (key, place) = (*key, *place);
            let then = earlier + SignedDuration::from_secs(number / 2);
            world.change(VendorChange::Join { key, place }, then);
        }
        world
    }

    /// The number of the newest list.
    pub(super) fn tick(&self) -> usize {
        self.past.len() - 1
    }

    pub(super) fn now(&self) -> &[VendorRow] {
        &self.past[self.tick()]
    }

    /// Does nothing where it makes no sense.
    pub(super) fn change(&mut self, change: VendorChange, now: Timestamp) {
        let mut rows = self.now().to_vec();
        if self.apply(change, &mut rows, now) && rows != self.now() {
            self.past.push(rows);
        }
    }

    fn apply(&mut self, change: VendorChange, rows: &mut Vec<VendorRow>, now: Timestamp) -> bool {
        let find = |rows: &[VendorRow], key: u16| rows.iter().position(|row| row.key == key);
        match change {
            VendorChange::Join { key, place } => {
                let user = (key >= 1000).then(|| owner(key));
                if user.is_some_and(|user| !rows.iter().any(|row| row.key == user && !row.left)) {
                    return false;
                }
                let back = find(rows, key);
                if back.is_some_and(|at| !rows[at].left) {
                    return false;
                }
                rows.retain(|row| row.key != key);
                rows.push(self.row(key, place, now));
            }
            VendorChange::Rekey { key, to } => {
                let Some(at) = find(rows, key).filter(|at| !rows[*at].left) else {
                    return false;
                };
                let place = rows[at].place;
                let left = self.apply(VendorChange::Leave { key }, rows, now);
                let joined = self.apply(VendorChange::Join { key: to, place }, rows, now);
                return left || joined;
            }
            VendorChange::Leave { key } => {
                let Some(at) = find(rows, key).filter(|at| !rows[*at].left) else {
                    return false;
                };
                if self.vendor.leaves == Leaves::Silently || key >= 1000 {
                    rows.remove(at);
                    self.departed += 1;
                } else {
                    self.versions += 1;
                    let row = &mut rows[at];
                    (row.left, row.twice, row.bad_cell, row.bad_key) = (true, false, false, false);
                    (row.version, row.changed) = (self.versions, now);
                }
                // A user's entries leave with the user.
                rows.retain(|row| key >= 1000 || row.key < 1000 || owner(row.key) != key);
            }
            VendorChange::Forget { key } => {
                let Some(at) = find(rows, key).filter(|at| rows[*at].left) else {
                    return false;
                };
                rows.remove(at);
                self.departed += 1;
            }
            VendorChange::Edit { key }
            | VendorChange::Clear { key }
            | VendorChange::Move { key, .. }
            | VendorChange::Double { key }
            | VendorChange::Single { key }
            | VendorChange::SpoilCell { key }
            | VendorChange::SpoilKey { key }
            | VendorChange::Mend { key } => {
                let Some(at) = find(rows, key).filter(|at| !rows[*at].left) else {
                    return false;
                };
                let row = &mut rows[at];
                if matches!(change, VendorChange::Mend { .. }) && !row.bad_cell && !row.bad_key {
                    return false;
                }
                match change {
                    VendorChange::Move { place, .. } => row.place = place,
                    VendorChange::Double { .. } => row.twice = true,
                    VendorChange::SpoilCell { .. } => row.bad_cell = true,
                    VendorChange::SpoilKey { .. } => row.bad_key = true,
                    VendorChange::Single { .. } => row.twice = false,
                    VendorChange::Mend { .. } => (row.bad_cell, row.bad_key) = (false, false),
                    _ => row.has_name = !matches!(change, VendorChange::Clear { .. }),
                }
                // A row that is listed twice or elsewhere is the same row.
                let elsewhere = matches!(
                    change,
                    VendorChange::Move { .. }
                        | VendorChange::Double { .. }
                        | VendorChange::Single { .. }
                );
                if !elsewhere {
                    self.versions += 1;
                    (row.version, row.changed) = (self.versions, now);
                }
            }
        }
        true
    }

    fn row(&mut self, key: u16, place: u16, now: Timestamp) -> VendorRow {
        self.versions += 1;
        VendorRow {
            key,
            place,
            version: self.versions,
            has_name: true,
            changed: now,
            left: false,
            twice: false,
            bad_cell: false,
            bad_key: false,
        }
    }
}

/// Which list a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    Users,
    /// All entries of the second list.
    Notes,
    /// The second list's entries of one user.
    Marks(u16),
}

impl List {
    /// Of a path such as `/users` or `/users/0005/marks`.
    pub(super) fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts[..] {
            ["users"] => Some(Self::Users),
            ["notes"] => Some(Self::Notes),
            ["users", user, "marks"] => Some(Self::Marks(user.parse().ok()?)),
            _ => None,
        }
    }

    pub(super) fn holds(self, key: u16) -> bool {
        match self {
            Self::Users => key < 1000,
            Self::Notes => key >= 1000,
            Self::Marks(user) => key >= 1000 && owner(key) == user,
        }
    }
}

/// The user that an entry of the second list belongs to.
pub(super) fn owner(key: u16) -> u16 {
    (key % 1000) / 10
}

/// One request for a page.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub list: List,
    /// What the client wrote into the parameters.
    pub offset: Option<u64>,
    pub page: Option<u64>,
    pub cursor: Option<String>,
    pub limit: Option<u64>,
    pub since: Option<Timestamp>,
}

impl Request {
    /// Of an address's path and parameters.
    pub(super) fn of(path: &str, parameters: &[(String, String)]) -> Option<Self> {
        let get = |name: &str| {
            let found = parameters.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.clone())
        };
        let number = |name: &str| get(name).and_then(|value| value.parse().ok());
        Some(Self {
            list: List::of(path)?,
            offset: number("offset"),
            page: number("page"),
            cursor: get("cursor"),
            limit: number("limit"),
            since: get("since").and_then(|value| value.parse().ok()),
        })
    }

    /// Whether a walk begins here.
    pub(super) fn is_first(&self) -> bool {
        self.offset.unwrap_or(0) == 0 && self.page.unwrap_or(1) <= 1 && self.cursor.is_none()
    }
}

/// An answer before it is written out.
#[derive(Clone, Debug, Default)]
pub(super) struct VendorAnswer {
    pub rows: Vec<VendorRow>,
    pub total: Option<i64>,
    /// The next cursor.
    pub next: Option<String>,
}

impl World {
    /// The page that a request is answered with; `number` is the request's, for what is another each time.
    pub(super) fn answer(&self, request: &Request, number: u32, odd: Option<Odd>) -> VendorAnswer {
        let (frozen, skip, after) = self.position(request);
        let behind = match odd {
            Some(Odd::Stale(behind)) => behind as usize,
            _ => 0,
        };
        let tick = frozen
            .unwrap_or(self.tick())
            .min(self.tick().saturating_sub(behind));
        let rows = self.ordered(request, tick, number);
        let all = rows.len();
        let limit = match self.vendor.style {
            Style::OneAnswer => all.max(1),
            _ => request.limit.unwrap_or(u64::MAX).min(self.vendor.cap) as usize,
        };
        let skip = match after {
            Some(key) => rows.iter().filter(|row| row.key <= key).count(),
            None => skip,
        };
        let length = match odd {
            Some(Odd::Short) => limit / 2,
            _ => limit,
        };
        let page: Vec<VendorRow> = rows.iter().skip(skip).take(length).cloned().collect();
        let end = skip + page.len();
        let next = (end < all).then(|| match self.inside() {
            Inside::Skip => format!("s{end}"),
            Inside::Frozen => format!("f{tick}-{end}"),
            Inside::Key => format!("k{}", page.last().map_or(0, |row| row.key)),
        });
        VendorAnswer {
            total: self.total(all, page.len(), number, odd),
            rows: page,
            next,
        }
    }

    fn inside(&self) -> Inside {
        match self.vendor.style {
            Style::Link(inside) | Style::Cursor(inside) => inside,
            _ => Inside::Skip,
        }
    }

    /// The list of a request, and the number of rows to skip or the key to start behind.
    fn position(&self, request: &Request) -> (Option<usize>, usize, Option<u16>) {
        if let Some(page) = request.page {
            let limit = request.limit.unwrap_or(u64::MAX).min(self.vendor.cap);
            return (None, (page.saturating_sub(1) * limit) as usize, None);
        }
        let Some(cursor) = &request.cursor else {
            return (None, request.offset.unwrap_or(0) as usize, None);
        };
        let (kind, rest) = cursor.split_at(1);
        match (kind, rest.split_once('-')) {
            ("f", Some((tick, skip))) => {
                (tick.parse().ok(), skip.parse().unwrap_or_default(), None)
            }
            ("k", _) => (None, 0, rest.parse().ok()),
            _ => (None, rest.parse().unwrap_or_default(), None),
        }
    }

    fn ordered(&self, request: &Request, tick: usize, number: u32) -> Vec<VendorRow> {
        let asked = |row: &&VendorRow| {
            request.list.holds(row.key) && request.since.is_none_or(|since| row.changed >= since)
        };
        let mut rows: Vec<VendorRow> = self.past[tick].iter().filter(asked).cloned().collect();
        let order = match self.inside() {
            Inside::Key => Order::ByKey,
            _ => self.vendor.order,
        };
        rows.sort_by_key(|row| row.key);
        if self.vendor.style == Style::Watermark {
            rows.sort_by_key(|row| row.changed);
            return rows; // two copies of a row would have one time
        }
        match order {
            Order::ByKey => {}
            Order::NewestFirst => rows.sort_by_key(|row| std::cmp::Reverse(row.changed)),
            Order::Placed => rows.sort_by_key(|row| row.place),
            Order::Shuffled => rows.sort_by_key(|row| {
                u64::from(row.key) // a number that is another one at each request
                    .wrapping_add(u64::from(number) << 20)
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    >> 17
            }),
        }
        // The second copy of a row with an even key follows at once, that of others at the end.
        let mut listed = Vec::with_capacity(rows.len() + 2);
        let mut behind = Vec::new();
        for row in rows {
            if row.twice && (row.key.is_multiple_of(2) || order == Order::ByKey) {
                listed.push(row.clone());
            } else if row.twice {
                behind.push(row.clone());
            }
            listed.push(row);
        }
        listed.append(&mut behind);
        listed
    }

    fn total(&self, all: usize, page: usize, number: u32, odd: Option<Odd>) -> Option<i64> {
        let (all, page) = (all as i64, page as i64);
        let declared = match self.vendor.total {
            Total::Undeclared => return None,
            Total::Right => all,
            Total::Off(by) => all + by,
            Total::OfThePage => page,
            Total::Moving => all + i64::from(number % 2),
            Total::CountsDeleted => all + self.departed,
        };
        let wrong = match odd {
            Some(Odd::WrongTotal(by)) => by,
            _ => 0,
        };
        Some((declared + wrong).max(0))
    }
}

/// A row's id on the wire and in the mirror.
pub(super) fn id(key: u16) -> String {
    format!("{key:04}")
}

/// A row's name on the wire and in the mirror.
pub(super) fn name(row: &VendorRow) -> Option<String> {
    row.has_name.then(|| format!("version {}", row.version))
}

/// A row's date on the wire and in the mirror.
pub(super) fn born(row: &VendorRow) -> String {
    let days = row.version;
    format!(
        "{:04}-{:02}-{:02}",
        2000 + days / 336,
        days / 28 % 12 + 1,
        days % 28 + 1
    )
}

/// A row's status on the wire and in the mirror.
pub(super) fn status(row: &VendorRow) -> &'static str {
    if row.left { "deleted" } else { "active" }
}

/// A row as JSON.
pub(super) fn json(row: &VendorRow) -> serde_json::Value {
    serde_json::json!({
        "id": (!row.bad_key).then(|| id(row.key)),
        "name": name(row),
        "points": row.version,
        "born": if row.bad_cell { "31.08.2025".to_owned() } else { born(row) },
        "status": status(row),
        "changed": row.changed.to_string(),
        "owner": id(owner(row.key)),
    })
}
