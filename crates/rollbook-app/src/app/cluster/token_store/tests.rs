//! What a row means; the statements are tested at a real server (`tests/it/cluster_tokens.rs`).

use super::*;
use rollbook_postgres::postgres::cluster::tokens::StoredIntent;

#[test]
fn what_the_stored_access_token_is_worth() {
    let seconds = Duration::from_secs;
    for (name, intent_age, is_resumed, token_age, life, intent_left, access_left) in [
        (
            "no intent: the chain wants another one",
            None,
            false,
            10,
            Some(3600),
            None,
            0,
        ),
        ("open", Some(10), false, 600, Some(3600), Some(80), 3000),
        ("over", Some(90), false, 600, Some(3600), Some(0), 3000),
        ("expired", Some(10), false, 3600, Some(3600), Some(80), 0),
        ("undeclared", Some(10), false, 100, None, Some(80), 500),
        (
            "resumed too early",
            Some(10),
            true,
            600,
            Some(3600),
            Some(80),
            3000,
        ),
        ("resumed", Some(100), true, 600, Some(3600), Some(0), 0),
    ] {
        let row = StoredTokens {
            generation: 3,
            intents: 5,
            is_resumed,
            intent: intent_age.map(|age| StoredIntent {
                claim: "a".to_owned(),
                age: seconds(age),
                token: Vec::new(),
            }),
            tokens: Some(SealedTokens {
                key_id: "k".to_owned(),
                sealed: Vec::new(),
                previous: None,
                age: seconds(token_age),
                life: life.map(seconds),
                scope: None,
            }),
        };
        let found = token_row(&row);
        let left = found.intent.map(|intent| intent.left);
        assert_eq!(left, intent_left.map(seconds), "{name}");
        assert_eq!(found.access_left, seconds(access_left), "{name}");
    }
}
