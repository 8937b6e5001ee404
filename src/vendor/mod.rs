//! Floor 1: vendor descriptions, and reading a page by them. No sockets, no store.

pub mod answer;
pub mod api;
pub mod builtin;
pub mod columns;
pub mod combos;
pub mod decode;
pub mod description;
pub mod json;
pub mod link;
pub mod load;
pub mod paging;
pub mod repair;
pub mod slots;
pub mod template;
pub mod tree;
pub mod windows;

pub use load::{Descriptions, description_schema};
