//! The token manager and its session against real sockets on loopback, with the fixtures of `http/tests`.

mod adoption;
mod changed_secrets;
mod further_kinds;
mod issuers;
mod passwords;
mod refusals;
mod revocation;
mod rotating;
mod rotation;
mod scopes;
mod token_requests;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::*;
use crate::http::tests::*;
use crate::http::*;
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{ClientAuth, KeptAccess, KeptGrant, TokenBody, named};
