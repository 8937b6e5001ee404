//! A page request with its URL, and the URL as it is sent.

use reqwest::Url;

use crate::http::access::Access;
use crate::http::budget::RunBudget;
use crate::http::page_request::PageRequest;
use crate::http::reply::Reply;
use crate::http::trailing_slash;

/// A page request with its URL and budget.
pub(super) struct PreparedRequest<'a> {
    /// Without keys, which are in no message.
    pub address: Url,
    pub page: &'a PageRequest,
    pub budget: &'a RunBudget,
}

impl PreparedRequest<'_> {
    /// The address with the keys that it carries.
    pub fn sent_address(&self, access: Option<&Access>) -> Url {
        let mut address = self.address.clone();
        if let Some(access) = access {
            access.put_into(&mut address);
        }
        address
    }

    /// The address that a response redirects to, if only a slash differs.
    pub fn redirected_to(&self, access: Option<&Access>, reply: &Reply) -> Option<Url> {
        let location = reply.headers.get("location");
        let sent = self.sent_address(access);
        let path = trailing_slash::path_of_redirect(&sent, reply.status, location)?;
        let mut address = self.address.clone();
        address.set_path(&path);
        Some(address)
    }
}
