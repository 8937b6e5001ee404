//! Whether a source still reads the account that the rows of the mirror were read from.
//!
//! Pure. The address is in the configuration; name and keys are read from the vendor if the connector names their
//! stream. Checkpoints belong to an account and are never used for another one.

use std::collections::BTreeSet;

use super::guard::Hold;

/// An account at a vendor, as it is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Grows when another account replaces this one at the source. Checkpoints carry it.
    pub generation: i64,
    /// Address, tenant and client as the configuration gives them, one a line. Never a secret.
    pub address: String,
    /// The name that the vendor gives it.
    pub name: Option<String>,
    /// The keys by which the vendor knows it: of schools or organisations, never of a person.
    pub keys: BTreeSet<String>,
}

impl Account {
    /// Identifies it also before its first rows are written.
    pub fn key(&self) -> String {
        format!("{}\n{}", self.generation, self.address)
    }
}

/// What is known of a run's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCheck {
    /// The account that this run reads; written down with its first rows.
    pub account: Account,
    /// Set when the mirror holds rows of another one.
    pub hold: Option<Hold>,
}

/// Compares the account that a run reads with the one that the mirror knows; `has_rows` is whether the
/// source has any row.
pub fn compare(known: Option<Account>, now: Account, has_rows: bool) -> AccountCheck {
    let Some(known) = known else {
        return AccountCheck {
            account: now,
            hold: None,
        };
    };
    let other_keys =
        !now.keys.is_empty() && !known.keys.is_empty() && now.keys.is_disjoint(&known.keys);
    if now.address == known.address && !other_keys {
        let keys = match now.keys.is_empty() {
            true => known.keys,
            false => now.keys,
        };
        let account = Account {
            generation: known.generation,
            name: now.name.or(known.name),
            keys,
            ..now
        };
        return AccountCheck {
            account,
            hold: None,
        };
    }
    let hold = has_rows.then(|| Hold::Account {
        now: display_name(&now),
        before: display_name(&known),
    });
    let account = Account {
        generation: known.generation + 1,
        ..now
    };
    AccountCheck { account, hold }
}

/// In one line, for messages.
fn display_name(account: &Account) -> String {
    let address = account.address.lines().collect::<Vec<_>>().join(", ");
    match &account.name {
        Some(name) => format!("{name} ({address})"),
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(generation: i64, address: &str, name: &str, keys: &[&str]) -> Account {
        Account {
            generation,
            address: address.to_owned(),
            name: (!name.is_empty()).then(|| name.to_owned()),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn accounts_are_compared() {
        let south = || account(3, "https://a\ntenant 1", "South", &["s1", "s2"]);
        let no_answer = account(0, "https://a\ntenant 1", "", &[]);
        for (name, known, now, has_rows, generation, held) in [
            (
                "the first run",
                None,
                account(0, "https://a", "South", &["s1"]),
                true,
                0,
                false,
            ),
            (
                "the same",
                Some(south()),
                account(0, "https://a\ntenant 1", "South", &["s1", "s2"]),
                true,
                3,
                false,
            ),
            (
                "renamed, one organisation more",
                Some(south()),
                account(0, "https://a\ntenant 1", "New South", &["s2", "s9"]),
                true,
                3,
                false,
            ),
            (
                "the vendor does not say",
                Some(south()),
                no_answer,
                true,
                3,
                false,
            ),
            (
                "the same address, another school",
                Some(south()),
                account(0, "https://a\ntenant 1", "North", &["n1"]),
                true,
                4,
                true,
            ),
            (
                "another tenant",
                Some(south()),
                account(0, "https://a\ntenant 2", "South", &["s1"]),
                true,
                4,
                true,
            ),
            (
                "another tenant, nothing mirrored yet",
                Some(south()),
                account(0, "https://a\ntenant 2", "", &[]),
                false,
                4,
                false,
            ),
        ] {
            let check = compare(known, now, has_rows);
            assert_eq!(check.account.generation, generation, "{name}");
            assert_eq!(check.hold.is_some(), held, "{name}");
        }
    }

    #[test]
    fn the_hold_names_both() {
        let known = account(0, "https://a\ntenant 1", "South", &["s1"]);
        let now = account(0, "https://a\ntenant 2", "North", &["n1"]);
        let hold = compare(Some(known), now, true).hold.expect("a hold");
        assert_eq!(
            hold.to_string(),
            "the source now reads the account of North (https://a, tenant 2); the mirror holds rows of South (https://a, tenant 1)"
        );
    }

    #[test]
    fn keys_and_name_stay_when_the_vendor_does_not_say() {
        let known = account(0, "https://a", "South", &["s1"]);
        let check = compare(Some(known.clone()), account(0, "https://a", "", &[]), true);
        assert_eq!(check.account, known);
    }
}
