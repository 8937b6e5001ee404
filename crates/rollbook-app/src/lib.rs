//! All of the program but its command line and its pages: what is composed of the parts below, and what an admin can ask for.

pub mod app;
