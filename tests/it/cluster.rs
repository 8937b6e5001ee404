//! `[cluster]` by real workers, a real PostgreSQL and a killer: after whatever went wrong every source's published tables are the
//! vendor's, and at no time did an old claim write, or was a source alone for too long.
//!
//! Each test has a district of its own (`district.rs`): a vendor of many schools, a database server, and workers, which are
//! processes with a state folder each and one configuration. `watch.rs` looks at the database all the time, `checks.rs` at the end.
//! They run with `ROLLBOOK_CLUSTER=1`, two at a time on two cores, where nothing else does: leases are real, and a busy machine loses them.
//! Without PostgreSQL they are skipped; see `database`. With `ROLLBOOK_SOAK_SEEDS=N` those with chance play N times.

mod balance;
mod checks;
mod clocks;
mod commands;
mod configurations;
mod district;
mod kills;
mod moves;
mod partitions;
mod quotas;
mod restores;
mod statements;
mod stopped;
mod ticks;
mod tokens;
mod vendor;
mod watch;
mod workers;
