//! Bounds on texts from outside that `Rejected` and `CommandRefused` facts repeat.

/// Greatest length of a value that a reason repeats, in bytes.
pub const VALUE_BYTES_MAX: usize = 64;
/// Greatest length of a reason in words, in bytes: the words, and a repeated value with its control characters and
/// quotes escaped.
pub const DETAIL_BYTES_MAX: usize = 400;
/// Greatest length of a repeated `subject`, in bytes. Every market subject fits.
pub const SUBJECT_BYTES_MAX: usize = 224;

/// Cuts a text to `bytes_max` at a character boundary. Replaces control characters, which a database may reject, by
/// `?`.
pub fn bounded(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A control character is at least one byte long, so its replacement never lengthens the text.
    text[..end].replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_boundary_and_cleared_of_control_characters() {
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("aé", 3), "aé");
        assert_eq!(bounded("a\0b\n", 9), "a?b?");
        assert_eq!(bounded("", 0), "");
    }
}
