//! Databases that several machines use: published tables, and workers that share sources.

pub mod cluster;
pub mod postgres;
