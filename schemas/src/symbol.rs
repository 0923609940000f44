//! Symbols of instruments as their venues spell them, and the form that a symbol has in the subject of a market event.

use std::fmt;
use std::str::FromStr;

use arrayvec::{ArrayString, ArrayVec};

use crate::ids::{BadName, NameForm, text_serde};

/// Greatest length of a symbol, in bytes: enough for an OCC option symbol (21), and for the address of a token on a
/// blockchain (42 to 44).
pub const SYMBOL_BYTES_MAX: usize = 48;
/// Greatest length of the form of a symbol in a subject, in bytes: every byte may need an escape.
const ESCAPED_BYTES_MAX: usize = 3 * SYMBOL_BYTES_MAX;

/// The pattern of a symbol as a regular expression, without the length: it begins and ends with a character other than
/// a space.
macro_rules! symbol_pattern {
    () => {
        concat!(
            r"[^\x00-\x20,\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
            r"([^\x00-\x1f,\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*",
            r"[^\x00-\x20,\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])?"
        )
    };
}
pub(crate) use symbol_pattern;

/// The symbol of an instrument, or the code of a currency, as its venue spells it: `BTCUSDT`, `BRK.B`, `BTC/USDT`.
///
/// 1 to 48 bytes of UTF-8 without commas, control characters and white space; spaces may stand inside, as in option
/// symbols. Symbols are compared byte by byte: `btcusdt` is not `BTCUSDT`, and Unicode forms are not normalized.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(ArrayString<SYMBOL_BYTES_MAX>);

impl Symbol {
    /// Returns the symbol as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the symbol as one token of a subject.
    pub fn subject_token(&self) -> SubjectToken {
        let mut token = ArrayString::new();
        for &byte in self.0.as_bytes() {
            if is_plain(byte) {
                token.push(char::from(byte));
            } else {
                let digit = |four_bits: u8| char::from(b"0123456789ABCDEF"[usize::from(four_bits)]);
                token.push('%');
                token.push(digit(byte >> 4));
                token.push(digit(byte & 15));
            }
        }
        SubjectToken(token)
    }

    /// Returns the symbol of a token of a subject.
    pub fn from_subject_token(token: &str) -> Result<Self, BadSubjectToken> {
        // No byte needs an escape, so every such token is a symbol. This is the hot path of ingest.
        if token.bytes().all(is_plain)
            && !token.is_empty()
            && let Ok(symbol) = ArrayString::from(token)
        {
            return Ok(Self(symbol));
        }
        let symbol = unescape(token).ok_or(BadSubjectToken::NotASymbol)?;
        if symbol.subject_token().0.as_str() == token { Ok(symbol) } else { Err(BadSubjectToken::OtherForm(symbol)) }
    }
}

/// A symbol as one token of a NATS subject: each byte other than a printable ASCII character, and each of `.`, `*`, `>`
/// and `%`, is `%` and two upper-case hexadecimal digits. So each symbol has exactly one token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SubjectToken(ArrayString<ESCAPED_BYTES_MAX>);

impl fmt::Display for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Error: a token of a subject that is not the token of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSubjectToken {
    /// No symbol can be read from the token.
    NotASymbol,
    /// The token spells a symbol that has another token: a byte is escaped that needs no escape, or with lower-case
    /// digits, or is not escaped.
    OtherForm(Symbol),
}

/// Whether a byte stands for itself in a subject token.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'.' | b'*' | b'>' | b'%' | b',')
}

/// The symbol that a token spells, in its own form or in another. A `%` without two hexadecimal digits stands for
/// itself.
fn unescape(token: &str) -> Option<Symbol> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = ArrayVec::<u8, SYMBOL_BYTES_MAX>::new();
    let mut rest = token.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, tail @ ..] => digit(*high).zip(digit(*low)).map(|(h, l)| (h << 4 | l, tail)),
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((*first, tail));
        bytes.try_push(byte).ok()?;
        rest = tail;
    }
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

