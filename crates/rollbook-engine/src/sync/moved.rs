//! Which of the items that a list is read for may have other rows than when they were read last. Pure.
//!
//! A vendor that states when an item moved is asked for the items that did, and now and then for all: then what it removed
//! together with its item is found, and what it changed without a word.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::items::Item;
use rollbook_core::model::scalar;
use rollbook_core::store::checkpoints::Checkpoint;

/// The items to ask for; `None` when all are due: they were never read together, or not within `every`.
pub(super) fn moved(
    items: &[Item],
    known: &BTreeMap<String, Checkpoint>,
    last_full: Option<Timestamp>,
    every: SignedDuration,
    now: Timestamp,
) -> Option<Vec<Item>> {
    let is_told = |item: &Item| {
        item.same
            .as_deref()
            .is_some_and(|same| !same.trim().is_empty())
    };
    let last_full = last_full?;
    let is_recent = last_full <= now && now < scalar::saturating_add(last_full, every);
    if !is_recent || !items.iter().any(is_told) {
        return None;
    }
    let is_as_known = |item: &&Item| {
        let before = known
            .get(&item.name)
            .and_then(|before| before.same.as_ref());
        item.same.is_some() && before == item.same.as_ref()
    };
    let moved = items.iter().filter(|item| !is_as_known(item));
    Some(moved.cloned().collect())
}

/// What is remembered of the items that were read.
pub(super) fn remembered(
    items: &[Item],
    read: &[Vec<String>],
    account: i64,
    now: Timestamp,
) -> Vec<(String, Checkpoint)> {
    let read: HashSet<&Vec<String>> = read.iter().collect();
    let was_read = |item: &&Item| item.same.is_some() && read.contains(&item.partition);
    let checkpoint = |item: &Item| Checkpoint {
        same: item.same.clone(),
        full_at: Some(now),
        account,
        ..Checkpoint::default()
    };
    let items = items.iter().filter(was_read);
    items
        .map(|item| (item.name.clone(), checkpoint(item)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(hour: i8) -> Timestamp {
        format!("2026-03-02T{hour:02}:00:00Z")
            .parse()
            .expect("a time")
    }

    fn item(name: &str, same: Option<&str>) -> Item {
        Item {
            name: name.to_owned(),
            partition: vec![name.to_owned()],
            same: same.map(str::to_owned),
            ..Item::default()
        }
    }

    #[test]
    fn items_are_asked_for_when_they_moved_or_say_nothing() {
        let known: BTreeMap<String, Checkpoint> = remembered(
            &[
                item("a", Some("1")),
                item("b", Some("1")),
                item("e", Some(" ")),
            ],
            &[vec!["a".into()], vec!["b".into()], vec!["e".into()]],
            0,
            time(5),
        )
        .into_iter()
        .collect();
        let items = [
            item("a", Some("1")),
            item("b", Some("2")),
            item("c", Some("1")),
            item("d", None),
            item("e", Some(" ")),
        ];
        let day = SignedDuration::from_hours(24);
        let names = |last_full, every| {
            let moved = moved(&items, &known, last_full, every, time(6))?;
            Some(moved.into_iter().map(|item| item.name).collect::<String>())
        };
        for (what, last_full, every, expected) in [
            (
                "moved, new, and nothing to go by; empty values are those of before",
                Some(time(5)),
                day,
                Some("bcd"),
            ),
            ("never read in full", None, day, None),
            (
                "due again",
                Some(time(5)),
                SignedDuration::from_hours(1),
                None,
            ),
            ("a clock that was set back", Some(time(7)), day, None),
        ] {
            assert_eq!(names(last_full, every).as_deref(), expected, "{what}");
        }
        let silent = [item("a", None), item("b", Some(""))];
        assert_eq!(
            moved(&silent, &known, Some(time(5)), day, time(6)),
            None,
            "nothing to go by"
        );
    }

    #[test]
    fn only_what_was_read_is_remembered() {
        let items = [item("a", Some("1")), item("b", Some("1")), item("c", None)];
        let read = [vec!["a".to_owned()], vec!["c".to_owned()]];
        let names: Vec<String> = remembered(&items, &read, 3, time(6))
            .into_iter()
            .map(|(name, checkpoint)| {
                format!("{name} {} {:?}", checkpoint.account, checkpoint.same)
            })
            .collect();
        assert_eq!(names, ["a 3 Some(\"1\")"]);
    }
}
