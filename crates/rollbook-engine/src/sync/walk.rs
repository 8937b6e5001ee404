//! One walk through one list: requests pages in the pager's order and sends their rows on.
//!
//! Several requests may be in flight if the pager allows it; responses are processed in request order. Neither retries
//! (that is the session) nor the meaning of a page (`connector/`).

mod facts;
mod known;
mod page_body;
mod read_page;

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use tokio::sync::mpsc;

pub use self::facts::WalkFacts;
pub use self::known::ListPages;
use self::page_body::{BodyRules, PageBody};
use super::adapt;
use super::client::Batch;
use super::error::Failure;
use super::items::Item;
use super::job::Source;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::decode::Decoder;
use rollbook_core::connector::file::{PageBy, RelativeTo};
use rollbook_core::connector::link;
use rollbook_core::connector::paging::{At, ListEnd, NextPage, PageAsk, PageUse, Pager};
use rollbook_core::model::{Adaptation, scalar};
use rollbook_core::store::suppression::RowFilter;
use rollbook_core::store::{PageRows, StagingSpace};
use rollbook_http::http::{Decode, Effort, HttpError, PageRequest, RunBudget, Shrinks};

/// What is walked.
pub struct ListRequest<'a> {
    /// The source.
    pub source: &'a Source,
    /// The stream.
    pub spec: &'a Arc<StreamSpec>,
    /// The item.
    pub item: &'a Item,
    /// The item's decoder.
    pub decoder: Arc<Decoder>,
    /// Marks rows of erased people; `None` where nothing of a row is stored.
    pub filter: Option<Arc<RowFilter>>,
    /// The pages that were received before; `None` where none is kept.
    pub pages: Option<ListPages>,
    /// Where pages wait until they are compared.
    pub space: &'a Arc<StagingSpace>,
    /// Query parameters of this walk: `since`, or a window's ends.
    pub extra: Vec<(String, String)>,
    /// Where a watermark walk starts.
    pub since: Option<String>,
    /// How often each page is tried.
    pub effort: Effort,
    /// The run's deadline and counts.
    pub budget: &'a RunBudget,
}

/// Rows that were received.
pub enum Page {
    /// The next rows of the list.
    Listed(PageRows),
    /// Rows of a second request at the end of the list: the first were received before, unless the list moved, and the
    /// others are requested again.
    Recheck(PageRows, u64),
}

