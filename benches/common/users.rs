//! Sources of OneRoster users, with a job each.

use crate::folder::Folder;

/// How the roster is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The base address: always the same, so that the same mirror reads another list.
    pub base_url: &'a str,
    /// Path of the list of users, below that.
    pub path: &'a str,
    /// The token endpoint.
    pub token_url: &'a str,
    /// Rows per page.
    pub page: usize,
    /// Concurrent requests.
    pub in_flight: usize,
}

impl Reading<'_> {
    /// Writes the connector, and this many sources.
    pub fn describe(&self, folder: &Folder, sources: usize) {
        let Self {
            base_url,
            path,
            token_url,
            page,
            in_flight,
        } = self;
        folder.connector(&format!(
            "extends = \"oneroster\"\n\
             [limits]\nin_flight = {in_flight}\nper_second = 1000\n\
             [streams.users]\npath = \"{path}\"\n[streams.users.page]\nsize = {page}\n"
        ));
        let settings = format!("base_url = \"{base_url}\"\ntoken_url = \"{token_url}\"\n");
        folder.sources(sources, &settings, "users");
    }
}
