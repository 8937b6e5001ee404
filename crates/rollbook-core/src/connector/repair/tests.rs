//! Tests of `repair.rs`.

use proptest::prelude::*;

use super::*;

#[test]
fn what_is_not_quite_json_becomes_json() {
    for (what, given, expected) in [
        (
            "nothing to do",
            r#"{"a":[1,-2.5,"x\n\u00e9",true,null]}"#,
            r#"{"a":[1,"\ufdd2-2.5","x\n\u00e9",true,null]}"#,
        ),
        ("a pair", r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
        ("a first half", r#""a\ud83d""#, r#""a\ufdd0""#),
        (
            "a first half before another escape",
            r#""\ud83d\n""#,
            r#""\ufdd0\n""#,
        ),
        ("a second half", r#""\uDE00b""#, r#""\ufdd0b""#),
        ("reversed", r#""\ude00\ud83d""#, r#""\ufdd0\ufdd0""#),
        (
            "two first halves and a pair",
            r#""\ud83d\ud83d\ude00""#,
            r#""\ufdd0\ud83d\ude00""#,
        ),
        ("in a name", r#"{"\ud83d":1}"#, r#"{"\ufdd0":1}"#),
        (
            "an escaped backslash is no escape",
            r#""\\ud83d""#,
            r#""\\ud83d""#,
        ),
        (
            "raw controls",
            "\"a\tb\nc\u{1}\"",
            r#""a\u0009b\u000ac\u0001""#,
        ),
        ("a raw zero", "\"\0\"", r#""\u0000""#),
        ("controls between values", "[1,\n\t2]", "[1,\n\t2]"),
        ("delete is a sign like others", "\"\u{7f}\"", "\"\u{7f}\""),
        (
            "no numbers",
            "[NaN,Infinity,-Infinity,+Infinity,nan,inf,-inf]",
            r#"["\ufdd1","\ufdd1","\ufdd1","\ufdd1","\ufdd1","\ufdd1","\ufdd1"]"#,
        ),
        ("the same in a text", r#"["NaN"]"#, r#"["NaN"]"#),
        (
            "whole numbers that fit",
            "[0,9223372036854775807,-9223372036854775808,18446744073709551615]",
            "[0,9223372036854775807,-9223372036854775808,18446744073709551615]",
        ),
        (
            "and that do not",
            "[18446744073709551616,-9223372036854775809]",
            r#"["\ufdd218446744073709551616","\ufdd2-9223372036854775809"]"#,
        ),
        (
            "exponents",
            "[1e3,1E-05,1e999]",
            r#"["\ufdd21e3","\ufdd21E-05","\ufdd21e999"]"#,
        ),
        (
            "spellings that JSON does not know",
            "[007,+1,.5,5.,-0]",
            r#"["\ufdd2007","\ufdd2+1","\ufdd2.5","\ufdd25.","\ufdd2-0"]"#,
        ),
        ("no escape", r#""C:\qui\u12x\'""#, r#""C:\\qui\\u12x'""#),
        (
            "forged marks",
            "\"\u{fdd2}1\\ufdd1\\uFDD0\"",
            r#""\ufdd01\ufdd0\ufdd0""#,
        ),
        ("unknown words stay", "[undefined,None]", "[undefined,None]"),
        ("an open text", "\"a\\", "\"a\\"),
        ("letters of every length", "\"ä€😀\"", "\"ä€😀\""),
    ] {
        assert_eq!(repaired(given), expected, "{what}");
    }
}

#[test]
fn whole_numbers_by_their_digits() {
    const LARGE: &str = "a whole number of more than 64 bits";
    for (text, expected) in [
        ("3", Ok(3)),
        ("-3", Ok(-3)),
        ("+3", Ok(3)),
        ("3.0", Ok(3)),
        ("3.", Ok(3)),
        ("1e3", Ok(1000)),
        ("1.5E1", Ok(15)),
        ("1500e-2", Ok(15)),
        ("0.0e999999999999999999999", Ok(0)),
        ("-0", Ok(0)),
        ("007", Ok(7)),
        ("9007199254740993", Ok(9_007_199_254_740_993)),
        ("9007199254740993.0", Ok(9_007_199_254_740_993)),
        ("9223372036854775807.00", Ok(i64::MAX)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775808", Err(LARGE)),
        ("12345678901234567891", Err(LARGE)),
        ("1e19", Err(LARGE)),
        ("1e99999999999999999999", Err(LARGE)),
        ("3.0000000000000000001", Err("a number with decimals")),
        ("9007199254740992.5", Err("a number with decimals")),
        ("1e-1", Err("a number with decimals")),
        ("many", Err("a text that is not a whole number")),
        ("1,000", Err("a text that is not a whole number")),
        ("0x10", Err("a text that is not a whole number")),
        ("", Err("a text that is not a whole number")),
        ("-", Err("a text that is not a whole number")),
        (".", Err("a text that is not a whole number")),
    ] {
        assert_eq!(whole(text), expected, "{text}");
    }
}

#[test]
fn numbers_in_json_keep_what_they_say() {
    for (digits, expected) in [
        ("1.50", "1.5"),
        ("1e2", "100.0"),
        ("0.1", "0.1"),
        ("12345678901234567891234", "12345678901234567891234"),
        ("0.30000000000000000001", "0.30000000000000000001"),
        ("1e999", "1e999"),
        ("-0", "-0.0"),
        ("007", "\"007\""),
        ("+1", "\"+1\""),
        (".5", "\".5\""),
        ("5.", "\"5.\""),
    ] {
        let mut json = String::new();
        number_as_json(digits, &mut json);
        assert_eq!(json, expected, "{digits}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_marked() {
    for (body, expected, is_damaged) in [
        (&b"abc"[..], "abc", false),
        ("ä".as_bytes(), "ä", false),
        (b"M\xfcller", "M\u{fdd0}ller", true),
        (b"a\xe2\x82", "a\u{fdd0}", true),
        (b"\xff\xfe", "\u{fdd0}\u{fdd0}", true),
    ] {
        let (text, damaged) = utf8(body);
        assert_eq!((&*text, damaged), (expected, is_damaged), "{body:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_repaired_to_the_same_again(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (text, _) = utf8(&body);
        let once = repaired(&text);
        // Marks are escapes then, and forged ones are damaged signs: nothing is left to mark a second time.
        prop_assert_eq!(repaired(&once).replace("\\ufdd0", ""), once.replace("\\ufdd0", "").replace("\\ufdd1", "").replace("\\ufdd2", ""));
    }

    #[test]
    fn texts_that_are_json_stay_what_they_are(text in "\\PC{0,20}") {
        let json = serde_json::to_string(&[&text]).expect("JSON");
        prop_assert_eq!(repaired(&json), json);
    }
}
