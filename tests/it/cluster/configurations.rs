//! A worker with another configuration waits and says so; a changed one, with one more source, rolls out.

use std::fs;

use super::district::{District, Plan};
use super::vendor::source;
use super::workers::Worker;
use crate::database::psql;

#[test]
fn a_worker_with_another_configuration_waits_until_it_is_everybody_s() {
    let plan = Plan {
        schools: 6,
        every: 3,
        ..Plan::default()
    };
    let Some(mut district) = District::new(plan) else {
        return;
    };
    let other = district.other_config();
    let added = source(5);
    let files = ["rollbook.toml".to_owned(), format!("jobs/{added}.toml")];
    let all = fs::read_to_string(other.join(&files[0])).expect("read");
    let (without, _) = all
        .split_once(&format!("[sources.{added}]"))
        .expect("the last one");
    district.installation.write("config/rollbook.toml", without);
    fs::remove_file(district.installation.path(&format!("config/{}", files[1]))).expect("removed");
    district.add_many(1);
    district.until("it has five", |district| {
        district.workers[0].folders().len() == 5
    });
    let url = district.database.url.clone();
    let waiting = Worker::new(&district.installation, 1, &url).with_config(other.clone());
    district.workers.push(waiting);
    district.start(1);
    district.until("it waits", |district| {
        let sql = "SELECT count(*) = 1 FROM rollbook_cluster.workers WHERE waits <> '' AND until > clock_timestamp()";
        psql(&district.database.url, sql).is_ok_and(|rows| rows == [["t"]])
    });
    district.until("it says so", |district| {
        district.workers[1].log().contains("configuration")
    });
    assert!(
        district.workers[1].folders().is_empty(),
        "{}",
        district.told()
    );
    assert_eq!(district.workers[0].folders().len(), 5);

    // The first gets the files that differ.
    for name in files
        .into_iter()
        .chain([format!("jobs/{}.toml", source(0))])
    {
        let changed = fs::read_to_string(other.join(&name)).expect("read");
        district
            .installation
            .write(&format!("config/{name}"), &changed);
    }
    district.until("it waits no longer", |district| {
        !district.workers[1].folders().is_empty()
    });
    district.until_placed();
    district.assert_right("one configuration");
}
