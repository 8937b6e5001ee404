//! What a service bears: secrets that are not there, a stop at a bad moment, a journal that nobody reads.

use std::fs;

use crate::look;
use crate::service::{Service, hurry, school};

#[test]
fn a_missing_secret_is_recorded_and_tried_again_when_it_is_there() {
    let (server, place) = school();
    hurry(&place);
    fs::remove_file(place.path("config/secret")).expect("removed");
    let mut service = Service::start(place, &[]);
    let told = service.hear("STATUS=next tick roster at ");
    let told = match told.contains("last roster") {
        true => told,
        false => service.hear("STATUS=next tick roster at "),
    };
    assert!(told.contains("last roster parked at "), "{told}");
    let sentence: String = look::one(
        &service.place.mirror(),
        "SELECT sentence FROM rollbook_runs WHERE outcome = 'parked' ORDER BY run LIMIT 1",
    );
    assert!(
        sentence.contains("secret file `secret` is missing"),
        "{sentence}"
    );
    assert!(server.log().is_empty(), "nobody was asked");
    let log = service.running.log();
    assert!(
        log.contains("ERROR run ends") && log.contains("`secret` is missing"),
        "{log}"
    );

    service.place.secret("secret", crate::place::SECRET);
    service.shows("a good run", |status| {
        status["jobs"][0]["last"]["outcome"] == "ok"
    });
    let parked: Option<String> =
        look::one(&service.place.mirror(), "SELECT parked FROM rollbook_jobs");
    assert_eq!(parked, None);
    service.stop();
}
