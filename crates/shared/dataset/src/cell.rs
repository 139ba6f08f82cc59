//! What a piece of text is. The rules stand here and nowhere else; a CSV cell and a text value of a Parquet file meet the same
//! [`NULLS`].

use chrono::NaiveDate;

/// The spellings of a missing value, in every column of every format, quoted or not, blanks around them aside.
///
/// `None`, `-` and `?` are not among them: people use them as values. A column of numbers that holds one is reported as
/// mixed, with the row, instead of losing it in silence.
pub const NULLS: [&str; 8] = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL"];

/// The kinds of value that do not go together in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Integers and floats.
    Number,
    /// `true` and `false`, in any case.
    Boolean,
    /// Dates and timestamps.
    Date,
    /// Everything else.
    Text,
}

impl Kind {
    /// What a value is, read on its own; `None` for a null.
    ///
    /// Digits that a number would not preserve (`007`, or more than 64 bits) are text.
    pub fn of(text: &str) -> Option<Self> {
        Some(match Cell::read(text) {
            Cell::Null => return None,
            Cell::Integer(_) | Cell::Float(_) => Self::Number,
            Cell::Boolean(_) => Self::Boolean,
            Cell::Date(_) | Cell::Timestamp(_) => Self::Date,
            Cell::Code | Cell::Text => Self::Text,
        })
    }

    /// `1 number`, `3 dates`: for findings.
    pub fn counted(self, count: u64) -> String {
        let noun = match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Text => "text",
        };
        format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
    }
}

/// A value as read from its text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Float(f64),
    /// Digits that a number would not preserve: `007`, or too large for 64 bits. An identifier: text, also among integers.
    Code,
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 UTC.
    Timestamp(i64),
    Text,
}

impl Cell {
    /// Blanks around a value do not count.
    pub(crate) fn read(text: &str) -> Self {
        let text = match text.as_bytes() {
            [] => return Self::Null,
            bytes if bytes[0] > b' ' && bytes[bytes.len() - 1] > b' ' => text,
            _ => text.trim_ascii(),
        };
        let bytes = text.as_bytes();
        match bytes {
            [] => Self::Null,
            [b'0'..=b'9', ..] if bytes.len() >= 10 && bytes[4] == b'-' => moment(bytes).unwrap_or(Self::Text),
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => number(text).unwrap_or(Self::Text),
            [b't' | b'T', ..] if text.eq_ignore_ascii_case("true") => Self::Boolean(true),
            [b'f' | b'F', ..] if text.eq_ignore_ascii_case("false") => Self::Boolean(false),
            [b'n' | b'N', ..] if NULLS.contains(&text) => Self::Null,
            _ => Self::Text,
        }
    }
}

/// `[+-]digits[.digits][e[+-]digits]`; infinite values are none.
fn number(text: &str) -> Option<Cell> {
    let bytes = text.as_bytes();
    let negative = bytes[0] == b'-';
    let start = usize::from(matches!(bytes[0], b'+' | b'-'));

    let mut mantissa = 0;
    let mut at = digits(bytes, start, &mut mantissa);
    let whole = at - start;
    let padded = whole > 1 && bytes[start] == b'0';
    if at == bytes.len() && whole > 0 {
        return Some(if padded { Cell::Code } else { integer(negative, mantissa, whole) });
    }
    if padded {
        return None;
    }

    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let point = at + 1;
        at = digits(bytes, point, &mut mantissa);
        fraction = at - point;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mut exponent = 0;
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = bytes.get(at + 1).copied();
        let first = at + 1 + usize::from(matches!(sign, Some(b'+' | b'-')));
        let mut magnitude = 0;
        at = digits(bytes, first, &mut magnitude);
        if at == first {
            return None;
        }
        // Beyond four digits the value is 0 or infinite, and the standard parser below finds out which.
        let magnitude = if at - first > 4 { 9999 } else { magnitude as i64 };
        exponent = if sign == Some(b'-') { -magnitude } else { magnitude };
    }
    if at < bytes.len() {
        return None;
    }
    float(text, negative, mantissa, whole + fraction, exponent - fraction as i64)
}

