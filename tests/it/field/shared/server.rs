//! A server of time series, and what it may do wrong with the response for several.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::harness::START;
use super::super::server::{Reply, VendorRequest};

/// In which order the rows of a response are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Series by series, as they were asked for.
    Asked,
    /// Series by series, the smallest id first.
    ById,
    /// Series by series, each from its newest row.
    ByIdBack,
    ByTime,
    ByTimeBack,
    /// In no order, and in the same one each time.
    Mixed,
}

/// What a server does wrong with the response for several series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    DropsLast,
    DropsFirst,
    DropsMiddle,
    DropsEvery(usize),
    /// The last row, where there are more than so many.
    DropsLastOfMore(usize),
    DropsLastOfEach,
    DropsFirstOfEach,
    /// So many rows.
    Cuts(usize),
    /// So many rows, the last ones.
    KeepsLast(usize),
    /// So many rows, the newest ones.
    KeepsNewest(usize),
    /// So many rows of each series.
    CutsEach(usize),
    KeepsNewestOfEach(usize),
    /// So many rows, divided among the series.
    DividesBudget(usize),
    /// More than so many series, by this status.
    RefusesMore(usize, u16),
    /// More than so many characters of ids, by this status.
    RefusesLong(usize, u16),
    /// No row for more than so many series.
    EmptyForMore(usize),
    RepeatsAll,
    RepeatsLast,
    /// Each series gets the rows of the next one.
    Rotates,
    /// The second and the third one get the rows of each other.
    Swaps,
    /// All rows name the first one.
    NamesFirst,
    NamesNone,
    NamesOthers,
    First,
    Last,
    EveryOther,
    /// One row of the second series, ten days ago.
    Hides,
    /// The end of the window does not count.
    IgnoresEnd,
    /// Bounds are exclusive, which is no fault.
    IsExclusive,
}

/// A value that is not quite JSON, in the first row of a series that is behind this time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Malformed {
    pub series: usize,
    pub behind: &'static str,
    pub what: Oddity,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Oddity {
    /// `NaN` as its value.
    Value,
    /// A damaged character in the text beside it.
    Text,
    /// A damaged character in the id.
    Id,
    /// The id occurs twice, with two values.
    TwoIds,
}

pub(super) type Points = BTreeMap<String, BTreeMap<Timestamp, i64>>;

#[derive(Clone)]
pub(super) struct World {
    pub order: Order,
    pub fault: Fault,
    /// Another fault of the windows that begin behind a time.
    pub later: Option<(Timestamp, Fault)>,
    pub malformed: Vec<Malformed>,
    pub points: Arc<Mutex<Points>>,
    /// The lists state the last point of each series.
    pub states_last: bool,
    /// How many rows more than there are the vendor counts; nothing if it counts none.
    pub counts: Option<usize>,
}

pub struct Row {
    named: String,
    at: Timestamp,
    value: String,
    text: &'static str,
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no time"))
}

pub(super) fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

pub(super) fn id(number: usize) -> String {
    format!("{}", 100 + number)
}

impl World {
    /// Series with a point every six hours for four weeks.
    pub fn new(series: usize) -> Self {
        let points = (0..series).map(|number| {
            let first = time(START) - hours(28 * 24);
            let times = (0..112).map(|index| first + hours(6 * index));
            (id(number), times.zip(number as i64 * 1000..).collect())
        });
        Self {
            order: Order::Asked,
            fault: Fault::None,
            later: None,
            malformed: Vec::new(),
            points: Arc::new(Mutex::new(points.collect())),
            states_last: true,
            counts: None,
        }
    }

    pub fn with(order: Order, fault: Fault, series: usize) -> Self {
        Self {
            order,
            fault,
            ..Self::new(series)
        }
    }

    pub fn points(&self) -> Points {
        let points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points.clone()
    }

