//! Where the parts of a page link to: pages of the site, or sections of the one page of the report.

use rollbook_core::model::{JobName, SourceName, StreamName};

/// The form of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// A page for each job, source and stream.
    Pages,
    /// Everything is in this page.
    Anchors,
}

impl Links {
    pub(super) fn job(self, job: &JobName) -> String {
        match self {
            Self::Pages => format!("/jobs/{job}"),
            Self::Anchors => format!("#job-{job}"),
        }
    }

    pub(super) fn source(self, source: &SourceName) -> String {
        match self {
            Self::Pages => format!("/sources/{source}"),
            Self::Anchors => format!("#source-{source}"),
        }
    }

    pub(super) fn stream(self, source: &SourceName, stream: &StreamName) -> String {
        match self {
            Self::Pages => format!("/streams/{source}/{stream}"),
            Self::Anchors => format!("#{}", stream_id(source, stream)),
        }
    }
}

/// The `id` of a stream's section in the report.
pub(super) fn stream_id(source: &SourceName, stream: &StreamName) -> String {
    format!("stream-{source}-{stream}")
}