/// Walks the list and sends each page's rows on; returns how it ended.
pub async fn walk(
    request: &ListRequest<'_>,
    rows: &mpsc::Sender<Page>,
    report_page: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<(WalkFacts, ListEnd), Failure> {
    let (source, name, rules) = (request.source, &request.spec.name, &request.spec.page);
    let mut known = Arc::new(source.memory.get(name));
    let mut search: Option<Search> = None;
    let mut pager = Pager::start(adapt::applied(&known, rules), request.since.clone());
    let mut facts = WalkFacts::default();
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.is_empty() || (pager.may_overlap() && under_way.len() < source.in_flight) {
            match pager.ask() {
                Some(ask) => {
                    let effort = effort_for(request, &pager, &ask);
                    under_way.push_back(fetch(request, Arc::clone(&known), ask, effort));
                }
                None => break,
            }
        }
        let Some((ask, answer)) = under_way.next().await else {
            break;
        };
        let batch = match answer {
            Ok(batch) => batch,
            Err(error)
                if error.http().is_some_and(HttpError::is_too_many)
                    && pager.too_many(&ask, error.http().map_or(1, HttpError::attempts)) =>
            {
                continue;
            }
            Err(error) if ask.closing && error.http().is_some() && pager.refused_past_the_end() => {
                continue;
            }
            Err(error) if is_missing(&error) && pager.missing(&ask) => continue,
            Err(error) if is_refused_as_asked(&pager, &ask, &error) => {
                let mut tried = match search.take() {
                    Some(tried) => tried,
                    None if source.memory.may_search(name) => {
                        let left = adapt::variants(rules, &known).into_iter();
                        Search { error, left }
                    }
                    None => return Err(error),
                };
                let Some(next) = tried.left.next() else {
                    source.memory.search_failed(name);
                    return Err(tried.error);
                };
                known = Arc::new(next);
                pager = Pager::start(adapt::applied(&known, rules), request.since.clone());
                search = Some(tried);
                continue;
            }
            Err(error) => return Err(error.after_attempts(ask.attempts)),
        };
        let is_smaller = pager.size() < adapt::applied(&known, rules).size.max(1);
        if is_smaller {
            known = Arc::new(Adaptation {
                size: Some(pager.size()),
                ..Adaptation::clone(&known)
            });
        }
        if search.take().is_some() || is_smaller {
            source.memory.update(name, |memory| {
                memory.without.clone_from(&known.without);
                memory.size = known.size;
                memory.found = Some(request.budget.now());
            });
            facts.adaptation = Some(Adaptation::clone(&known));
        }
        if let Some(asked) = batch.asked {
            pager.begin_at(asked);
        }
        let used = pager.answer(&ask, &batch.facts);
        facts.unlisted.add(batch.unlisted);
        if batch.redirected && !facts.notes.iter().any(|note| note == REDIRECTED) {
            facts.notes.push(REDIRECTED.to_owned());
        }
        facts.newest = facts.newest.max(batch.newest);
        facts.server_time = facts.server_time.or(batch.server_time);
        facts.total = pager.declared();
        let rows_of_page = batch.rows?;
        let page = match used {
            PageUse::Accept => {
                facts.received += batch.facts.received;
                facts.count_page(&rows_of_page);
                report_page(batch.facts.received, facts.total);
                Page::Listed(rows_of_page)
            }
            PageUse::Compare(known) => Page::Recheck(rows_of_page, known),
            PageUse::Skip => continue,
        };
        if batch.facts.received > 0 && rows.send(page).await.is_err() {
            break; // the receiver has failed and reports why
        }
    }
    facts.notes.extend(
        facts
            .adaptation
            .iter()
            .map(|found| adapt::note(found, rules)),
    );
    let end = pager.end();
    facts.pages = end.pages_with_rows;
    Ok((facts, end))
}

/// What an admin should know of a list whose address differs from the server's in a slash.
const REDIRECTED: &str = "the server redirects each request to the same path with, or without, a slash at its end, which \
                          doubles the requests; write `path` in the connector as the server does";

/// Finding out which parameters a server refuses.
struct Search {
    /// The refusal of the request as the connector defines it.
    error: Failure,
    left: std::vec::IntoIter<Adaptation>,
}

fn is_missing(error: &Failure) -> bool {
    error.http().is_some_and(HttpError::is_missing)
}

/// The first page was refused in a way that may concern a parameter.
fn is_refused_as_asked(pager: &Pager, ask: &PageAsk, error: &Failure) -> bool {
    ask.number == 1 && pager.is_at_start() && error.http().is_some_and(adapt::is_about_parameters)
}

/// What is left of the attempts at a page, all sizes together.
fn effort_for(request: &ListRequest<'_>, pager: &Pager, ask: &PageAsk) -> Effort {
    let usual = request.effort;
    match ask.closing {
        true => Effort::ONCE,
        false if usual.shrinks == Shrinks::Never && pager.can_shrink(ask) => Effort {
            shrinks: Shrinks::WhenTooLarge,
            ..usual.after(ask.attempts)
        },
        false => usual.after(ask.attempts),
    }
}

/// Asks for one page; a stream with several paths moves on to the next one while none is known to work.
pub(super) async fn fetch(
    request: &ListRequest<'_>,
    known: Arc<Adaptation>,
    page: PageAsk,
    effort: Effort,
) -> (PageAsk, Result<Batch, Failure>) {
    let paths = request.spec.paths(&request.item.variables);
    let (spec, memory) = (request.spec, &request.source.memory);
    let known_path = memory.get(&spec.name).path;
    let is_known = |path: &String| known_path.as_ref() == Some(path);
    let first = spec.paths.iter().position(is_known).unwrap_or_default();
    let mut route = first;
    loop {
        let result = fetch_at(request, &known, &page, effort, &paths[route]).await;
        let wrong_path = page.number == 1
            && paths.len() > 1
            && result.as_ref().is_err_and(|error| {
                error
                    .http()
                    .is_some_and(|error| matches!(error.status(), Some(404 | 405)))
            });
        if result.is_ok() && route != first {
            memory.update(&spec.name, |memory| {
                memory.path = spec.paths.get(route).cloned()
            });
        }
        let next = (route + 1) % paths.len();
        if !wrong_path || next == first {
            return (page, result);
        }
        route = next;
    }
}

