//! Answers and situations from real installations, rebuilt as small inputs.
//!
//! Each test is named after a row of the field cases (R1, L4, J3 ...) and is a table of the whole kind of that row:
//! other odd values, other shapes of "next", other ways in which a list moves. A small vendor on loopback answers
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
