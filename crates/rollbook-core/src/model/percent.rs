//! Shares as people write them: `"10%"`.
//!
//! Held as whole millionths, so that comparing counts with one is exact.

use std::fmt;
use std::str::FromStr;

use crate::document::suggest::quoted;
use crate::document::text_value::{ValueError, text_value};

/// A share of a whole, from `"0%"` to `"100%"`, with up to four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    millionths: u32,
}

impl Percent {
    /// This many in a hundred; more than 100 is 100.
    pub const fn whole(percent: u32) -> Self {
        let percent = if percent > 100 { 100 } else { percent };
        Self {
            millionths: percent * 10_000,
        }
    }

    /// Whether `part` of `whole` is more than this share. Nothing of nothing is not.
    pub fn is_exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 1_000_000 > u128::from(whole) * u128::from(self.millionths)
    }
}

impl FromStr for Percent {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = |why: &str| {
            ValueError::new(format!("{} is not a percentage: {why}", quoted(text))).help(
                "write a number from 0 to 100 and a percent sign, such as `\"10%\"` or `\"0.5%\"`",
            )
        };
        let number = text
            .trim()
            .strip_suffix('%')
            .ok_or_else(|| wrong("the percent sign is missing"))?
            .trim_end();
        let (ones, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(ones) || !digits(decimals) {
            return Err(wrong("it is not a number"));
        }
        if decimals.len() > 4 {
            return Err(wrong("it has more than four decimals"));
        }
        let ones: u32 = ones
            .parse()
            .ok()
            .filter(|ones| *ones <= 100)
            .ok_or_else(|| wrong("it is more than 100"))?;
        let decimals: u32 = format!("{decimals:0<4}")
            .parse()
            .map_err(|_| wrong("it is not a number"))?;
        let millionths = ones * 10_000 + decimals;
        if millionths > 1_000_000 {
            Err(wrong("it is more than 100"))
        } else {
            Ok(Self { millionths })
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ones, decimals) = (self.millionths / 10_000, self.millionths % 10_000);
        if decimals == 0 {
            return write!(f, "{ones}%");
        }
        write!(
            f,
            "{ones}.{}%",
            format!("{decimals:04}").trim_end_matches('0')
        )
    }
}

text_value!(
    Percent,
    pattern = r"^ *[0-9]{1,3}(\.[0-9]{1,4})? *% *$",
    example = "10%"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let rows: &[(&str, Result<&str, &str>)] = &[
            ("10%", Ok("10%")),
            ("0%", Ok("0%")),
            ("100%", Ok("100%")),
            ("0.5%", Ok("0.5%")),
            ("33.3333 %", Ok("33.3333%")),
            ("1.05%", Ok("1.05%")),
            (
                "10",
                Err("`10` is not a percentage: the percent sign is missing"),
            ),
            (
                "ten%",
                Err("`ten%` is not a percentage: it is not a number"),
            ),
            ("-1%", Err("`-1%` is not a percentage: it is not a number")),
            (".5%", Err("`.5%` is not a percentage: it is not a number")),
            ("%", Err("`%` is not a percentage: it is not a number")),
            (
                "101%",
                Err("`101%` is not a percentage: it is more than 100"),
            ),
            (
                "100.1%",
                Err("`100.1%` is not a percentage: it is more than 100"),
            ),
            (
                "99999999999%",
                Err("`99999999999%` is not a percentage: it is more than 100"),
            ),
            (
                "0.00001%",
                Err("`0.00001%` is not a percentage: it has more than four decimals"),
            ),
        ];
        for (text, expected) in rows {
            let found = text
                .parse::<Percent>()
                .map(|share| share.to_string())
                .map_err(|complaint| complaint.message);
            assert_eq!(
                found.as_deref().map_err(String::as_str),
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_share_is_exceeded_only_by_more() {
        let rows = [
            (10, 10, 100, false),
            (10, 11, 100, true),
            (0, 0, 0, false),
            (0, 1, u64::MAX, true),
            (100, 5, 5, false),
            (10, u64::MAX, u64::MAX, true),
        ];
        for (percent, part, whole, expected) in rows {
            assert_eq!(
                Percent::whole(percent).is_exceeded_by(part, whole),
                expected,
                "{part} of {whole}"
            );
        }
    }
}