    pub fn add(&self, series: &str, at: Timestamp, value: i64) {
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points
            .entry(series.to_owned())
            .or_default()
            .insert(at, value);
    }

    fn lists(&self, list: &str) -> Reply {
        let points = self.points();
        if list == "meters" {
            let all = points.values().map(BTreeMap::len).sum::<usize>();
            let count = self.counts.map(|more| all + more);
            return Reply::json(&json!({"rows": [{"id": "m", "count": count}]}));
        }
        let row = |(id, times): (&String, &BTreeMap<Timestamp, i64>)| {
            let text = |at: Option<&Timestamp>| at.map(ToString::to_string);
            let last = text(times.keys().last()).filter(|_| self.states_last);
            json!({"id": id, "meter": "m", "first": text(times.keys().next()), "last": last, "moved": times.len()})
        };
        Reply::json(&json!({"rows": points.iter().map(row).collect::<Vec<_>>()}))
    }

    pub fn respond(&self, request: &VendorRequest) -> Reply {
        let list = request.list();
        if matches!(list, "meters" | "series") {
            return self.lists(list);
        }
        let ids: Vec<&str> = list.split(',').collect();
        let bounds = (time(&request.query["from"]), time(&request.query["to"]));
        if ids.len() == 1 {
            return reply(&self.rows(&ids, bounds, Fault::None), false);
        }
        let later = self.later.filter(|(behind, _)| bounds.0 >= *behind);
        let fault = later.map_or(self.fault, |(_, fault)| fault);
        match fault {
            Fault::RefusesMore(most, status) if ids.len() > most => return Reply::status(status),
            Fault::RefusesLong(most, status) if list.len() > most => return Reply::status(status),
            Fault::EmptyForMore(most) if ids.len() > most => return reply(&[], true),
            _ => {}
        }
        let mut rows = self.rows(&ids, bounds, fault);
        self.spoil(&ids, &mut rows);
        reply(&rows, true)
    }

