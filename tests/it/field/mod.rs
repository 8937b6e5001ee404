//! Answers and situations from real installations, rebuilt as small inputs.
//!
//! Each test begins with the label of its case (R rows and cells, L lists and pages, A refusals and tokens, S slow servers,
//! T a long life, J jobs beside each other) and is a table of the whole kind: other odd values, other shapes of "next", other
//! ways in which a list moves. A small vendor on loopback answers
//! whatever a closure says; what counts is what the mirror holds afterwards and what the run says of itself.

mod accounts;
mod bench;
mod cells;
mod ends;
mod jobs;
mod moving;
mod outcomes;
mod roster;
mod rows;
mod server;
mod texts;
mod totals;
