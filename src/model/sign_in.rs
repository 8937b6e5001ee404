//! The command that ends the want of a sign-in, by which its sentence is known again.
//!
//! A job's record keeps why it is parked as a sentence alone; what ends it differs, so whoever shows the sentence
//! has to know this one.

/// What an admin types to sign in to a source.
pub fn command(source: &str) -> String {
    format!("rollbook login {source}")
}

/// Whether a sentence says that somebody must sign in to this source.
pub fn is_wanted(sentence: &str, source: &str) -> bool {
    let quoted = format!("`{}`", command(source));
    sentence.contains(&quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_known_by_its_command() {
        for (sentence, expected) in [
            ("sign-in needed: run `rollbook login own`", true),
            ("sign-in needed: run `rollbook login own_2`", false),
            ("the credential was refused", false),
            ("", false),
        ] {
            assert_eq!(is_wanted(sentence, "own"), expected, "{sentence}");
        }
    }
}
