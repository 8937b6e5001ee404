//! Whether this mirror publishes a source, and taking the source with a new claim.

use super::ownership::{Ownership, is_elsewhere, ownership};
use super::pass::PublishPass;
use super::pass_error::PassError;
use rollbook_core::store::published::{self, PublishedSource, PublishedStream};
use rollbook_core::store::queries::Reader;
use rollbook_postgres::postgres::fence::{self, Fence, NewClaim};
use rollbook_postgres::postgres::random::new_claim;

impl PublishPass<'_> {
    /// Makes sure that this mirror publishes the source, and that the database has what was left there.
    pub(super) async fn find_ownership(&mut self) -> Result<(), PassError> {
        let mut known = published::source(&*self.app.store().reader()?, self.name, self.source)?;
        if known.as_ref().is_some_and(|known| known.removal) {
            let (name, source) = (self.name.clone(), self.source.clone());
            let withdraw = move |connection: &mut Reader| {
                published::withdraw_removal(connection, &name, &source)?;
                published::source(connection, &name, &source)
            };
            known = self.app.store().write(withdraw).await?;
        }
        let found = fence::find(self.session, &self.target.schema, self.source.as_str()).await?;
        let ownership = ownership(known.as_ref(), found.as_ref());
        self.state = known.unwrap_or_default();
        self.check_place(&self.state, found.as_ref())?;
        self.state.place.clone_from(&self.target.place);
        match (ownership, found) {
            // All its tables are other ones.
            (Ownership::Same, Some(found)) if found.connector != self.connector()?.as_str() => {
                self.take(Some(found)).await?;
            }
            (Ownership::Same, _) => {}
            (Ownership::Committed, Some(found)) => {
                (self.state.revision, self.state.run) = (found.revision, found.run);
                (self.state.next_revision, self.state.next_run) = (None, None);
                self.save().await?;
            }
            (Ownership::Taken, Some(found)) => {
                // A restored mirror may have taken it with a run that it does not have any more.
                let run = self.newest_complete()?;
                self.has_taken(found.claim, run).await?;
            }
            (Ownership::Foreign, Some(found)) => {
                let why = format!(
                    "another mirror publishes this source: that of {}, last at {} UTC; if that one is gone, \
                     `rollbook publish rebuild {} {}` lets this one take its place",
                    found.host, found.published, self.name, self.source
                );
                return Err(PassError::Claimed {
                    by: found.host,
                    why,
                });
            }
            (_, found) => self.take(found).await?,
        }
        let reader = self.app.store().reader()?;
        self.streams = published::streams(&reader, self.name, self.source)?;
        Ok(())
    }

    /// What was published under another address or schema would stay there, and with it people who are erased.
    pub(super) fn check_place(
        &self,
        known: &PublishedSource,
        found: Option<&Fence>,
    ) -> Result<(), PassError> {
        if !is_elsewhere(known, found, &self.target.place) {
            return Ok(());
        }
        Err(PassError::Refused(format!(
            "`url` or `schema` of [publish.{name}] is another one than before, and nothing of the source is there. What was \
             published before stays where it is: put the former ones back and remove it, or let the mirror forget it: \
             `rollbook publish forget {name} {source}`",
            name = self.name,
            source = self.source
        )))
    }

    fn newest_complete(&self) -> Result<i64, PassError> {
        let reader = self.app.store().reader()?;
        Ok(published::complete_through(&reader, self.source, 0)?)
    }

    /// Takes the source with a new claim. What is sent is known here before it is sent.
    async fn take(&mut self, found: Option<Fence>) -> Result<(), PassError> {
        if let Some(found) = &found {
            tracing::info!(
                publish = %self.name, source = %self.source,
                "the published tables are not as they were left (revision {}, {} is known): comparing all of them",
                found.revision, self.state.revision
            );
        }
        let run = self.newest_complete()?;
        let claim = new_claim()?;
        let unknown = self.state.next_claim.replace(claim.clone());
        self.state.former.extend(unknown);
        self.save().await?;
        let new = NewClaim {
            source: self.source.as_str(),
            connector: self.connector()?.as_str(),
            claim: &claim,
            run,
            host: &host(),
        };
        let is_taken = fence::take(self.session, &self.target.schema, new, found.as_ref()).await?;
        if !is_taken {
            return Err(PassError::Overtaken);
        }
        self.has_taken(claim, run).await
    }

    /// The claim is there: everything is laid out and compared.
    async fn has_taken(&mut self, claim: String, run: i64) -> Result<(), PassError> {
        let former = std::mem::replace(&mut self.state.claim, claim);
        self.state
            .former
            .extend(Some(former).filter(|claim| !claim.is_empty()));
        (self.state.revision, self.state.run) = (fence::FIRST_REVISION, run);
        self.state.seen = 0;
        self.state.next_claim = None;
        (self.state.next_revision, self.state.next_run) = (None, None);
        self.state.rebuild = false;
        let (name, source, state) = (self.name.clone(), self.source.clone(), self.state.clone());
        let save = move |connection: &mut Reader| {
            for (stream, known) in published::streams(connection, &name, &source)? {
                let open = PublishedStream {
                    // People may be back.
                    erased: 0,
                    ..known.opened()
                };
                published::save_stream(connection, &name, (&source, &stream), &open)?;
            }
            published::save_source(connection, &name, &source, &state)?;
            published::note_taken(connection, &name, &source)
        };
        Ok(self.app.store().write(save).await?)
    }
}

fn host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
