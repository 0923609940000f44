//! Subject filters.

/// Whether the filter (`*`: one token, `>`: one or more at the end) matches the subject.
pub(super) fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for token_filter in filter.split('.') {
        match (token_filter, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            (token_filter, Some(token)) if token_filter != "*" && token_filter != token => return false,
            _ => {}
        }
    }
    tokens.next().is_none()
}
