//! The two files of a source, mirror and vault: what identifies their content, and how they are made from the database.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ClusterDatabase;
use super::error::ClusterError;
use rollbook_core::blocking::blocking;
use rollbook_core::model::SourceName;
use rollbook_core::store::pages::{PageHashes, PagesFile};
use rollbook_core::store::vault::vault_file;
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::pages::{self, SourceFile};

/// The names of the files in the database.
pub(super) const MIRROR: &str = "mirror";
pub(super) const VAULT: &str = "vault";

/// Pages that are asked for at once.
const PAGES: i64 = 256;

/// The pages of both files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileHashes {
    pub(super) mirror: PageHashes,
    pub(super) vault: PageHashes,
}

/// What the database says of the files of a source.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    mirror: FileContent,
    vault: FileContent,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileContent {
    pages: usize,
    hash: String,
}

impl FileContent {
    fn of(pages: &PageHashes) -> Self {
        Self {
            pages: pages.count(),
            hash: format!("{:016x}", pages.hash()),
        }
    }
}

impl FileHashes {
    /// Identifies the content, as it is stored beside the pages.
    pub fn content(&self) -> String {
        let content = Content {
            mirror: FileContent::of(&self.mirror),
            vault: FileContent::of(&self.vault),
        };
        serde_json::to_string(&content).unwrap_or_default()
    }
}

/// Makes the files of a source in a folder, where there are none yet. `content`: what they must be.
///
/// # Errors
/// When the database does not answer, has other pages than it says, or the disk does not take them.
pub async fn fill(
    database: &ClusterDatabase,
    source: &SourceName,
    mirror: &Path,
    content: &str,
) -> Result<FileHashes, ClusterError> {
    let session = database.bulk_session().await?;
    // One state of both files.
    session.begin_reading().await?;
    let vault = vault_file(rollbook_engine::setup::beside(mirror));
    let files = FileHashes {
        mirror: fill_file(database, &session, (source, MIRROR), mirror).await?,
        vault: fill_file(database, &session, (source, VAULT), &vault).await?,
    };
    session.commit().await?;
    database.keep(session);
    match files.content() == content {
        true => Ok(files),
        false => Err(ClusterError::Content),
    }
}

/// Makes one of the files, which is not there yet.
pub(super) async fn fill_file(
    database: &ClusterDatabase,
    session: &DatabaseSession,
    (source, name): (&SourceName, &'static str),
    path: &Path,
) -> Result<PageHashes, ClusterError> {
    let path = path.to_owned();
    let mut file = blocking(move || PagesFile::create(&path)).await?;
    let source_file = SourceFile {
        source: source.as_str(),
        file: name,
    };
    let mut after = 0;
    loop {
        let batch = pages::get(session, &database.schema, source_file, (after, PAGES)).await?;
        let Some(last) = batch.numbers.last() else {
            return Ok(blocking(move || file.finish()).await?);
        };
        after = *last;
        // The disk may be slow, and heartbeats must not wait for it.
        let append = move || {
            for (number, bytes) in batch.numbers.iter().zip(&batch.bytes) {
                if !file.append(*number, bytes)? {
                    return Err(ClusterError::Content);
                }
            }
            Ok(file)
        };
        file = blocking(append).await?;
    }
}

/// What `content` says with another vault in place of this one; `None` where it says something else of that.
pub(super) fn with_vault(content: &str, before: &PageHashes, now: &PageHashes) -> Option<String> {
    let mut content: Content = serde_json::from_str(content).ok()?;
    if content.vault != FileContent::of(before) {
        return None;
    }
    content.vault = FileContent::of(now);
    serde_json::to_string(&content).ok()
}
