//! The scopes asked for, and those that a token answer says were granted (RFC 6749 3.3).

/// The scopes of a text with blanks between them.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What was asked for and not granted. An answer that says nothing grants all (RFC 6749 5.1); `came` tells of
/// scopes that few servers repeat, because the token that each is for says it.
pub(super) fn missing(
    asked: &[String],
    told: Option<&[String]>,
    came: impl Fn(&str) -> bool,
) -> Vec<String> {
    // An empty list is no list: a token without any scope would open nothing.
    let Some(told) = told.filter(|told| !told.is_empty()) else {
        return Vec::new();
    };
    let is_missing = |scope: &&String| !told.contains(scope) && !came(scope);
    asked.iter().filter(is_missing).cloned().collect()
}

/// Scopes for a token of their own, which a renewal does not bring anew.
pub(super) fn is_for_another_token(scope: &str) -> bool {
    matches!(scope, "openid" | "offline_access")
}
