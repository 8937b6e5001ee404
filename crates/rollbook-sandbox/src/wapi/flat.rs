//! Records as JSV and as CSV (wapi.md 3.4). CSV is lossy on purpose: of a record that holds
//! another one, only the inner one is printed, as the platform does.

use super::payloads::Payload;
use super::record::{Field, Record, camel};
use crate::calendar::instant;

/// Like JSON without quotes, `wType` first.
pub(super) fn jsv(rows: &Payload, out: &mut String) {
    match rows {
        Payload::One(record) => jsv_record(record, out),
        Payload::List(records) => jsv_list(records, out),
    }
}

fn jsv_list(records: &[Record], out: &mut String) {
    out.push('[');
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        jsv_record(record, out);
    }
    out.push(']');
}

fn jsv_record(record: &Record, out: &mut String) {
    out.push_str("{wType:");
    out.push_str(record.class);
    for (name, value) in record
        .fields
        .iter()
        .filter(|(_, value)| *value != Field::Null)
    {
        out.push(',');
        out.push_str(&if record.class == "Point" {
            (*name).to_owned()
        } else {
            camel(name)
        });
        out.push(':');
        match value {
            Field::One(inner) => jsv_record(inner, out),
            Field::Many(inner) => jsv_list(inner, out),
            value => out.push_str(&quoted(&text(value), "[]{},\"")),
        }
    }
    out.push('}');
}

/// A header of Pascal names in JSON order, then one line a record.
pub(super) fn csv(rows: &Payload, out: &mut String) {
    let records = match rows {
        Payload::One(record) => std::slice::from_ref(record),
        Payload::List(records) => records,
    };
    let lines: Vec<&Record> = records.iter().flat_map(printed).collect();
    let Some(first) = lines.first() else { return };
    let names: Vec<&str> = first.fields.iter().map(|(name, _)| *name).collect();
    out.push_str(&names.join(","));
    out.push_str("\r\n");
    for record in lines {
        let cells: Vec<String> = names
            .iter()
            .map(|name| {
                record
                    .field(name)
                    .map_or_else(String::new, |value| quoted(&text(value), ",\"\n"))
            })
            .collect();
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
}

/// What is printed of a record: its nested records if it has any.
fn printed(record: &Record) -> Vec<&Record> {
    let nested: Vec<&Record> = record
        .fields
        .iter()
        .flat_map(|(_, value)| match value {
            Field::One(inner) => std::slice::from_ref(inner).iter().collect(),
            Field::Many(inner) => inner.iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        })
        .collect();
    if nested.is_empty() {
        vec![record]
    } else {
        nested
    }
}

fn text(value: &Field) -> String {
    match value {
        Field::Bool(true) => "True".to_owned(),
        Field::Bool(false) => "False".to_owned(),
        Field::Int(number) => number.to_string(),
        Field::Real(number) => number.to_string(),
        Field::NotANumber => "NaN".to_owned(),
        Field::Text(text) => text.clone(),
        Field::Date(millis) if millis % 86_400_000 == 0 => {
            instant(*millis).strftime("%Y-%m-%d").to_string()
        }
        Field::Date(millis) => instant(*millis)
            .strftime("%Y-%m-%dT%H:%M:%S.%3f0000Z")
            .to_string(),
        Field::Unset => "0001-01-01".to_owned(),
        Field::Guid(guid) => format!("{guid:032x}"),
        Field::Null | Field::One(_) | Field::Many(_) => String::new(),
    }
}

fn quoted(text: &str, special: &str) -> String {
    if text.contains(|letter| special.contains(letter)) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
