//! The shipped demonstration, from an empty folder.
