//! Bounds on the text that a refused input leaves in a fact; the text itself is made where the refusal is.

/// Longest detail of a refusal, in bytes.
pub const DETAIL_BYTES_MAX: usize = 200;
/// Longest subject that a refusal repeats, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 128;

/// The text cut to `bytes_max` at a character boundary; control characters, which a database may refuse, become `?`.
pub fn bounded(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Every control character is at least one byte, so that replacing it never lengthens the text.
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
