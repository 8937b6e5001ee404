//! Floor 1: vendor descriptions, and reading a page by them. No sockets, no store.

pub mod description;
