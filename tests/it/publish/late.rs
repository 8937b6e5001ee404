//! A commit that takes effect long after its publisher gave it up and began again.

use std::thread;
use std::time::Instant;

use super::school::{assert_same, next_day, publishing, sync, sync_twice, vendor};
use crate::database::{Database, Proxy, Server, psql};
use crate::server::WAIT_LIMIT;

/// Each commit that touches the row of a source waits for a lock first.
const COMMITS_WAIT: &str = "
CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
  $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER waits AFTER INSERT OR UPDATE ON rollbook.rollbook_sources
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.wait();
";

fn superuser(database: &Database, sql: &str) -> Vec<Vec<String>> {
    psql(&database.superuser_url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn until(database: &Database, what: &str, sql: &str) {
    let started = Instant::now();
    while superuser(database, sql) != [["t"]] {
        assert!(started.elapsed() < WAIT_LIMIT, "never so: {what}");
    }
}

const HELD: &str = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' \
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Backends of the program that wait for some lock.
fn waiting(count: usize) -> String {
    format!(
        "SELECT count(*) >= {count} FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = datname AND wait_event_type = 'Lock'"
    )
}

#[test]
fn a_commit_that_is_late_changes_nothing_twice() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let proxy = Proxy::start(server.port());
    let installation = publishing(&vendor, &proxy.url(&database), "");
    sync(&installation);
    superuser(&database, COMMITS_WAIT);
    type Prepare<'a> = &'a dyn Fn();
    let change: Prepare<'_> = &|| next_day(&vendor, 1);
    // The row of the source is not as it was left: the first statement takes it again.
    let restored: Prepare<'_> = &|| {
        database.execute(
            "UPDATE rollbook.rollbook_sources SET revision = revision - 1; DELETE FROM rollbook.own_users WHERE _run = 1",
        );
    };
    for (what, prepare) in [("a change", change), ("a claim", restored)] {
        prepare();
        thread::scope(|threads| {
            let url = &database.superuser_url;
            let holder =
                threads.spawn(|| psql(url, "SELECT pg_advisory_lock(42); SELECT pg_sleep(60)"));
            until(&database, "the lock is held", HELD);
            let first = installation.start(installation.command(&["sync", "--json"]));
            until(&database, "a commit waits", &waiting(1));
            proxy.cut();
            first.end().assert_ok(what);
            // The commit is still on its way, and the next attempt meets what it has locked.
            let second = installation.start(installation.command(&["sync", "--json"]));
            until(&database, "the next one waits too", &waiting(2));
            superuser(
                &database,
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            );
            let _ = holder.join().expect("no panic"); // it was terminated
            second.end().assert_ok(what);
        });
        sync_twice(&installation);
        assert_same(&installation, &database, what);
    }
}
