//! The program without its faces: what is composed of all parts below, and what an admin can ask for.

pub mod app;