impl FromStr for Symbol {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let legal = |c: char| c == ' ' || !(c == ',' || c.is_control() || c.is_whitespace());
        let is_symbol = !text.is_empty() && text.trim() == text && text.chars().all(legal);
        match ArrayString::from(text) {
            Ok(symbol) if is_symbol => Ok(Self(symbol)),
            _ => Err(BadName::new(text, NameForm::Symbol)),
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
text_serde!(Symbol);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKENS: [(&str, &str); 14] = [
        ("BTCUSDT", "BTCUSDT"),
        ("BRK.B", "BRK%2EB"),
        ("BTC/USDT", "BTC/USDT"),
        ("1INCH-USD:PERP", "1INCH-USD:PERP"),
        ("kPEPE", "kPEPE"),
        ("M&M", "M&M"),
        ("^GSPC", "^GSPC"),
        ("$SPX", "$SPX"),
        ("~", "~"),
        ("*", "%2A"),
        ("a>b", "a%3Eb"),
        ("100%", "100%25"),
        ("AAPL  240119C00195000", "AAPL%20%20240119C00195000"),
        ("币安人生USDT", "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"),
    ];

    #[test]
    fn a_symbol_has_one_token_and_a_token_one_symbol() {
        for (text, token) in TOKENS {
            let symbol: Symbol = text.parse().unwrap();
            assert_eq!(symbol.subject_token().to_string(), token);
            assert_eq!(Symbol::from_subject_token(token), Ok(symbol));
        }
        for (token, spelled) in [
            ("%41", "A"),
            ("BTC%2FUSDT", "BTC/USDT"),
            ("BRK%2eB", "BRK.B"),
            ("BRK.B", "BRK.B"),
            ("币安人生USDT", "币安人生USDT"),
            ("100%", "100%"),
            ("%2", "%2"),
            ("%%41", "%A"),
        ] {
            let other = BadSubjectToken::OtherForm(spelled.parse().unwrap());
            assert_eq!(Symbol::from_subject_token(token), Err(other), "{token}");
        }
        for token in ["", "a,b", "a%2Cb", "%20a", "a%20", "%09", "%FF", "a%00", &"a".repeat(49), &"%41".repeat(49)] {
            assert_eq!(Symbol::from_subject_token(token), Err(BadSubjectToken::NotASymbol), "{token}");
        }
    }

    #[test]
    fn a_symbol_is_1_to_48_bytes_without_commas_control_characters_and_outer_spaces() {
        for good in ["a", "NIFTY 50", &"a".repeat(48), &"币".repeat(16), "\"", "\\", "'"] {
            assert_eq!(good.parse::<Symbol>().unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a ", "a\tb", "a\nb", "a\u{a0}b", "a\u{3000}b", "a\0", "a,b", "a\u{85}b"] {
            assert!(bad.parse::<Symbol>().is_err(), "{bad:?}");
        }
        for long in ["a".repeat(49), "币".repeat(17)] {
            assert!(long.parse::<Symbol>().is_err(), "{long}");
        }
    }

    proptest! {
        #[test]
        fn any_symbol_becomes_a_single_token_and_the_same_symbol_again(text in "\\PC{1,24}") {
            if let Ok(symbol) = text.parse::<Symbol>() {
                let token = symbol.subject_token().to_string();
                prop_assert!(token.bytes().all(|b| matches!(b, b'!'..=b'~') && !b".*>".contains(&b)), "{}", token);
                prop_assert_eq!(Symbol::from_subject_token(&token), Ok(symbol));
            }
        }
        #[test]
        fn any_token_is_that_of_at_most_one_symbol(token in "[ -~]{1,6}|(%[0-9A-Fa-f]{2}|[A-C.%]){1,12}") {
            match Symbol::from_subject_token(&token) {
                Ok(symbol) => prop_assert_eq!(symbol.subject_token().to_string(), token),
                Err(BadSubjectToken::OtherForm(symbol)) => {
                    let right = symbol.subject_token().to_string();
                    prop_assert_ne!(&right, &token);
                    prop_assert_eq!(Symbol::from_subject_token(&right), Ok(symbol));
                }
                Err(BadSubjectToken::NotASymbol) => {}
            }
        }
    }
}
