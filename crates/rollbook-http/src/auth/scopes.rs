//! Requested scopes, and those that a token response grants (RFC 6749 3.3).

/// Splits a list of scopes that are separated by blanks.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The requested scopes that were not granted. A response without scopes grants all (RFC 6749 5.1).
/// `is_received` returns whether the token that a scope is for was received; few servers repeat such scopes.
pub(super) fn missing(
    requested: &[String],
    granted: Option<&[String]>,
    is_received: impl Fn(&str) -> bool,
) -> Vec<String> {
    // An empty list counts as none: a token without any scope would be useless.
    let Some(granted) = granted.filter(|granted| !granted.is_empty()) else {
        return Vec::new();
    };
    // A requested scope may contain a sign by which a response was split.
    let is_granted = |scope: &String| {
        let mut parts = scope.split([',', '+']);
        granted.contains(scope) || parts.all(|part| granted.iter().any(|granted| granted == part))
    };
    let is_missing = |scope: &&String| !is_granted(scope) && !is_received(scope);
    requested.iter().filter(is_missing).cloned().collect()
}

/// Scopes that request a token of their own, which a refresh does not return again.
pub(super) fn is_for_another_token(scope: &str) -> bool {
    matches!(scope, "openid" | "offline_access")
}