async fn fetch_at(
    request: &ListRequest<'_>,
    known: &Adaptation,
    page: &PageAsk,
    effort: Effort,
    path: &str,
) -> Result<Batch, Failure> {
    let spec = request.spec;
    let what = what(spec, &request.item.name, page.number);
    let headers = headers(request, &page.at);
    let ask = match &page.at {
        At::Link(link) => PageRequest {
            headers,
            effort,
            ..request.source.client.follow(link, what)?
        },
        at => PageRequest {
            path: path.to_owned(),
            query: query(request, known, at, page.want),
            headers,
            what,
            effort,
        },
    };
    let rules = BodyRules {
        spec: Arc::clone(spec),
        decoder: Arc::clone(&request.decoder),
        filter: request.filter.clone(),
        pages: request.pages.clone(),
        space: Arc::clone(request.space),
        is_first: page.number == 1,
    };
    let rules = Arc::new(rules);
    let decode = Decode::new(move || PageBody::new(Arc::clone(&rules)));
    let mut batch = request
        .source
        .client
        .get(&ask, request.budget, decode)
        .await?;
    if matches!(request.spec.page.by, PageBy::Link | PageBy::NextUrl) {
        locate_next(request, &ask, &mut batch);
    }
    Ok(batch)
}

/// Resolves the next page's address against the request's, and adds its normalized form. An address that may not be
/// followed is kept: following it reports why.
fn locate_next(request: &ListRequest<'_>, ask: &PageRequest, batch: &mut Batch) {
    batch.asked = Some(link::identity(&ask.path, &ask.query));
    if let NextPage::To(next) = &mut batch.facts.next {
        *next = match request.spec.page.relative_to {
            RelativeTo::Request => link::beside(&ask.path, next),
            RelativeTo::BaseUrl => link::below(next),
        };
        if let Ok(to) = request.source.client.follow(next, String::new()) {
            batch.facts.next_identity = link::identity(&to.path, &to.query);
        }
    }
}

/// Words for messages: which page of what, for which item.
fn what(spec: &StreamSpec, item: &str, page: u32) -> String {
    match item {
        "" => format!("page {page} of {}", spec.name),
        item => format!("page {page} of {} ({item})", spec.name),
    }
}

/// The stream's headers, and that with the cursor.
fn headers(request: &ListRequest<'_>, at: &At) -> Vec<(String, String)> {
    let mut headers = request.spec.headers(&request.item.variables);
    if let (At::Cursor(cursor), Some(name)) = (at, &request.spec.page.cursor_header) {
        headers.push((name.clone(), cursor.clone()));
    }
    headers
}

fn query(
    request: &ListRequest<'_>,
    known: &Adaptation,
    at: &At,
    want: u64,
) -> Vec<(String, String)> {
    let page = &request.spec.page;
    let mut query = request.spec.query(&request.item.variables);
    let since = match (at, &request.spec.since) {
        (At::Since { from, .. }, Some(since)) => {
            scalar::parse(from).map(|timestamp| since.query_from(timestamp))
        }
        _ => None,
    };
    for (name, value) in request
        .extra
        .iter()
        .cloned()
        .chain(since.into_iter().flatten())
    {
        query.retain(|(other, _)| *other != name);
        query.push((name, value));
    }
    let mut add = |name: &Option<String>, value: String| {
        if let Some(name) = name {
            query.push((name.clone(), value));
        }
    };
    match at {
        At::Start => {}
        At::Offset(rows) => add(page.offset_name(), page.offset_value(*rows, want)),
        At::Number(number) => add(&page.number, page.number_value(*number, want)),
        At::Cursor(cursor) => add(&page.cursor, cursor.clone()),
        At::Since { skip, .. } => add(&page.offset, page.offset_value(*skip, want)),
        At::Link(_) => {}
    }
    add(&page.limit, want.to_string());
    query.retain(|(name, _)| !known.without.contains(name));
    query
}

#[cfg(test)]
mod tests;
