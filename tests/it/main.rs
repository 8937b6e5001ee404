//! The program from outside: the real binary, temporary folders, a small vendor of the tests' own.
//!
//! Nothing here shares code with the program's decoding or its simulated vendors, so that a mistake
//! both would make shows up. Every wait is for a state and has a limit.

mod accidents;
mod alerts;
mod authority;
mod beside;
mod binary;
mod breaking;
mod browser;
mod care;
mod churn;
mod combos;
mod contracts;
mod crosswalk;
mod daemon;
mod demo;
mod field;
mod floors;
mod guard;
mod init;
mod lifecycle;
mod login;
mod lost;
mod matches;
mod online;
mod people;
mod place;
mod privacy;
mod problems;
mod queries;
mod quirks;
mod rotating;
mod rotation;
mod script;
mod server;
mod service;
mod sources;
mod unit;
mod vault;
mod wire;