    /// The rows of a response, in their order, for these ids.
    pub fn rows(&self, ids: &[&str], (from, to): (Timestamp, Timestamp), fault: Fault) -> Vec<Row> {
        let points = self.points();
        let mut rows: Vec<(usize, Timestamp, i64)> = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            let is_served = match fault {
                Fault::First => index == 0,
                Fault::Last => index + 1 == ids.len(),
                Fault::EveryOther => index.is_multiple_of(2),
                _ => true,
            };
            let is_in = |at: Timestamp| match fault {
                Fault::IsExclusive => from < at && at < to,
                Fault::IgnoresEnd => from <= at,
                _ => from <= at && at <= to,
            };
            let times = points[*id]
                .iter()
                .filter(|(at, _)| is_served && is_in(**at));
            let mut of_it: Vec<_> = times.map(|(at, value)| (index, *at, *value)).collect();
            match fault {
                Fault::Hides if *id == "101" => {
                    of_it.retain(|(_, at, _)| *at != time(START) - hours(10 * 24));
                }
                Fault::DropsLastOfEach => drop(of_it.pop()),
                Fault::DropsFirstOfEach if !of_it.is_empty() => drop(of_it.remove(0)),
                Fault::CutsEach(most) => of_it.truncate(most),
                Fault::DividesBudget(most) => of_it.truncate(most / ids.len()),
                Fault::KeepsNewestOfEach(most) => {
                    of_it.drain(..of_it.len().saturating_sub(most));
                }
                _ => {}
            }
            rows.extend(of_it);
        }
        if let Fault::KeepsNewest(most) = fault {
            rows.sort_by_key(|(index, at, _)| (*at, *index));
            rows.drain(..rows.len().saturating_sub(most));
        }
        match self.order {
            Order::Asked => rows.sort_by_key(|(index, at, _)| (*index, *at)),
            Order::ById => rows.sort_by_key(|(index, at, _)| (ids[*index], *at)),
            Order::ByIdBack => {
                rows.sort_by_key(|(index, at, _)| (ids[*index], std::cmp::Reverse(*at)));
            }
            Order::ByTime => rows.sort_by_key(|(index, at, _)| (*at, ids[*index])),
            Order::ByTimeBack => {
                rows.sort_by_key(|(index, at, _)| (std::cmp::Reverse(*at), ids[*index]));
            }
            Order::Mixed => rows.sort_by_key(|(index, at, value)| {
                let index: i64 = ids[*index].parse().unwrap_or_default();
                (at.as_second() + value * 31 + index * 7).wrapping_mul(2_654_435_761) % 1_000_003
            }),
        }
        let middle = rows.len() / 2;
        match fault {
            Fault::DropsLast => drop(rows.pop()),
            Fault::DropsLastOfMore(most) if rows.len() > most => drop(rows.pop()),
            Fault::DropsFirst if !rows.is_empty() => drop(rows.remove(0)),
            Fault::DropsMiddle if !rows.is_empty() => drop(rows.remove(middle)),
            Fault::DropsEvery(nth) => {
                let mut index = 0;
                rows.retain(|_| {
                    index += 1;
                    index % nth != 0
                });
            }
            Fault::Cuts(most) => rows.truncate(most),
            Fault::KeepsLast(most) => {
                rows.drain(..rows.len().saturating_sub(most));
            }
            Fault::RepeatsAll => rows = rows.iter().flat_map(|row| [*row, *row]).collect(),
            Fault::RepeatsLast => rows.extend(rows.last().copied()),
            _ => {}
        }
        let named = |index: usize| match fault {
            Fault::Rotates => ids[(index + 1) % ids.len()].to_owned(),
            Fault::Swaps if ids.len() > 2 && index == 1 => ids[2].to_owned(),
            Fault::Swaps if ids.len() > 2 && index == 2 => ids[1].to_owned(),
            Fault::NamesFirst => ids[0].to_owned(),
            Fault::NamesOthers => format!("9{}", ids[index]),
            _ => ids[index].to_owned(),
        };
        let row = |(index, at, value): &(usize, Timestamp, i64)| Row {
            named: match fault {
                Fault::NamesNone => "null".to_owned(),
                _ => format!("\"{}\"", named(*index)),
            },
            at: *at,
            value: value.to_string(),
            text: "x",
        };
        rows.iter().map(row).collect()
    }

    /// Makes single values malformed, in responses for several series only.
    fn spoil(&self, ids: &[&str], rows: &mut [Row]) {
        for odd in &self.malformed {
            let (odd_id, behind) = (id(odd.series), time(odd.behind));
            let other = ids
                .iter()
                .find(|id| **id != odd_id)
                .copied()
                .unwrap_or_default();
            let named = format!("\"{odd_id}\"");
            let of_it = rows
                .iter_mut()
                .filter(|row| row.named == named && row.at >= behind);
            let Some(row) = of_it.min_by_key(|row| row.at) else {
                continue;
            };
            if row.at > behind + hours(6) {
                continue;
            }
            match odd.what {
                Oddity::Value => row.value = "NaN".to_owned(),
                Oddity::Text => row.text = "\\ud83d",
                Oddity::Id => row.named = format!("\"{odd_id}\\ud83d\""),
                Oddity::TwoIds => row.named = format!("\"{odd_id}\",\"d\":\"{other}\""),
            }
        }
    }
}

pub(super) fn reply(rows: &[Row], is_named: bool) -> Reply {
    let mut body = String::from("{\"rows\":[");
    for (index, row) in rows.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let named = match is_named {
            true => format!("\"d\":{},", row.named),
            false => String::new(),
        };
        let (at, value, text) = (row.at, &row.value, row.text);
        let _ = write!(
            body,
            "{comma}{{{named}\"t\":\"{at}\",\"v\":{value},\"x\":\"{text}\"}}"
        );
    }
    body.push_str("]}");
    Reply::raw(200, body)
}
