//! Layouts by tables: what is dropped, wrapped and aligned at which width.

use super::*;

fn table(rows: &[[&str; 5]]) -> TextTable<5> {
    let mut table = TextTable::new([
        group("source"),
        left("stream"),
        right("pages").optional(),
        right("rows"),
        left("outcome"),
    ]);
    for row in rows {
        table.row(row.map(str::to_owned));
    }
    table
}

#[test]
fn a_terminal_has_group_heads_and_a_pipe_one_line_a_row() {
    let table = table(&[
        ["north", "users", "1", "1,200", "ok"],
        ["north", "orgs", "", "3", "ok"],
        ["süd", "é", "12", "", ""],
    ]);
    assert_eq!(
        table.render(Some(80)),
        "  stream  pages   rows  outcome\n\
         ───────────────────────────────\n\
         north\n  users       1  1,200  ok\n  orgs        ·      3  ok\n\
         süd\n  é          12      ·\n"
    );
    assert_eq!(
        table.render(None),
        "source  stream  pages   rows  outcome\n\
         north   users       1  1,200  ok\n\
         north   orgs        ·      3  ok\n\
         süd     é          12      ·  ·\n"
    );
}

#[test]
fn columns_without_a_value_and_tables_without_rows_are_left_out() {
    let table = |rows| table(rows).render(Some(80));
    assert_eq!(
        table(&[["", "users", "", "", "ok"]]),
        "stream  outcome\n───────────────\nusers   ok\n"
    );
    assert_eq!(table(&[]), "");
}

#[test]
fn a_narrow_terminal_drops_optional_columns_and_then_wraps() {
    let row = ["", "users", "1", "1,200", "ok, 12 rows rejected"];
    let texts = [
        (43, "users       1  1,200  ok, 12 rows rejected\n"),
        (36, "users   1,200  ok, 12 rows rejected\n"),
        (30, "users   1,200  ok, 12 rows\n               rejected\n"),
        (
            23,
            "users   1,200  ok, 12\n               rows\n               rejected\n",
        ),
    ];
    for (width, expected) in texts {
        let text = table(&[row]).render(Some(width));
        let rows: Vec<&str> = text.split_inclusive('\n').skip(2).collect();
        assert_eq!(rows.concat(), expected, "{width}");
    }
    let long = table(&[["", "a_name_without_blanks", "", "1", "ok"]]).render(Some(24));
    assert_eq!(
        long,
        "stream     rows  outcome\n────────────────────────\na_name_       1  ok\nwithout_\nblanks\n"
    );
}

#[test]
fn notes_are_below_their_row_or_its_last_cell() {
    let mut table = TextTable::new([left("stream"), note("rules")]);
    table.row(["users", "key id; all each time"].map(str::to_owned));
    assert_eq!(
        table.render(Some(20)),
        "stream\n──────\nusers\n  key id; all each\n    time\n"
    );
    assert_eq!(
        table.render(None),
        "stream  rules\nusers   key id; all each time\n"
    );
    table.row(["classes", ""].map(str::to_owned));
    assert_eq!(
        table.render(Some(20)),
        "stream\n───────\nusers\n  key id; all each\n    time\nclasses\n"
    );
}

#[test]
fn long_lines_wrap_by_words() {
    let rows = [
        ("one two three", 13, "one two three"),
        ("one two three", 9, "one two\n  three"),
        ("• north: timed out", 12, "• north:\n  timed out"),
        ("  one two three", 9, "  one two\n    three"),
        (
            "  a  b  one two three",
            16,
            "  a  b  one two\n        three",
        ),
        (
            "  a long column  one two",
            18,
            "  a long column\n    one two",
        ),
        (
            "open /a/path/that/is/long now",
            10,
            "open\n  /a/path/that/is/long\n  now",
        ),
        ("äöü äöü äöü", 7, "äöü äöü\n  äöü"),
        ("then run `a b c` now", 14, "then run\n  `a b c` now"),
        (
            "fix it: rollbook sync one; or wait",
            24,
            "fix it:\n  rollbook sync one; or\n  wait",
        ),
        ("a ` b c d e", 7, "a ` b c\n  d e"),
        ("  rollbook sync one", 9, "  rollbook sync one"),
        ("日本 日本", 6, "日本\n  日本"),
        ("one two\n\nthree four", 7, "one two\n\nthree\n  four"),
    ];
    for (text, width, expected) in rows {
        assert_eq!(wrap(text, Some(width)), expected, "{width}");
        assert_eq!(wrap(text, None), text);
    }
}

#[test]
fn texts_are_filled_without_an_indent() {
    let rows = [
        ("one two three", 9, "one two\nthree"),
        ("one\ntwo three", 6, "one\ntwo\nthree"),
        ("run `chown -R a: b` once", 12, "run\n`chown -R a: b`\nonce"),
    ];
    for (text, width, expected) in rows {
        assert_eq!(fill(text, width), expected, "{width}");
    }
}

#[test]
fn figures_are_grouped_and_lengths_are_short() {
    let numbers = [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (51_612, "51,612"),
        (1_234_567, "1,234,567"),
    ];
    for (number, expected) in numbers {
        assert_eq!(grouped(number), expected);
    }
    let lengths = [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (5230, "5.2 s"),
    ];
    for (ms, expected) in lengths {
        assert_eq!(length(std::time::Duration::from_millis(ms)), expected);
    }
    assert_eq!((count(0), count(1000)), (String::new(), "1,000".to_owned()));
    assert_eq!(minute("2026-01-31T06:00:14.250Z"), "2026-01-31 06:00");
}

#[test]
fn columns_without_heads_are_aligned_by_letters_and_end_without_blanks() {
    let rows = [["é", "one", ""], ["long", "x", "last"]].map(|row| row.map(str::to_owned));
    assert_eq!(indented(2, rows), "  é     one\n  long  x    last\n");
    assert_eq!(indented::<1>(2, []), "");
}

#[test]
fn parts_are_separated_and_remarks_are_marked() {
    let parts = ["a\n", "", "b\n"].map(str::to_owned);
    assert_eq!(blocks(parts), "a\n\nb\n");
    assert_eq!(bullets(["one", "two"]), "• one\n• two\n");
}

#[test]
fn nothing_that_a_terminal_obeys_or_hides_is_shown() {
    assert_eq!(
        one_line("a\u{1b}[31m\nb ü\u{202e}c\u{a0}„d“"),
        "a\u{FFFD}[31m\u{FFFD}b ü\u{FFFD}c\u{a0}„d“"
    );
}
