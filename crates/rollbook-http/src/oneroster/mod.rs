//! A local OneRoster 1.1 service: the rows of a bundle, over HTTP, for programs that speak OneRoster
//! (`docs/contracts/oneroster-service.md`).
//!
//! It only reads: the mirror's table of the rows that are served, which the daemon writes behind the guard of every bundle.

pub mod access;
mod bodies;
pub mod client_secret;
mod collection;
pub mod config;
pub mod entity;
mod filter;
mod list;
mod member_path;
mod parameters;
mod recent_lists;
mod roster;
pub mod roster_reader;
mod route;
pub mod scope;
pub mod site;
mod status_info;
mod token_request;
