//! `rollbook why STREAM --where COLUMN=VALUE`.

use crate::installation::{Config, Installation};
use crate::people::users;
use crate::queries::{change, one};
use crate::server::{Paging, Server};

#[test]
fn a_row_is_found_by_its_columns_now_and_in_the_past() {
    let server = Server::of_users(Paging::TotalInHeader, users(12));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    let mirror = installation.mirror();
    change(
        &mirror,
        "UPDATE own_users SET family_name = 'Moser', given_name = 'Anna' WHERE rowid = 3",
    );
    change(
        &mirror,
        "UPDATE own_users SET family_name = 'Moser', given_name = 'Ben' WHERE rowid = 4",
    );
    let key: String = one(&mirror, "SELECT sourced_id FROM own_users WHERE rowid = 3");
    let other: String = one(&mirror, "SELECT sourced_id FROM own_users WHERE rowid = 4");
    let why = |arguments: &[&str]| installation.run(&[&["why", "own_users"], arguments].concat());

    let found = why(&[
        "--where",
        "given_name=anna",
        "--where",
        "family_name = Moser",
    ]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(
        found.out.contains(&format!("sourced_id = {key}:")) && found.out.contains("added"),
        "{found:?}"
    );
    let several = why(&["--where", "family_name=Moser"]);
    assert_eq!(several.code, Some(1), "{several:?}");
    assert!(
        several.err.contains(
            "there are 2 rows of own_users with family_name = Moser, now or in the history"
        ),
        "{several:?}"
    );
    assert!(
        several.err.contains(&key) && several.err.contains(&other),
        "{several:?}"
    );
    let none = why(&["--where", "given_name=Zoe"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(
        none.err.contains("there is no row of own_users with given_name = Zoe, neither in the mirror nor in its history"),
        "{none:?}"
    );
    let never = why(&["no-such-key"]);
    assert_eq!(never.code, Some(1), "{never:?}");
    assert!(
        never.out.contains("There is no row of own_users"),
        "{never:?}"
    );
    for (condition, message) in [
        (
            "given_nam=Anna",
            "own_users has no column `given_nam`; did you mean `given_name`?",
        ),
        ("Anna", "`Anna` is no condition; write COLUMN=VALUE"),
    ] {
        let wrong = why(&["--where", condition]);
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        assert!(wrong.err.contains(message), "{wrong:?}");
    }
}
