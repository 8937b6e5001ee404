//! Writes a draft as the text of a connector.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::columns::{self, DraftColumn};
use super::lines::{assumption, comment, key_in_header, line};
use super::names::{short, snake, unique};
use super::sample::{self, HIDDEN, SampleList};
use super::{DraftOutline, DraftSample, address, key, paging};
use crate::document::toml_text::toml_string;

/// A help text is cut at this length.
const HELP: usize = 120;

/// Columns with such names are of people.
const OF_PEOPLE: &[&str] = &[
    "given_name",
    "first_name",
    "firstname",
    "family_name",
    "last_name",
    "lastname",
    "surname",
    "birth_date",
    "birthdate",
    "birthday",
    "date_of_birth",
];

/// A stream that others can be read for: its name, its key, and the key's type.
struct ParentStream {
    name: String,
    key: String,
    kind: &'static str,
}

/// The text, and the number of its streams.
pub(super) fn render(
    outline: &DraftOutline,
    sample: &DraftSample,
    name: &str,
) -> Result<(String, usize), String> {
    let mut left_out = outline.left_out.clone();
    let (mut streams, mut names) = (Vec::new(), BTreeSet::new());
    let mut parents = BTreeMap::new();
    for list in &outline.lists {
        let stream = unique(&short(&snake(&list.name)), &mut names);
        match stream_text(list, &stream, sample, &mut parents) {
            Ok(text) => streams.push(text),
            Err(why) if outline.lists.len() == 1 => return Err(why),
            Err(why) => {
                names.remove(&stream);
                left_out.push(format!("{}: {why}", list.path));
            }
        }
    }
    if streams.is_empty() {
        let why = left_out
            .first()
            .map(|why| format!(", such as {why}"))
            .unwrap_or_default();
        return Err(format!("it has no list that a stream can be made of{why}"));
    }
    let count = streams.len();
    Ok((
        head(outline, sample, name, &left_out) + &streams.concat(),
        count,
    ))
}

fn head(outline: &DraftOutline, sample: &DraftSample, name: &str, left_out: &[String]) -> String {
    let title = match outline.title.as_str() {
        "" => name,
        title => title,
    };
    let base_url = match outline.base_url.as_str() {
        url if !url.is_empty() && !url.contains(['{', '}']) => {
            format!("default = {}, ", toml_string(url))
        }
        _ => "required = true, ".to_owned(),
    };
    let mut text = format!(
        "# DRAFT, made by `rollbook connector new` from {}. It was not checked by a person.\n\
         #\n\
         # Each guess is marked ASSUMPTION. Before the first run:\n\
         # * Delete the columns that the school must not store, and list their members in `ignore`.\n\
         # * Check key, paging and removals with the documentation of the vendor, and name it here.\n\
         # * Add a source: `rollbook init {name}`. Then run `rollbook connector test {name}`.\n",
        comment(&sample.origin),
    );
    for line in left_out {
        let _ = writeln!(text, "# ASSUMPTION: left out: {}", comment(line)); // a text takes anything
    }
    let _ = write!(
        text,
        "\nconnector = {}\ntitle     = {}\nbase_url  = \"{{base_url}}\"\n\n[settings]\n\
         base_url = {{ {base_url}help = \"the address of the API, without a slash at the end\" }}\n{}\n\
         [headers]\nAccept = \"application/json\"\n",
        toml_string(name),
        toml_string(&comment(title)),
        address::settings(outline.address_keys),
    );
    text + &auth(outline, sample)
}

fn auth(outline: &DraftOutline, sample: &DraftSample) -> String {
    match &sample.key_header {
        _ if !outline.auth.is_empty() => format!("\n{}", outline.auth),
        Some((header, prefix)) => {
            let value = match prefix.as_str() {
                "" => String::new(),
                prefix => format!("{} {{api_key}}", prefix.replace(['{', '}'], "")),
            };
            format!("\n{}", key_in_header(header, &value))
        }
        None => {
            let is_description = outline.lists.iter().any(|list| list.is_schema);
            let why = match is_description {
                true => "it names no sign-in that is supported; if the vendor has one:",
                false => "no sign-in was needed; else:",
            };
            let why = line(&assumption(why));
            format!("\n{why}# [auth.api_key]\n# header = \"X-Api-Key\"\n")
        }
    }
}

