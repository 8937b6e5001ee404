//! The program from outside: the real binary, temporary folders, a small vendor written for these tests.
//!
//! Nothing here shares code with the program's decoding or its simulated vendors, so a mistake in both
//! is detected. Every wait is for a state and has a limit.

mod accidents;
mod alerts;
mod authority;
mod binary;
mod browser;
mod changes;
mod check_online;
mod churn;
mod circles;
mod combos;
mod concurrent_jobs;
mod contracts;
mod crosswalk;
mod daemon;
mod demo;
mod erase;
mod export;
mod field;
mod floors;
mod guard;
mod hooks;
mod init;
mod installation;
mod lifecycle;
mod login;
mod lost_login;
mod maintenance;
mod matches;
mod one_stream;
mod paging;
mod panics;
mod people;
mod privacy;
mod problems;
mod proxy;
mod queries;
mod quirks;
mod readers;
mod refused;
mod rename;
mod rotating;
mod rotation;
mod server;
mod service;
mod side_by_side;
mod sources;
mod terminal;
mod type_names;
mod unit;
mod vault;
mod web;
mod why;
mod wire;
