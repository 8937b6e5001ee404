//! The payload of each operation: one record, a bare list, a container, or points.

use super::errors::Failure;
use super::operations::{Operation, Params};
use super::points::{Point, Reading, Series};
use super::record::{Field, Record};
use super::switches::{Container, PointIdKey, PointKeys, Several, Switches};
use super::{WAC, WOC, Wapi};
use crate::calendar::morning;

/// A payload before it is encoded in a format.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Payload {
    One(Record),
    List(Vec<Record>),
}

/// Maximum of groups in one response (wapi.md 4.1).
const MAX_GROUPS: i64 = 2000;

impl Wapi {
    /// Executes a read.
    pub(super) fn read(&self, operation: Operation, params: &Params) -> Result<Payload, Failure> {
        let series = self.series();
        if params
            .get("WAC")
            .is_some_and(|wac| !wac.eq_ignore_ascii_case(WAC))
            && needs_account(operation)
        {
            return Err(Failure::Forbidden);
        }
        Ok(match operation {
            Operation::GetFluxs => {
                let mut rows = self.edited("fluxs", series.fluxes());
                if self.switches.short_lists {
                    rows = rows.iter().map(|flux| series.short_flux(flux)).collect();
                }
                self.container("fluxs", "Fluxs", "FluxContainer", rows, params)?
            }
            Operation::GetFlux => one(self.edited("fluxs", series.fluxes()), params, "FluxID")?,
            Operation::GetDatas => {
                let flux = params
                    .get("FluxID")
                    .map(|_| id(params, "FluxID"))
                    .transpose()?;
                // A Flux that a test inserted is listed, and unknown.
                let is_flux = |id| series.fluxes().iter().any(|row| row.id() == id);
                if flux.is_some_and(|flux| !is_flux(flux)) {
                    return Err(Failure::NotExist);
                }
                let rows = self.datas(&series, flux);
                self.container("datas", "Datas", "DataContainer", rows, params)?
            }
            Operation::GetData => one(self.datas(&series, None), params, "DataID")?,
            Operation::GetPoints => self.points(&series, params)?,
            Operation::GetPointGroups => groups(&series, params)?,
            Operation::GetLtus => {
                let rows = self.edited("ltus", series.ltus());
                self.container("ltus", "Ltus", "LTUContainer", rows, params)?
            }
            Operation::GetLtu => one(self.edited("ltus", series.ltus()), params, "LTUID")?,
            Operation::GetReflections => {
                let rows = self.edited("reflections", series.reflections());
                self.container(
                    "reflections",
                    "Reflections",
                    "ReflectionContainer",
                    rows,
                    params,
                )?
            }
            Operation::GetReflection => {
                let rows = self.edited("reflections", series.reflections());
                one(rows, params, "ReflectionID")?
            }
            Operation::GetReflectionDatas => {
                one(series.reflections(), params, "ReflectionID")?;
                let rows = series.reflection_datas(id(params, "ReflectionID")?);
                let rows = within(
                    self.edited("reflection_datas", rows),
                    &["ValueDate", "CreationDate"],
                    params,
                )?;
                self.container(
                    "reflection_datas",
                    "ReflectionDatas",
                    "ReflectionDataContainer",
                    rows,
                    params,
                )?
            }
            Operation::GetWEvents | Operation::GetWEventsOrganization => {
                if params
                    .get("WOC")
                    .is_some_and(|woc| !woc.eq_ignore_ascii_case(WOC))
                {
                    return Err(Failure::Forbidden);
                }
                let rows = within(self.edited("wevents", series.events()), &["Date"], params)?;
                if rows.len() > self.switches.max_events {
                    return Err(Failure::TooManyRequested);
                }
                self.container("wevents", "WEvents", "WEventsContainer", rows, params)?
            }
            Operation::GetOrganization => {
                let woc = params.get("WOC").unwrap_or_default().to_ascii_uppercase();
                let row = self
                    .edited("organizations", series.organizations())
                    .into_iter()
                    .find(|row| row.field("WOC") == Some(&woc.as_str().into()));
                Payload::One(row.ok_or(Failure::NotExist)?)
            }
            Operation::GetBusinessAccount => Payload::One(
                self.edited("business_accounts", series.business_accounts())
                    .into_iter()
                    .next()
                    .ok_or(Failure::NotExist)?,
            ),
            Operation::GetInfrastructures => self.list("infrastructures", series.infrastructures()),
            Operation::GetOrganizationsMy => self.list("organizations", series.organizations()),
            Operation::GetBusinessAccounts => {
                self.list("business_accounts", series.business_accounts())
            }
            Operation::GetReflectionStates => {
                self.list("reflection_states", series.reflection_states())
            }
            Operation::GetWEventCategories => {
                self.list("wevent_categories", series.event_categories())
            }
            Operation::GetWEventTypes => self.list("wevent_types", series.event_types()),
            Operation::GetFileLtus => {
                let rows = self.edited("ltu_files", series.files());
                self.container("ltu_files", "FileLTUs", "FileLTUContainer", rows, params)?
            }
            Operation::GetCommandGroups => {
                let rows = self.edited("command_groups", series.command_groups());
                self.container(
                    "command_groups",
                    "ReflectionCommandGroups",
                    "ReflectionCommandGroupContainer",
                    rows,
                    params,
                )?
            }
            Operation::GetCommandGroup => {
                let group = id(params, "GroupID")?;
                let groups = self.edited("command_groups", series.command_groups());
                let items = self.edited("command_executions", series.commands(group));
                match one(groups, params, "GroupID")? {
                    Payload::One(record) => Payload::One(with_items(record, items)),
                    list => list,
                }
            }
            Operation::GetTemplates => self.list("reflection_templates", series.templates()),
            Operation::GetExtendedProperties => {
                self.list("extended_properties", series.extended_properties())
            }
            Operation::GetCountries => self.list("countries", series.countries()),
            Operation::GetCultures => self.list("cultures", series.cultures()),
            Operation::GetWums => {
                let kind = params.get("kind").unwrap_or_default();
                match series.wums(kind) {
                    rows if rows.is_empty() => return Err(Failure::NoRoute),
                    rows => self.list(&kind.to_ascii_lowercase(), rows),
                }
            }
        })
    }

