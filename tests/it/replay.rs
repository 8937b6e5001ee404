//! A vendor whose answers a closure gives, with a log of what was sent to it, headers too.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::{HttpResponse, Port, Request, Served, read_request};

/// The vendor, up until it is dropped.
pub struct Replay {
    origin: String,
    log: Arc<Mutex<Vec<Request>>>,
    _served: Served,
}

impl Replay {
    /// Serves what `answer` gives; it gets the origin, for links.
    pub fn start(answer: impl Fn(&Request, &str) -> HttpResponse + Send + Sync + 'static) -> Self {
        let port = Port::open();
        let (origin, log) = (port.origin(), Arc::new(Mutex::new(Vec::new())));
        let (base, ours) = (origin.clone(), Arc::clone(&log));
        let served = port.serve(move |stream| serve(stream, &base, &ours, &answer));
        Self {
            origin,
            log,
            _served: served,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The requests since the log was read.
    pub fn log(&self) -> Vec<Request> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(
    stream: TcpStream,
    origin: &str,
    log: &Mutex<Vec<Request>>,
    answer: &impl Fn(&Request, &str) -> HttpResponse,
) {
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let mut response = answer(&request, origin);
        let json = ("content-type".to_owned(), "application/json".to_owned());
        response.headers.push(json);
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        if writer.write_all(&response.wire()).is_err() {
            return;
        }
    }
}
