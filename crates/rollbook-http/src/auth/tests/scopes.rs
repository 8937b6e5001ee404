//! What a source asks for and is not granted is known before its first page.

use super::vendor::{Vendor, open, token};
use super::*;

#[tokio::test]
async fn a_missing_scope_is_known_by_rows() {
    for (answer, expected) in [
        ("", &[][..]),
        (r#","scope":"""#, &[]),
        (r#","scope":"a_read b_read""#, &[]),
        (r#","scope":"b_read a_read more""#, &[]),
        (r#","scope":["a_read","b_read"]"#, &[]),
        (r#","scope":"a_read""#, &["b_read"]),
        (r#","scope":"A_READ""#, &["a_read", "b_read"]),
    ] {
        let clock = monday().clock();
        let vendor = Vendor::start(token(answer), open()).await;
        let spec = with(&vendor.spec(), |rules| {
            rules.scope = Some("a_read  b_read".into());
        });
        let session = vendor.session(Grant::ClientCredentials(spec), &clock);
        assert!(
            session.missing_scopes().await.is_empty(),
            "nothing is known yet"
        );
        page(&session, &clock).await.expect("a page");
        assert_eq!(session.missing_scopes().await, expected, "{answer}");
    }
}

#[tokio::test]
async fn what_a_sign_in_was_not_granted_is_kept_with_it() {
    let clock = monday().clock();
    let vendor = Vendor::start(token(r#","refresh_token":"r2""#), open()).await;
    let vault = Arc::new(MemoryVault::default());
    let mark = SignInMark::new(&vendor.spec(), clock.now());
    vault.with(|memory| {
        memory.kept = Some(KeptGrant {
            refresh_token: "r1".into(),
            previous: None,
            seed_hash: mark.to_string(),
            intent: None,
            api_key: None,
            access: None,
            obtained: clock.now(),
            scope: Some(vec!["a_read".into()]),
        });
    });
    let grant = Grant::SignedIn {
        spec: vendor.spec(),
        wanted: "openid offline_access a_read b_read".into(),
    };
    let manager = manager(grant, &vault, &clock);
    let session = session(rules(&vendor.server.uri()), Some(manager), &clock);
    page(&session, &clock).await.expect("a page");
    assert_eq!(session.missing_scopes().await, ["b_read"]);
    let kept = vault.with(|memory| memory.kept.clone().and_then(|kept| kept.scope));
    assert_eq!(
        kept,
        Some(vec!["a_read".to_owned()]),
        "an answer that says nothing changes nothing"
    );
}