    fn list(&self, name: &str, rows: Vec<Record>) -> Payload {
        Payload::List(self.edited(name, rows))
    }

    /// Data of one Flux, or of all; edits count from the first Data of each Flux.
    pub(super) fn datas(&self, series: &Series<'_>, flux: Option<i64>) -> Vec<Record> {
        let fluxes = self.edited("fluxs", series.fluxes()).into_iter();
        let fluxes = fluxes.map(|row| row.id());
        let wanted = fluxes.filter(|id| flux.is_none_or(|flux| flux == *id));
        let of_flux = |id| self.edited("datas", series.datas(Some(id)));
        wanted.flat_map(of_flux).collect()
    }

    /// One page of a list, with `Skip` and `Take` (wapi.md 12 A33), in its container (wapi.md 12 A32).
    fn container(
        &self,
        name: &str,
        member: &'static str,
        class: &'static str,
        rows: Vec<Record>,
        params: &Params,
    ) -> Result<Payload, Failure> {
        self.control.edits.page_served(name);
        let total = rows.len() as i64;
        let skip = number(params, "Skip")?.unwrap_or(0);
        let take = number(params, "Take")?.unwrap_or(self.switches.default_take);
        let page: Vec<Record> = rows.into_iter().skip(skip).take(take).collect();
        Ok(match self.switches.container {
            Container::Array => Payload::List(page),
            Container::Container => Payload::One(Record::new(
                class,
                vec![(member, Field::Many(page)), ("TotalCount", total.into())],
            )),
            Container::OddNames => Payload::One(Record::new(
                class,
                vec![("Items", Field::Many(page)), ("CountOfAll", total.into())],
            )),
        })
    }

    /// The rows of a collection with the edits so far.
    pub(super) fn edited(&self, name: &str, mut rows: Vec<Record>) -> Vec<Record> {
        self.control.edits.apply(
            name,
            &mut rows,
            |row, number| row.set("ID", Field::Int(800_000 + number as i64)),
            |row, number| {
                // The name of an account identifies it.
                let field = match row.class {
                    "BusinessAccount" => "Description",
                    _ => "Name",
                };
                row.set(field, format!("changed {number}").into());
            },
        );
        rows
    }

    fn points(&self, series: &Series<'_>, params: &Params) -> Result<Payload, Failure> {
        let ids = params
            .get("DataIDs")
            .or(params.get("DataID"))
            .ok_or(Failure::Argument)?;
        let ids: Vec<i64> = ids
            .split(self.switches.separator.as_str())
            .map(|id| id.trim().parse().map_err(|_| Failure::Argument))
            .collect::<Result<_, _>>()?;
        let (from, to) = window(params, series.day)?;
        let mut rows = Vec::new();
        let asked = match (ids.len(), self.switches.several) {
            (0 | 1, _) | (_, Several::Served | Several::Untold) => ids.len(),
            (_, Several::First) => 1,
            (_, Several::Refused) => return Err(Failure::Argument),
        };
        let is_told = ids.len() > 1 && self.switches.several != Several::Untold;
        for id in ids.iter().take(asked) {
            let data = series
                .served_datas()
                .find(|data| data.id == *id)
                .ok_or(Failure::NotExist)?;
            let named = is_told.then_some(*id);
            let points = series.between(data, from, to);
            rows.extend(
                points
                    .iter()
                    .map(|point| point_record(point, named, &self.switches)),
            );
        }
        if rows.len() > self.switches.max_points {
            return Err(Failure::TooManyRequested);
        }
        if self.switches.duplicate_point {
            rows.extend(rows.last().cloned());
        }
        Ok(Payload::List(rows))
    }
}

