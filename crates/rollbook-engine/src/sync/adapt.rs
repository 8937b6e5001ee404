//! What to try when a server refuses the first page of a list: without optional parameters, then with smaller pages.
//!
//! Pure. Such a refusal (400, 422, 501) does not name the parameter, so a few requests find it; the result is
//! remembered, and a list that is refused for another reason does not repeat the search at every walk.

use rollbook_core::connector::paging::PageRules;
use rollbook_core::model::Adaptation;
use rollbook_http::http::{HttpError, HttpErrorKind};

/// No page is made smaller than this to please a server.
const SMALLEST: u64 = 100;

/// How many smaller sizes are tried: with the others at most five requests for one page.
const SIZES: usize = 2;

/// The rules of a walk that knows what a server accepts.
pub fn applied(known: &Adaptation, rules: &PageRules) -> PageRules {
    PageRules {
        size: known.size.map_or(rules.size, |size| size.min(rules.size)),
        ..rules.clone()
    }
}

/// A note for the report.
pub fn note(known: &Adaptation, rules: &PageRules) -> String {
    let mut parts = Vec::new();
    if !known.without.is_empty() {
        let names: Vec<String> = known
            .without
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        parts.push(format!("without {}", names.join(", ")));
    }
    if let Some(size) = known.size {
        parts.push(format!("in pages of {size} rows instead of {}", rules.size));
    }
    format!(
        "the server does not return the list as the connector requests it; it is read {}",
        parts.join(" and ")
    )
}

/// A refusal that may be about a parameter.
pub fn is_about_parameters(error: &HttpError) -> bool {
    matches!(error.kind(), HttpErrorKind::HttpStatus(400 | 422 | 501))
}

/// What to try next, in order, when `known` was refused.
pub fn variants(rules: &PageRules, known: &Adaptation) -> Vec<Adaptation> {
    let lighter = rules
        .optional
        .iter()
        .any(|name| !known.without.contains(name));
    let sizes = smaller(rules, known.size.unwrap_or(rules.size));
    let mut variants = Vec::new();
    if lighter {
        variants.push(Adaptation {
            without: rules.optional.clone(),
            size: known.size,
            ..Adaptation::default()
        });
    }
    variants.extend(sizes.iter().map(|size| Adaptation {
        without: known.without.clone(),
        size: Some(*size),
        ..Adaptation::default()
    }));
    if let (true, Some(size)) = (lighter, sizes.last()) {
        variants.push(Adaptation {
            without: rules.optional.clone(),
            size: Some(*size),
            ..Adaptation::default()
        });
    }
    variants
}

fn smaller(rules: &PageRules, from: u64) -> Vec<u64> {
    if !rules.asks_size() {
        return Vec::new();
    }
    let halved = std::iter::successors(Some(from), |size| {
        (*size > SMALLEST).then(|| (size / 2).max(SMALLEST))
    });
    let mut sizes: Vec<u64> = halved.skip(1).take(SIZES).collect();
    // A server that takes pages of a hundred only is more common than one that takes an eighth of a thousand.
    if let Some(last) = sizes.get_mut(SIZES - 1) {
        *last = SMALLEST;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(optional: &[&str], limit: bool, size: u64) -> PageRules {
        PageRules {
            optional: optional.iter().map(|name| (*name).to_owned()).collect(),
            limit: limit.then(|| "limit".to_owned()),
            size,
            ..PageRules::default()
        }
    }

    /// Kinds: a refused parameter, a refused size, both, neither can be changed, one is known already.
    #[test]
    fn what_is_tried_and_in_which_order() {
        let known = |without: &[&str], size| Adaptation {
            without: without.iter().map(|name| (*name).to_owned()).collect(),
            size,
            ..Adaptation::default()
        };
        for (rules, before, expected) in [
            (
                rules(&["sort"], true, 1000),
                known(&[], None),
                "sort -, - 500, - 100, sort 100",
            ),
            (rules(&[], true, 1000), known(&[], None), "- 500, - 100"),
            (rules(&[], true, 300), known(&[], None), "- 150, - 100"),
            (rules(&[], true, 100), known(&[], None), ""),
            (rules(&["sort"], true, 50), known(&[], None), "sort -"),
            (rules(&["sort"], false, 1000), known(&[], None), "sort -"),
            (rules(&[], false, 1000), known(&[], None), ""),
            (
                rules(&["sort"], true, 1000),
                known(&["sort"], None),
                "sort 500, sort 100",
            ),
            (
                rules(&["sort"], true, 1000),
                known(&[], Some(250)),
                "sort 250, - 125, - 100, sort 100",
            ),
        ] {
            let seen: Vec<String> = variants(&rules, &before)
                .iter()
                .map(|variant| {
                    let size = variant.size.map_or("-".to_owned(), |size| size.to_string());
                    let without = variant.without.join("+");
                    format!("{} {size}", if without.is_empty() { "-" } else { &without })
                })
                .collect();
            assert_eq!(seen.join(", "), expected, "{rules:?} {before:?}");
        }
    }

    #[test]
    fn it_is_said_in_words() {
        let adaptation = Adaptation {
            without: vec!["sort".into(), "orderBy".into()],
            size: Some(500),
            ..Adaptation::default()
        };
        assert_eq!(
            note(&adaptation, &rules(&[], true, 1000)),
            "the server does not return the list as the connector requests it; it is read without `sort`, `orderBy` and in pages of 500 rows instead of 1000"
        );
    }
}
