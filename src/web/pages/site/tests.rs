//! What every page of the site has, and which addresses there are.

use super::*;
use crate::web::pages::school_year::{self, PAGES};
use rollbook_engine::daemon::status::{Configuration, JobStatus, Outputs};

#[test]
fn addresses_are_those_of_what_is_known() {
    let (status, history) = (school_year::status(), school_year::history());
    let view = SiteView {
        status: Some(&status),
        history: Some(&history),
        cluster: None,
        now: school_year::now(),
    };
    for path in PAGES {
        assert!(page(path, &view).is_some(), "{path}");
    }
    for path in [
        "",
        "jobs/rosters",
        "/jobs",
        "/jobs/",
        "/jobs/other",
        "/jobs/store.backup",
        "/jobs/rosters/",
        "/jobs/rosters/x",
        "/sources/other",
        "/sources/<b>",
        "/streams/webuntis",
        "/streams/webuntis/other",
        "/streams/wapi/users",
        "/storage/",
        "//",
        "/index.html",
    ] {
        assert!(page(path, &view).is_none(), "{path}");
    }
}

#[test]
fn a_job_links_to_the_streams_that_it_reads() {
    let (status, history) = (school_year::status(), school_year::history());
    let view = SiteView {
        status: Some(&status),
        history: Some(&history),
        cluster: None,
        now: school_year::now(),
    };
    let text = page("/jobs/rosters", &view).expect("a page");
    assert!(text.contains("href=\"/streams/webuntis/users\""));
    assert!(
        !text.contains("href=\"/streams/webuntis/classes\""),
        "another job's"
    );
}

#[test]
fn every_link_has_its_page() {
    let (status, history) = (school_year::status(), school_year::history());
    let view = SiteView {
        status: Some(&status),
        history: Some(&history),
        cluster: None,
        now: school_year::now(),
    };
    for path in PAGES {
        let text = page(path, &view).expect("a page");
        let links = text.split("href=\"").skip(1);
        for link in links.filter_map(|rest| rest.split('"').next()) {
            let is_known = link.starts_with('#') || ["/icon.svg", "/status.json"].contains(&link);
            assert!(is_known || page(link, &view).is_some(), "{link} on {path}");
        }
        assert_eq!(text.matches("<h1>").count(), 1, "{path}");
        assert_eq!(text.matches("aria-current=\"page\"").count(), 1, "{path}");
        assert!(
            ![" style=\"", " onclick=", " onload="]
                .iter()
                .any(|attribute| text.contains(attribute)),
            "{path}: only the policy's style and script"
        );
        assert!(
            text.contains(&format!("<style>{STYLE}</style>"))
                && text.contains(&format!("<script>{SCRIPT}</script>"))
        );
    }
}

#[test]
fn what_needs_an_admin_is_first() {
    let (mut status, history) = (school_year::status(), school_year::history());
    let overview = |status: Option<&Status>| {
        let view = SiteView {
            status,
            history: Some(&history),
            cluster: None,
            now: school_year::now(),
        };
        page("/", &view).expect("a page")
    };
    let text = overview(Some(&status));
    let main = text.find("<main").expect("a part");
    assert!(text[main..].starts_with("<main id=\"main\" tabindex=\"-1\"><section id=\"needs\" class=\"alarm\"><h1>6 things need you</h1>"));
    assert!(text.contains("users: 708 of 1,178 rows would be removed, 214 added, 12 changed (too large a share of the rows)"));
    let quiet = |job: &JobStatus| JobStatus {
        parked: false,
        held: None,
        failures: 0,
        ..job.clone()
    };
    status.jobs = status.jobs.iter().map(quiet).collect();
    status.configuration = Configuration::default();
    status.outputs = Outputs::default();
    assert!(
        overview(Some(&status))
            .contains("<section id=\"needs\" class=\"calm\"><h1>Nothing needs you</h1></section>")
    );
    let text = overview(None);
    assert!(text.contains("<code class=\"command\">systemctl status rollbook</code>"));
    assert!(
        text.contains("href=\"/streams/webuntis/users\""),
        "the history is still shown"
    );
}

#[test]
fn missing_files_are_said() {
    let view = SiteView {
        status: None,
        history: None,
        cluster: None,
        now: school_year::now(),
    };
    for path in ["/", "/storage"] {
        let text = page(path, &view).expect("a page");
        assert!(text.contains("There is no history yet"), "{path}");
    }
    let text = page("/configuration", &view).expect("a page");
    assert!(text.contains("systemctl status rollbook"));
    assert!(not_found().contains("There is no such page"));
}

#[test]
fn a_refused_configuration_has_file_line_and_advice() {
    let status = school_year::status();
    let view = SiteView {
        status: Some(&status),
        history: None,
        cluster: None,
        now: school_year::now(),
    };
    let text = page("/configuration", &view).expect("a page");
    for present in [
        "Refused: 2 problems",
        "/etc/rollbook/rollbook.toml:14",
        "did you mean `client_id`?",
        "rollbook check",
    ] {
        assert!(text.contains(present), "{present}");
    }
}

#[test]
fn a_worker_of_a_cluster_has_a_page_of_it() {
    use rollbook_core::model::{ClusterSummary, JobSummary, named};
    use rollbook_engine::daemon::cluster_status::{ClusterSource, ClusterStatus, ClusterWorker};
    let source = |name: &str, host: Option<&str>, held| ClusterSource {
        source: named(name),
        configured: true,
        epoch: 3,
        worker: host.map(str::to_owned),
        seconds: 90,
        stored: None,
        stored_seconds: None,
        summary: ClusterSummary {
            jobs: vec![JobSummary {
                job: named("rosters"),
                outcome: None,
                ended: None,
                parked: false,
                held,
            }],
        },
    };
    let mut cluster = ClusterStatus {
        workers: vec![ClusterWorker {
            start: "host-b-1<2".to_owned(),
            waits: Some("it is drained".to_owned()),
            ..ClusterWorker::default()
        }],
        sources: vec![
            source("north", Some("host-a"), Some(12)),
            source("south", None, None),
        ],
        ..ClusterStatus::default()
    };
    let text = |cluster: Option<&ClusterStatus>| {
        let view = SiteView {
            status: None,
            history: None,
            cluster,
            now: school_year::now(),
        };
        (page("/cluster", &view), page("/", &view).expect("a page"))
    };
    let (none, overview) = text(None);
    assert_eq!(none, None);
    assert!(!overview.contains("href=\"/cluster\""));
    let (shown, overview) = text(Some(&cluster));
    assert!(overview.contains("href=\"/cluster\""));
    let shown = shown.expect("a page");
    for part in [
        "host-b-1&lt;2",
        "it is drained",
        "Run 12 of rosters needs approval",
        "1 source without a worker",
        "badge bad\">no worker",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // Of many sources those that need nobody are a number.
    let quiet = (0..300).map(|number| source(&format!("s{number}"), Some("host-a"), None));
    cluster.sources.extend(quiet);
    let shown = text(Some(&cluster)).0.expect("a page");
    assert!(!shown.contains("s17"), "{shown}");
    assert!(shown.contains("300 sources have workers"), "{shown}");
}
