//! Responses and situations from real installations, rebuilt as small inputs.
//!
//! Each test name begins with the label of its case (R rows and cells, L lists and pages, A refusals and tokens, S slow servers,
//! T long operation, J concurrent jobs, C choice of columns, K how long rows are kept) and is a table of its kind: other odd values, other forms of "next", other
//! changes of a list during a reading. A small vendor on loopback responds by a closure; checked are the mirror
//! and the run's own report.

mod accounts;
mod cells;
mod columns;
mod ends;
mod harness;
mod items;
mod jobs;
mod large;
mod moving;
mod outcomes;
mod requests;
mod retention;
mod roster;
mod rows;
mod series;
mod server;
mod several;
mod shared;
mod texts;
mod totals;