/// Reads digits from `at` into `value` (which wraps: the caller looks at how many there were) and says where they end.
fn digits(bytes: &[u8], mut at: usize, value: &mut u64) -> usize {
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

fn integer(negative: bool, magnitude: u64, digits: usize) -> Cell {
    // 19 digits fit 64 bits without a sign; whether they fit with one is for the conversion to say.
    let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
    match i64::try_from(signed) {
        Ok(value) if digits <= 19 => Cell::Integer(value),
        _ => Cell::Code,
    }
}

/// Powers of ten that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The float nearest to the text. Where mantissa and power of ten are both exact, one operation rounds correctly (Clinger
/// 1990); all else is left to the standard parser. Negative zero becomes zero, so that equal values are one value.
fn float(text: &str, negative: bool, mantissa: u64, digits: usize, exponent: i64) -> Option<Cell> {
    let exact = digits <= 19 && mantissa < 1 << 53;
    let value = match (exact, POWERS.get(exponent.unsigned_abs() as usize)) {
        (true, Some(power)) => {
            let magnitude = if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
            if negative { -magnitude } else { magnitude }
        }
        _ => text.parse().ok()?,
    };
    value.is_finite().then_some(Cell::Float(value + 0.0))
}

/// `YYYY-MM-DD`, alone or followed by `T` or a blank, `HH:MM[:SS[.fraction]]` and `Z`, an offset or nothing (UTC).
fn moment(bytes: &[u8]) -> Option<Cell> {
    let (date, rest) = bytes.split_at_checked(10)?;
    if date[7] != b'-' {
        return None;
    }
    let year = fixed(&date[..4])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, fixed(&date[5..7])?, fixed(&date[8..])?)?;
    let days = date.to_epoch_days();
    match rest {
        [] => Some(Cell::Date(days)),
        [b'T' | b't' | b' ', time @ ..] => Some(Cell::Timestamp(i64::from(days) * DAY + time_of_day(time)?)),
        _ => None,
    }
}

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Microseconds since midnight UTC; an offset may put it before that or after the next. Digits beyond the microsecond are cut.
fn time_of_day(bytes: &[u8]) -> Option<i64> {
    let (time, mut rest) = clock(bytes)?;
    let mut micros = time;
    if let [b':', tens, ones, after @ ..] = rest {
        micros += i64::from(fixed(&[*tens, *ones]).filter(|second| *second < 60)?) * SECOND;
        rest = after;
        if let [b'.' | b',', after @ ..] = rest {
            let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return None;
            }
            let micro = after[..digits].iter().chain(b"00000").take(6);
            micros += micro.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
            rest = &after[digits..];
        }
    }
    match rest {
        [] | [b'Z' | b'z'] => Some(micros),
        [b'+', offset @ ..] => Some(micros - self::offset(offset)?),
        [b'-', offset @ ..] => Some(micros + self::offset(offset)?),
        _ => None,
    }
}

/// `HH:MM`, and what follows.
fn clock(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = bytes else { return None };
    Some((hours_and_minutes([*h1, *h2, *m1, *m2])?, rest))
}

/// `HH:MM`, `HHMM` or `HH`.
fn offset(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => hours_and_minutes([h1, h2, m1, m2]),
        [h1, h2] => hours_and_minutes([h1, h2, b'0', b'0']),
        _ => None,
    }
}

fn hours_and_minutes([h1, h2, m1, m2]: [u8; 4]) -> Option<i64> {
    let hours = fixed(&[h1, h2]).filter(|hours| *hours < 24)?;
    let minutes = fixed(&[m1, m2]).filter(|minutes| *minutes < 60)?;
    Some(i64::from(hours) * HOUR + i64::from(minutes) * MINUTE)
}

fn fixed(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}