fn stream_text(
    list: &SampleList,
    stream: &str,
    sample: &DraftSample,
    parents: &mut BTreeMap<String, ParentStream>,
) -> Result<String, String> {
    let found = sample::rows(&list.body, list.is_schema)?;
    let mut columns = columns::find(&found, &list.help, list.is_schema);
    let key = key::guess(&columns.columns, stream)
        .ok_or("no member of its rows can identify a row; a sample with more rows may show one")?;
    let paging = paging::guess(list, &found, sample);
    let mut keys = key.columns.clone();
    let mut each = None;
    if let Some((path, variable)) = &list.parent {
        let parent = parents
            .get(path)
            .ok_or("the list whose rows it is read for is not in the draft")?;
        let mut taken: BTreeSet<String> = columns
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let name = unique(&short(&snake(variable)), &mut taken);
        let from = toml_string(&format!("= {{{variable}}} : {}", parent.kind));
        let (stream, key) = (toml_string(&parent.name), toml_string(&parent.key));
        each = Some((
            format!(
                "for_each = {{ stream = {stream}, take = {{ {} = {key} }} }}",
                toml_string(variable)
            ),
            format!("{name} = {from}"),
        ));
        keys.insert(0, name);
    }
    let mut text = format!("\n[streams.{stream}]\n");
    if !list.title.is_empty() {
        text.push_str(&line(&format!(
            "title   = {}",
            toml_string(&shortened(&list.title))
        )));
    }
    match list.path.as_str() {
        "" => text.push_str(&line(&format!(
            "path    = \"/{stream}\"    {}",
            assumption("a file has no address")
        ))),
        path => text.push_str(&line(&format!("path    = {}", toml_string(path)))),
    }
    if !paging.query.is_empty() {
        let query = paging
            .query
            .iter()
            .map(|(name, value)| format!("{} = {}", toml_string(name), toml_string(value)));
        let query: Vec<String> = query.collect();
        text.push_str(&line(&format!("query   = {{ {} }}", query.join(", "))));
    }
    for (name, table) in &list.required {
        let name = toml_string(name);
        if !paging.line.contains(&name) {
            let why = format!("left out: {name}, which every request needs: add it to `{table}`");
            text.push_str(&line(&assumption(&why)));
        }
    }
    let why = match found.shown.as_str() {
        "{}" => "there is no list of objects, so the body is one row",
        "[]" => "the body is the list",
        "*" => "the only list in the body; its name is not shown, because it may be a person's",
        at if at.split('.').any(|name| name == HIDDEN) => {
            "NAME is in place of a name that may be a person's: if it is the vendor's, write it here"
        }
        at if at.ends_with("{*}") => "an object whose members are the rows",
        _ => "the longest list of objects in the answer",
    };
    text.push_str(&line(&format!(
        "rows    = {}    {}",
        toml_string(&found.shown),
        assumption(why)
    )));
    if let Some(envelope) = &found.envelope {
        let why = assumption("each row is wrapped in it");
        text.push_str(&line(&format!(
            "envelope = {}    {why}",
            toml_string(envelope)
        )));
    }
    let quoted: Vec<String> = keys.iter().map(|name| toml_string(name)).collect();
    text.push_str(&line(&format!(
        "key     = [{}]    {}",
        quoted.join(", "),
        assumption(key.why)
    )));
    text.push_str(&line(
        format!("{}    {}", paging.line, paging.why).trim_start(),
    ));
    if let Some((each, _)) = &each {
        text.push_str(&line(&format!(
            "{each}    {}",
            assumption("by the form of the path")
        )));
    }
    text.push_str(
        "# removed = { absence = true }    # if a complete list lacks what was removed\n",
    );
    if columns
        .columns
        .iter()
        .any(|column| OF_PEOPLE.contains(&column.name.as_str()))
    {
        text.push_str(&line(&format!(
            "person  = true    {}",
            assumption("by the names of columns: each row is a person")
        )));
    }
    if !columns.ignored.is_empty() {
        let names: Vec<String> = columns
            .ignored
            .iter()
            .map(|name| toml_string(name))
            .collect();
        text.push_str(&line(&format!(
            "ignore  = [{}]    {}",
            names.join(", "),
            assumption("secrets, by their names")
        )));
    }
    if columns.unnamable > 0 {
        let why = format!(
            "{} more members are not listed: no path can name them, or there are too many",
            columns.unnamable
        );
        text.push_str(&line(&assumption(&why)));
    }
    if !columns.once.is_empty() {
        let why = format!(
            "{} members of objects are in one row only and are not listed: their names may be data",
            columns.once.len()
        );
        text.push_str(&line(&assumption(&why)));
    }
    if columns.named_by_data > 0 {
        let why = format!(
            "{} members of the rows are not listed, because their names may be data, such as people; list those that the vendor documents",
            columns.named_by_data
        );
        text.push_str(&line(&assumption(&why)));
    }
    let _ = write!(text, "\n[streams.{stream}.columns]\n"); // a text takes anything
    if let Some((_, column)) = &each {
        text.push_str(&line(column));
    }
    columns
        .columns
        .iter()
        .for_each(|column| text.push_str(&column_line(column)));
    if let [one] = &key.columns[..]
        && let Some(column) = columns
            .columns
            .iter_mut()
            .find(|column| column.name == *one)
    {
        let parent = ParentStream {
            name: stream.to_owned(),
            key: one.clone(),
            kind: column.kind,
        };
        parents.insert(list.path.clone(), parent);
    }
    Ok(text)
}

fn column_line(column: &DraftColumn) -> String {
    let from = toml_string(&format!("{} : {}", column.path, column.kind));
    let value = match shortened(&column.help).as_str() {
        "" => from,
        help => format!("{{ from = {from}, help = {} }}", toml_string(help)),
    };
    let uncertainty = match column.uncertainty {
        "" => String::new(),
        uncertainty => format!("    {}", assumption(uncertainty)),
    };
    line(&format!("{} = {value}{uncertainty}", column.name))
}

/// The first sentence of a description.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let text = text
        .split_once(". ")
        .map_or(text.as_str(), |(first, _)| first);
    let text = text.trim_end_matches('.');
    match text.char_indices().nth(HELP) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
