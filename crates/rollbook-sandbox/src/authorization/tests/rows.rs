//! The expected effect of each switch on the wire; `switches.rs` checks it.

use super::Changes;

/// Vendor, switches, and a text that appears with them; a leading `!` marks a text that disappears.
pub(super) const ROWS: &[(&str, Changes<'_>, &str)] = &[
    (
        "wisenet",
        &[("auth.consent", "deny")],
        "error=access_denied",
    ),
    (
        "wisenet",
        &[("auth.consent", "page")],
        "back 200    <!DOCTYPE html>",
    ),
    (
        "wapi",
        &[("auth.authorize_error", "temporarily_unavailable")],
        "error=temporarily_unavailable",
    ),
    ("wapi", &[("auth.code", "dropped")], "!?code="),
    (
        "wapi",
        &[("auth.state", "wrong")],
        "state=of-another-attempt",
    ),
    ("wapi", &[("auth.state", "dropped")], "!state=state-1"),
    (
        "wisenet",
        &[("auth.iss", "right")],
        "iss_parameter_supported\":true",
    ),
    (
        "wapi",
        &[("auth.iss", "right")],
        "iss=http%3A%2F%2F127.0.0.1",
    ),
    (
        "wapi",
        &[("auth.iss", "wrong")],
        "iss=https%3A%2F%2Fanother.example",
    ),
    (
        "wisenet",
        &[("auth.iss", "missing")],
        "iss_parameter_supported\":true",
    ),
    ("wapi", &[("auth.code_seconds", "20")], "answer 400"),
    ("wapi", &[("auth.odd_codes", "on")], "odd true"),
    (
        "wapi",
        &[("auth.pkce", "required")],
        "code_challenge+is+missing",
    ),
    (
        "wisenet",
        &[("auth.pkce", "optional")],
        "!code_challenge+is+missing",
    ),
    ("wisenet", &[("auth.pkce", "ignored")], "!S256"),
    (
        "wapi",
        &[("auth.redirect_urls", "http://localhost/y")],
        "location 302",
    ),
    (
        "wisenet",
        &[("auth.withhold", "unit_read,combo_read")],
        "\"scope\":\"learner_read course_read course_offer_read",
    ),
    (
        "wapi",
        &[("auth.client_auth", "basic")],
        "answer 400    {\"error\":\"invalid_client\"",
    ),
    (
        "wisenet",
        &[("auth.client_auth", "either")],
        "basic 400    {\"error\":\"invalid_grant\"",
    ),
    (
        "wisenet",
        &[("auth.token_body", "json")],
        "json 400    {\"error\":\"invalid_grant\"",
    ),
    ("wisenet", &[("auth.rotation", "none")], "refresh.again 200"),
    ("wisenet", &[("auth.rotation", "keep")], "kept true"),
    ("wisenet", &[("auth.rotation", "detect_reuse")], "reads 401"),
    (
        "wisenet",
        &[("auth.grace_seconds", "5")],
        "refresh.again 200",
    ),
    ("wapi", &[("auth.refresh_token", "never")], "refresh.1 400"),
    (
        "webuntis",
        &[("auth.refresh_token", "always")],
        "refresh.1 200",
    ),
    ("wapi", &[("auth.refresh_seconds", "30")], "refresh.1 400"),
    ("wapi", &[("auth.refresh_lost", "1")], "refresh.1 lost"),
    (
        "wapi",
        &[("auth.token_response", "html")],
        "answer 200    <!DOCTYPE html>",
    ),
    (
        "wapi",
        &[("auth.token_response", "internal_error")],
        "answer 500",
    ),
    (
        "wapi",
        &[("auth.token_response", "bad_gateway")],
        "answer 502    <html>",
    ),
    (
        "wapi",
        &[("auth.token_response", "unavailable")],
        "answer 503    \n",
    ),
    (
        "wapi",
        &[("auth.token_response", "too_many")],
        "answer 429  1",
    ),
    (
        "wapi",
        &[("auth.token_response", "empty")],
        "answer 200    \n",
    ),
    (
        "wapi",
        &[("auth.token_response", "invalid_json")],
        "answer 200    access_token=",
    ),
    (
        "wapi",
        &[("auth.token_response", "truncated")],
        "answer 200    {\"access_token\":\"cut",
    ),
    (
        "wapi",
        &[("auth.token_response", "list")],
        "answer 200    [\"access_token\"",
    ),
    (
        "wapi",
        &[("auth.token_response", "no_token")],
        "answer 200    {\"expires_in\":3600",
    ),
    (
        "wapi",
        &[("auth.token_response", "huge")],
        "answer 200   HUGE",
    ),
    (
        "wapi",
        &[("auth.token_response", "redirected")],
        "answer 307 http://localhost",
    ),
    (
        "wisenet",
        &[("auth.token_error", "invalid_client")],
        "answer 401",
    ),
    (
        "wapi",
        &[("auth.token_error", "mfa_required")],
        "answer 400    {\"error\":\"mfa_required\"",
    ),
    (
        "wapi",
        &[
            ("auth.token_error", "invalid_grant"),
            ("auth.token_error_status", "403"),
        ],
        "answer 403",
    ),
    (
        "wapi",
        &[
            ("auth.token_error", "slow_down"),
            ("auth.fault_requests", "1"),
        ],
        "refresh.1 400    {\"error\":\"invalid_grant\"",
    ),
    (
        "wapi",
        &[("auth.expires_in", "text")],
        "\"expires_in\":\"3600\"",
    ),
    (
        "wapi",
        &[("auth.expires_in", "float")],
        "\"expires_in\":3600.5",
    ),
    ("wapi", &[("auth.expires_in", "missing")], "!expires_in"),
    ("wapi", &[("auth.expires_in", "null")], "!expires_in"),
    ("wapi", &[("auth.expires_in", "zero")], "\"expires_in\":0"),
    (
        "wapi",
        &[("auth.expires_in", "negative")],
        "\"expires_in\":-1",
    ),
    (
        "wapi",
        &[("auth.expires_in", "huge")],
        "\"expires_in\":1000000000000",
    ),
    (
        "wapi",
        &[("auth.expires_in", "word")],
        "\"expires_in\":\"soon\"",
    ),
    ("wapi", &[("auth.token_type", "missing")], "!token_type"),
    (
        "wapi",
        &[("auth.token_type", "odd_case")],
        "\"token_type\":\"bEARER\"",
    ),
    (
        "wapi",
        &[("auth.token_type", "other")],
        "\"token_type\":\"mac\"",
    ),
    ("wapi", &[("auth.scope", "missing")], "!\"scope\":"),
    ("wapi", &[("auth.scope", "list")], "\"scope\":[\"https://"),
    (
        "wisenet",
        &[("auth.scope", "commas")],
        "\"scope\":\"learner_read,course_read",
    ),
    ("webuntis", &[("auth.id_token", "missing")], "id absent"),
    (
        "webuntis",
        &[("auth.id_token", "wrong_issuer")],
        "\"iss\":\"https://another.example\"",
    ),
    (
        "webuntis",
        &[("auth.id_token", "wrong_audience")],
        "\"aud\":\"another-app\"",
    ),
    (
        "webuntis",
        &[("auth.id_token", "wrong_party")],
        "\"aud\":[\"rollbook\",\"another-app\"],\"azp\":\"another-app\"",
    ),
    (
        "webuntis",
        &[("auth.id_token", "wrong_nonce")],
        "\"nonce\":\"of-another-attempt\"",
    ),
    ("webuntis", &[("auth.id_token", "no_nonce")], "!\"nonce\""),
    (
        "webuntis",
        &[("auth.id_token", "expired")],
        "\"exp\":\"false\"",
    ),
    (
        "webuntis",
        &[("auth.id_token", "not_yet")],
        "\"iat\":\"true\"",
    ),
    ("webuntis", &[("auth.id_token", "no_subject")], "!\"sub\":"),
    (
        "webuntis",
        &[("auth.id_token", "unsigned")],
        "id {\"alg\":\"none\"}",
    ),
    ("webuntis", &[("auth.id_token", "garbled")], "id no claims"),
    (
        "webuntis",
        &[("auth.id_token_alg", "hs256")],
        "id {\"alg\":\"HS256\"",
    ),
    ("wisenet", &[("auth.discovery", "missing")], "metadata 404"),
    (
        "wisenet",
        &[("auth.discovery", "redirected")],
        "metadata 307 http://localhost",
    ),
    (
        "wisenet",
        &[("auth.discovery", "html")],
        "metadata 200    <!DOCTYPE",
    ),
    (
        "wisenet",
        &[("auth.discovery", "invalid_json")],
        "!token_endpoint_auth_methods",
    ),
    (
        "wisenet",
        &[("auth.discovery", "huge")],
        "metadata 200   HUGE",
    ),
    (
        "wisenet",
        &[("auth.discovery", "foreign_token")],
        "\"token_endpoint\":\"http://localhost",
    ),
    (
        "wisenet",
        &[("auth.discovery", "foreign_authorize")],
        "\"authorization_endpoint\":\"http://localhost",
    ),
    (
        "wisenet",
        &[("auth.discovery", "plain_http")],
        "\"token_endpoint\":\"http://auth.example/",
    ),
    (
        "wisenet",
        &[("auth.discovery", "no_token")],
        "!\"token_endpoint\":",
    ),
    (
        "wisenet",
        &[("auth.discovery", "plain_pkce")],
        "\"code_challenge_methods_supported\":[\"plain\"]",
    ),
    (
        "wisenet",
        &[("auth.discovery", "no_pkce")],
        "!code_challenge_methods",
    ),
    (
        "wisenet",
        &[("auth.discovery_issuer", "slash")],
        "\"issuer\":\"ORIGIN/api/\"",
    ),
    (
        "webuntis",
        &[("auth.discovery_issuer", "letter_case")],
        "\"issuer\":\"ORIGIN/WebUntis/Api/",
    ),
    (
        "wisenet",
        &[("auth.discovery_issuer", "host")],
        "\"issuer\":\"http://localhost",
    ),
    (
        "wisenet",
        &[("auth.discovery_issuer", "missing")],
        "!\"issuer\":",
    ),
    (
        "wisenet",
        &[("auth.revocation", "on")],
        "revoke 400    {\"error\"",
    ),
];
