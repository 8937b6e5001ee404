//! Why a stream or a run could not be finished.

use crate::http::HttpError;
use crate::model::Class;
use crate::store::StoreError;

/// A failure of a stream.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The vendor, or the way to it.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The mirror.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The vendor's lists do not hold together.
    #[error("could not read {stream}: {problem}")]
    List {
        /// The stream.
        stream: String,
        /// What is wrong.
        problem: String,
    },
    /// A part of the program broke.
    #[error("a part of rollbook broke while reading {stream}; please report it")]
    Broken {
        /// The stream.
        stream: String,
    },
}

impl Failure {
    /// What it means for the run.
    pub fn class(&self) -> Class {
        match self {
            Self::Http(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::List { .. } => Class::Contract,
            Self::Broken { .. } => Class::Permanent,
        }
    }

    /// The vendor's error, if it was one.
    pub fn http(&self) -> Option<&HttpError> {
        match self {
            Self::Http(error) => Some(error),
            Self::Store(_) | Self::List { .. } | Self::Broken { .. } => None,
        }
    }
}
