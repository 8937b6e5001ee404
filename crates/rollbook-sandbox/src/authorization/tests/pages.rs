//! The consent page, the metadata, and the description of the sandbox.

use super::{Setup, VENDORS, redirect_params};

#[tokio::test]
async fn the_consent_page_offers_a_choice() {
    let setup = Setup::with("wisenet", &[("auth.consent", "page")]).await;
    let page = setup.open(&[("state", "<&\">")]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("value=\"&lt;&amp;&quot;&gt;\""),
        "{}",
        page.body
    );
    for (button, member) in [("give", "code"), ("deny", "error")] {
        let chosen = redirect_params(&setup.open(&[("sandbox_consent", button)]).await);
        assert!(chosen.contains_key(member), "{button}: {chosen:?}");
        assert_eq!(chosen["state"], "state-1");
    }
}

#[tokio::test]
async fn the_metadata_list_all_endpoints() {
    for (vendor, members) in [
        ("wisenet", vec![]),
        ("webuntis", vec!["jwks_uri", "subject_types_supported"]),
    ] {
        let setup = Setup::with(vendor, &[]).await;
        let url = setup.login.metadata_url.as_deref().unwrap();
        let reply = setup
            .harness
            .send(setup.harness.client.get(url))
            .await
            .unwrap();
        let document = reply.json();
        assert_eq!(document["issuer"], setup.login.issuer.as_str());
        assert_eq!(document["token_endpoint"], setup.login.token_url.as_str());
        assert_eq!(
            document["authorization_endpoint"],
            setup.login.authorize_url.as_str()
        );
        assert_eq!(document["code_challenge_methods_supported"][0], "S256");
        assert_eq!(document["response_types_supported"][0], "code");
        assert!(document.get("revocation_endpoint").is_none());
        for member in members {
            assert!(document.get(member).is_some(), "{vendor} {member}");
        }
    }
    let wapi = Setup::with("wapi", &[]).await;
    assert_eq!(wapi.login.metadata_url, None);
}

#[tokio::test]
async fn the_description_contains_what_a_login_needs() {
    let setup = Setup::with("wapi", &[]).await;
    let described = setup.harness.sandbox.describe();
    assert_eq!(described.logins.keys().collect::<Vec<_>>(), {
        let mut vendors = VENDORS.to_vec();
        vendors.sort_unstable();
        vendors
    });
    for (vendor, login) in described.logins {
        let endpoint = setup.harness.sandbox.endpoint(&vendor).unwrap();
        assert!(
            login.authorize_url.starts_with(&endpoint.origin),
            "{vendor}"
        );
        assert!(endpoint.secrets.contains_key(&login.client_secret));
        assert_eq!(login.client_id, "rollbook");
    }
    assert!(
        setup
            .harness
            .sandbox
            .endpoint("oneroster")
            .unwrap()
            .login
            .is_none()
    );
}

#[tokio::test]
async fn another_redirect_url_can_be_registered() {
    let url = "http://127.0.0.1:5/here";
    let setup = Setup::with("wisenet", &[("auth.redirect_urls", url)]).await;
    assert_eq!(setup.login.redirect_url, url);
    assert!(setup.consent(&[]).await.contains_key("code"));
    let server = &setup.control().authorization;
    server.set("redirect_urls", "http://[::1]:6/there").unwrap();
    assert_eq!(setup.open(&[]).await.status, 400);
    let there = [("redirect_uri", "http://[::1]:6/there")];
    assert!(setup.consent(&there).await.contains_key("code"));
}

#[tokio::test]
async fn other_methods_and_addresses_are_refused() {
    // vendor, method, path, status
    for (vendor, method, path, status) in [
        ("wisenet", "POST", "/api/oauth/authorize", 405),
        ("wisenet", "GET", "/api/oauth/token", 405),
        ("wisenet", "POST", "/api/oauth/revoke", 404),
        ("wisenet", "GET", "/api/elsewhere", 404),
        ("wapi", "POST", "/OAuth/revoke", 405),
        ("webuntis", "POST", "/WebUntis/api/sso/v3/4711/revoke", 404),
        ("webuntis", "GET", "/WebUntis/api/sso/v3/1/authorize", 404),
        (
            "webuntis",
            "GET",
            "/WebUntis/api/sso/v2/4711/authorize",
            404,
        ),
    ] {
        let setup = Setup::with(vendor, &[]).await;
        let method = method.parse::<reqwest::Method>().unwrap();
        let request = setup
            .harness
            .client
            .request(method, setup.harness.url(path));
        let reply = setup.harness.send(request.body("")).await.unwrap();
        assert_eq!(reply.status, status, "{vendor} {path}");
    }
}