/// A group of commands in its full form: what became of each of its commands.
fn with_items(mut group: Record, items: Vec<Record>) -> Record {
    group.class = "ReflectionCommandGroup";
    group.fields.insert(0, ("Items", Field::Many(items)));
    group
}

fn needs_account(operation: Operation) -> bool {
    use Operation::{
        GetBusinessAccounts, GetOrganization, GetOrganizationsMy, GetWEventsOrganization,
    };
    operation.needs_user()
        && !matches!(
            operation,
            GetOrganization | GetOrganizationsMy | GetWEventsOrganization | GetBusinessAccounts
        )
}

fn point_record(point: &Point, data: Option<i64>, switches: &Switches) -> Record {
    let (time, value) = match switches.point_keys {
        PointKeys::Upper => ("T", "V"),
        PointKeys::Lower => ("t", "v"),
        PointKeys::Long => ("date", "value"),
    };
    let value = (
        value,
        match point.value {
            Reading::Number(number) => Field::Real(number),
            Reading::NotANumber => Field::NotANumber,
            Reading::Missing => Field::Null,
        },
    );
    let mut fields = vec![(time, Field::Date(point.at * 1000)), value];
    if let Some(id) = data {
        let key = match switches.point_id_key {
            PointIdKey::Upper => "D",
            PointIdKey::Lower => "d",
            PointIdKey::Pascal => "DataID",
            PointIdKey::Camel => "dataID",
            PointIdKey::Plain => "dataId",
        };
        fields.insert(0, (key, id.into()));
    }
    Record::new("Point", fields)
}

/// Equal slices of a window, each with its statistics.
fn groups(series: &Series<'_>, params: &Params) -> Result<Payload, Failure> {
    let wanted = id(params, "DataID")?;
    let data = series
        .served_datas()
        .find(|data| data.id == wanted)
        .ok_or(Failure::NotExist)?;
    let split = number(params, "Split")?.unwrap_or(100) as i64;
    if !(1..=MAX_GROUPS).contains(&split) {
        return Err(Failure::TooManyRequested);
    }
    let (from, to) = window(params, series.day)?;
    let from = from.max(series.first(data).unwrap_or(to));
    let slice = ((to - from) / split).max(1);
    let rows = (0..split).filter_map(|index| {
        let start = from + index * slice;
        group(&series.between(data, start, start + slice - 1))
    });
    Ok(Payload::List(rows.collect()))
}

fn group(points: &[Point]) -> Option<Record> {
    let values: Vec<f64> = points
        .iter()
        .filter_map(|point| {
            if let Reading::Number(number) = point.value {
                Some(number)
            } else {
                None
            }
        })
        .collect();
    let (first, last) = (values.first()?, values.last()?);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let average = values.iter().sum::<f64>() / values.len() as f64;
    Some(Record::new(
        "PointGroup",
        vec![
            ("A", Field::Real(average)),
            ("I", Field::Real(*first)),
            ("L", Field::Real(least)),
            ("N", (values.len() as i64).into()),
            ("O", Field::Real(*last)),
            ("T", Field::Date(points.first()?.at * 1000)),
            ("U", Field::Real(most)),
        ],
    ))
}

fn one(rows: Vec<Record>, params: &Params, name: &str) -> Result<Payload, Failure> {
    let wanted = id(params, name)?;
    rows.into_iter()
        .find(|row| row.id() == wanted)
        .map(Payload::One)
        .ok_or(Failure::NotExist)
}

fn id(params: &Params, name: &str) -> Result<i64, Failure> {
    params
        .get(name)
        .and_then(|text| text.parse().ok())
        .ok_or(Failure::Argument)
}

fn number(params: &Params, name: &str) -> Result<Option<usize>, Failure> {
    params
        .get(name)
        .map(|text| text.parse().map_err(|_| Failure::Argument))
        .transpose()
}

/// `From` and `To` in seconds since 1970; without them everything up to now.
fn window(params: &Params, day: u64) -> Result<(i64, i64), Failure> {
    let time = |name: &str| {
        let text = params.get(name);
        text.map(|text| {
            text.parse::<jiff::Timestamp>()
                .map_err(|_| Failure::Argument)
        })
        .transpose()
    };
    let from = time("From")?.map_or(0, |from| {
        from.as_millisecond().div_euclid(1000) + i64::from(from.subsec_nanosecond() > 0)
    });
    Ok((from, time("To")?.map_or(morning(day), |to| to.as_second())))
}

/// The rows whose date is in the window: the first of these members that a row has.
fn within(rows: Vec<Record>, dates: &[&str], params: &Params) -> Result<Vec<Record>, Failure> {
    let (from, to) = window(params, u64::from(u32::MAX))?;
    let inside = |row: &Record| {
        let date = dates.iter().find_map(|date| match row.field(date) {
            Some(Field::Date(millis)) => Some(millis),
            _ => None,
        });
        date.is_some_and(|millis| (from * 1000..=to.saturating_mul(1000)).contains(millis))
    };
    Ok(rows.into_iter().filter(inside).collect())
}
