//! What happens on site: Reflections with their records, and events.

use super::plant::REFLECTIONS;
use super::points::{Series, last_call};
use super::record::{Field, Record};
use super::reference::EVENT_TYPES;
use super::world::SET_UP;
use crate::calendar::{DAY, morning};
use crate::random::Random;

/// Events a day, and days of events before day zero.
const EVENTS: i64 = 4;
const EVENT_DAYS: i64 = 30;

impl Series<'_> {
    pub(super) fn reflections(&self) -> Vec<Record> {
        REFLECTIONS
            .iter()
            .map(|(class, id, ltu, infrastructure, description, name)| {
                let call = last_call(*ltu, self.day);
                let records = self.reflection_datas(*id).len() as i64;
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("InfrastructureID", (*infrastructure).into()),
                    ("Description", (*description).into()),
                    ("Class", "Default".into()),
                    ("Status", "Enabled".into()),
                    ("LTUID", (*ltu).into()),
                    ("CreationDate", Field::Date(SET_UP)),
                    ("UpdateDate", Field::Date(SET_UP)),
                    ("ExchangeDate", Field::Date(call * 1000)),
                    ("CanEvent", true.into()),
                    ("CanCommand", (*id != 642).into()),
                    ("NextCall", Field::Date((call + DAY / 4) * 1000)),
                    ("DatasCount", records.into()),
                    ("Size", (records * 50).into()),
                ];
                fields.extend(self.base(*id, *name));
                Record::new(class, fields)
            })
            .collect()
    }

    /// History of a Reflection: one record a day.
    pub(super) fn reflection_datas(&self, reflection: i64) -> Vec<Record> {
        let days = EVENT_DAYS + self.day as i64;
        let class = match reflection {
            640 => "ReflectionDataAnalogic",
            641 => "ReflectionDataDigital",
            642 => "ReflectionDataText",
            643 => "ReflectionDataState",
            644 => "ReflectionDataSystem",
            _ => return Vec::new(),
        };
        (0..days)
            .map(|day| {
                let at = (morning(0) + (day - EVENT_DAYS) * DAY) * 1000;
                let mut random = Random::of(self.seed, class, day as u64);
                let value = match reflection {
                    640 => Field::Real(18.0 + random.below(10) as f64 / 2.0),
                    641 => Field::Bool(random.chance(50)),
                    642 => (*random.pick(&["ready", "heating", "low pressure"])).into(),
                    _ => Field::Null,
                };
                // The digital and the system Reflection are commanded.
                let commanded = [641, 644].contains(&reflection);
                let commanded = |later| match commanded {
                    true => Field::Date(at + later),
                    false => Field::Null,
                };
                let is_system = reflection == 644;
                let valued = match is_system {
                    true => Field::Null,
                    false => Field::Date(at),
                };
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("Value", value),
                    ("ValueDate", valued),
                    ("CreationDate", Field::Date(at + 12_000)),
                    ("SendDate", commanded(20_000)),
                    ("ExecutionDate", commanded(60_000)),
                    ("Phase", "Received".into()),
                    ("State", if reflection == 643 { 3 } else { 0 }.into()),
                ];
                if is_system {
                    fields.extend(system_command(day));
                }
                let name = is_system.then_some("Software update");
                fields.extend(self.base(70_000 + reflection * 1_000_000 + day, name));
                Record::new(class, fields)
            })
            .collect()
    }

    /// All events so far; yesterday's have ended and are acknowledged.
    pub(super) fn events(&self) -> Vec<Record> {
        let today = EVENT_DAYS + self.day as i64;
        (0..(today + 1) * EVENTS)
            .map(|number| {
                let day = number / EVENTS;
                let mut random = Random::of(self.seed, "wapi.event", number as u64);
                let (kind, short, name, category, message) = *random.pick(EVENT_TYPES);
                let at = morning(0)
                    + (day - EVENT_DAYS - 1) * DAY
                    + (number % EVENTS) * 6 * 3600
                    + random.below(3600) as i64;
                let over = day < today;
                let mut fields: Vec<(&'static str, Field)> = vec![
                    ("NameShort", short.into()),
                    ("Date", Field::Date(at * 1000)),
                    (
                        "EndDate",
                        if over {
                            Field::Date((at + 7200) * 1000)
                        } else {
                            Field::Null
                        },
                    ),
                    ("LTUID", if kind == 6 { 417 } else { 412 }.into()),
                    ("FluxID", (kind == 4).then_some(2107).into()),
                    ("ReflectionID", (kind == 5).then_some(643).into()),
                    ("InfrastructureID", (kind != 6).then_some(31).into()),
                    ("WEventTypeID", kind.into()),
                    ("WEventCategoryID", category.into()),
                    ("Message", message.into()),
                    ("Acknowledged", over.into()),
                ];
                fields.extend(self.base(330_000 + number, name));
                Record::new("WEvent", fields)
            })
            .collect()
    }
}

/// The members of a command to the controller itself (wapi.md 6.7).
fn system_command(day: i64) -> Vec<(&'static str, Field)> {
    vec![
        ("Scenario", "WDCToLTU_K2APP".into()),
        ("FreeFlashSize", (8_000_000 - day).into()),
        ("FreeRAMSize", (2_000_000 - day).into()),
        ("ConnectedExt", 2.into()),
        ("ExecutionCode", "0".into()),
        ("ExecutionStatus", "Done".into()),
        ("Option", "Restart".into()),
        ("Location", "/flash/app".into()),
        ("FileID", 801.into()),
        ("Global", true.into()),
    ]
}
