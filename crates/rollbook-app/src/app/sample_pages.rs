//! `rollbook connector test`: reads the first page of streams of a source as a run would, for a person to look at.
//!
//! Nothing is compared or stored, and no job is needed. A stream that is read for each row of another one is read for the
//! first row of that one's page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{App, InForce};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::paging::At;
use rollbook_core::connector::template::Variables;
use rollbook_core::model::row::{Cells, Rows};
use rollbook_core::model::{SourceName, StreamName};
use rollbook_engine::sync::Source;
use rollbook_engine::sync::items::{Item, item, listed};
use rollbook_engine::sync::probe::{SamplePage, sample_page};
use rollbook_http::http::RunBudget;

/// The time limit for one source.
const LIMIT: Duration = Duration::from_secs(300);

/// The first page of a stream, or why there is none.
pub struct SampledStream {
    /// How it is read.
    pub spec: Arc<StreamSpec>,
    /// The item that it was read for; empty for a stream that is read once.
    pub item: String,
    /// The stream that the item is a row of.
    pub row_of: Option<String>,
    /// The page. The error is a message for the admin.
    pub page: Result<SamplePage, String>,
}

impl SampledStream {
    /// Rows on the page, rejected ones too.
    pub fn received(&self) -> usize {
        self.parts().iter().map(Rows::received).sum()
    }

    /// The parts of the page; none if it could not be read.
    pub fn parts(&self) -> &[Rows] {
        self.page.as_ref().map_or(&[], |page| &page.rows)
    }

    /// The readable rows.
    pub fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        let readable = |part: &Rows, row: &usize| !part.is_present_only(*row);
        self.parts().iter().flat_map(move |part| {
            let rows = (0..part.len()).filter(move |row| readable(part, row));
            rows.map(move |row| part.row(row))
        })
    }

    /// Whether a run would request another page, in words.
    pub fn next(&self) -> String {
        let page = self.page.as_ref().ok();
        let is_whole = page.is_some_and(|page| page.total == Some(self.received() as u64));
        match page.and_then(|page| page.next.as_ref()) {
            // A run requests one more, to see that it is empty.
            Some(At::Offset(_) | At::Number(_)) if is_whole => "no next page".to_owned(),
            None => "no next page".to_owned(),
            Some(At::Offset(rows)) => format!("the next page is requested behind {rows} rows"),
            Some(At::Number(number)) => format!("page {number} is requested next"),
            Some(At::Start | At::Link(_) | At::Cursor(_) | At::Since { .. }) => {
                "next page found".to_owned()
            }
        }
    }
}

impl App {
    /// The first pages of streams of a source, and of those that they are read for.
    ///
    /// # Errors
    /// A message when the source cannot be used.
    pub async fn sample_pages(
        &self,
        name: &SourceName,
        streams: &[StreamName],
    ) -> Result<Vec<SampledStream>, String> {
        let InForce { setup, .. } = self.in_force();
        let source = self.source(&setup, name)?;
        let config = setup.sources.get(name).ok_or("there is no such source")?;
        let budget = RunBudget::new(&self.clock, LIMIT);
        let mut sampled: BTreeMap<StreamName, SampledStream> = BTreeMap::new();
        for wanted in streams {
            // Behind the streams whose rows it is read for.
            let mut line: Vec<&Arc<StreamSpec>> = Vec::new();
            let mut next = config.streams.get(wanted);
            while let Some(spec) = next.filter(|spec| line.iter().all(|one| one.name != spec.name))
            {
                line.push(spec);
                let parent = spec
                    .for_each
                    .as_ref()
                    .and_then(|each| each.stream.as_deref());
                next = parent.and_then(|parent| config.streams.get(parent));
            }
            for spec in line.into_iter().rev() {
                if !sampled.contains_key(&spec.name) {
                    let found = self.sample(&source, spec, &sampled, &budget).await;
                    sampled.insert(spec.name.clone(), found);
                }
            }
        }
        Ok(sampled
            .into_values()
            .filter(|one| streams.contains(&one.spec.name))
            .collect())
    }

    async fn sample(
        &self,
        source: &Source,
        spec: &Arc<StreamSpec>,
        sampled: &BTreeMap<StreamName, SampledStream>,
        budget: &RunBudget,
    ) -> SampledStream {
        let each = spec.for_each.as_ref();
        let mut found = SampledStream {
            spec: Arc::clone(spec),
            item: String::new(),
            row_of: match listed(spec, source) {
                Some(_) => None,
                None => each.and_then(|each| each.stream.clone()),
            },
            page: Err(String::new()),
        };
        let mut item = match one_item(source, spec, sampled) {
            Ok(item) => item,
            Err(why) => {
                found.page = Err(why);
                return found;
            }
        };
        found.item.clone_from(&item.name);
        if let Some(parent) = &found.row_of {
            // Messages name no value of a row.
            item.name = format!("a row of {parent}");
        }
        let space = self.store().staging_space();
        let page = sample_page(source, spec, &item, space, (&self.clock, budget)).await;
        found.page = page.map_err(|error| error.to_string());
        found
    }
}

/// The first item of a stream, from a page of the stream whose rows it is read for.
fn one_item(
    source: &Source,
    spec: &StreamSpec,
    sampled: &BTreeMap<StreamName, SampledStream>,
) -> Result<Item, String> {
    if let Some(items) = listed(spec, source) {
        return items
            .into_iter()
            .next()
            .ok_or_else(|| "it is read for the items of an empty list".to_owned());
    }
    let each = spec.for_each.as_ref();
    let parent = each.and_then(|each| Some((each, sampled.get(each.stream.as_deref()?)?)));
    let (each, parent) = parent.ok_or("the stream whose rows it is read for is not served")?;
    let variables = |row: Cells<'_>| -> Variables {
        let value = |(name, column): (&String, &String)| {
            let index = parent.spec.column(column)?;
            Some((name.clone(), row.at(index).plain().unwrap_or_default()))
        };
        each.take.iter().filter_map(value).collect()
    };
    let mut items = parent.rows().map(|row| item(spec, variables(row), true));
    let found =
        items.find(|item| !item.is_empty && item.variables.values().any(|value| !value.is_empty()));
    found.ok_or_else(|| {
        format!(
            "the first page of {} has no row that it could be read for",
            parent.spec.name
        )
    })
}
