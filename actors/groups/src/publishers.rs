//! The publishers of a system with keys: the sources and venues of each. Without keys, any client may publish.

use std::collections::BTreeSet;

use serde::Deserialize;
use tapedeck_schemas::ids::{SourceId, Token};
use tapedeck_schemas::subject::OPERATOR_SOURCE;

use crate::access::{self, BUS, SYSTEM};

/// The built-in list.
const BUILT_IN: &str = include_str!("../../../nats/publishers.toml");
/// Stands for every venue.
const EVERY_VENUE: &str = "*";
/// The form of a name: it is also the name of a file and of a Kubernetes Secret.
const NAME_FORM: &str = "1 to 24 of a-z 0-9 -, a letter first";
/// Words that are values or directives in the configuration of the server, not names.
const CONFIGURATION_WORDS: [&str; 7] = ["true", "false", "yes", "no", "on", "off", "include"];

/// The publishers, each with a key and a NATS account of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherList {
    #[serde(default)]
    publisher: Vec<KeyedPublisher>,
}

/// A publisher with a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyedPublisher {
    /// Name of the publisher, of its key, and in upper case of its NATS account.
    pub name: String,
    /// The sources that it may give its events.
    pub sources: BTreeSet<SourceId>,
    /// The venues on which it may publish: tokens of subjects, or `*` for all.
    pub venues: BTreeSet<String>,
}

/// Why a list of publishers is invalid.
#[derive(Debug, thiserror::Error)]
pub enum PublisherListError {
    /// The text is not TOML, or has missing or unknown keys.
    #[error("invalid list of publishers: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A value is invalid.
    #[error("publisher {name:?}: {why}")]
    Invalid {
        /// Name of the publisher.
        name: String,
        /// The defect, with the value and the fix.
        why: String,
    },
}

impl PublisherList {
    /// Parses a list.
    pub fn parse(text: &str) -> Result<Self, PublisherListError> {
        let list: Self = toml::from_str(text)?;
        let (mut names, mut sources) = (BTreeSet::from([BUS, SYSTEM].map(str::to_ascii_lowercase)), BTreeSet::new());
        names.extend(access::roles().map(|role| role.name.to_string()));
        for one in &list.publisher {
            one.check(&mut names, &mut sources)
                .map_err(|why| PublisherListError::Invalid { name: one.name.clone(), why })?;
        }
        Ok(list)
    }

    /// The list of `nats/publishers.toml`.
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the built-in list is valid, as a test shows")
    }

    /// The publishers, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &KeyedPublisher> {
        self.publisher.iter()
    }
}

impl KeyedPublisher {
    /// `names` and `sources` are those that are taken.
    fn check(&self, names: &mut BTreeSet<String>, sources: &mut BTreeSet<SourceId>) -> Result<(), String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = self.name.starts_with(|first: char| first.is_ascii_lowercase());
        if !begins || self.name.parse::<Token>().is_err() || !self.name.bytes().all(is_plain) {
            return Err(format!("the name must be {NAME_FORM}"));
        }
        if CONFIGURATION_WORDS.contains(&self.name.as_str()) {
            return Err("the name is a word of the server's configuration; choose another".into());
        }
        if !names.insert(self.name.clone()) {
            return Err("the name is given twice, or is that of a role; choose another".into());
        }
        for (what, is_empty) in [("sources", self.sources.is_empty()), ("venues", self.venues.is_empty())] {
            if is_empty {
                return Err(format!("{what} is empty; add one"));
            }
        }
        for source in &self.sources {
            if source.as_str() == OPERATOR_SOURCE {
                return Err(format!("the source {OPERATOR_SOURCE} is reserved for operators"));
            }
            if !sources.insert(*source) {
                return Err(format!("the source {source} belongs to another publisher; name it once"));
            }
        }
        if self.venues.len() > 1 && self.venues.contains(EVERY_VENUE) {
            return Err(format!("{EVERY_VENUE:?} among other venues; give it alone"));
        }
        match self.venues.iter().find(|venue| *venue != EVERY_VENUE && venue.parse::<Token>().is_err()) {
            Some(venue) => Err(format!("venue {venue:?} is not a name (want 1 to 24 of A-Z a-z 0-9 - _, or \"*\")")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_is_valid() {
        let names: Vec<String> = PublisherList::built_in().iter().map(|one| one.name.clone()).collect();
        assert_eq!(names, ["publisher"]);
    }

    #[test]
    fn an_invalid_list_is_an_error_that_says_what_to_do() {
        let one = |name: &str, sources: &str, venues: &str| {
            format!("[[publisher]]\nname = {name:?}\nsources = {sources}\nvenues = {venues}\n")
        };
        let valid = one("acme", r#"["a"]"#, r#"["v"]"#);
        assert!(PublisherList::parse(&valid).is_ok());
        for (text, why) in [
            (one("Acme", r#"["a"]"#, r#"["v"]"#), "1 to 24 of a-z"),
            (one("a.b", r#"["a"]"#, r#"["v"]"#), "1 to 24 of a-z"),
            (one("5gb", r#"["a"]"#, r#"["v"]"#), "a letter first"),
            (one("-x", r#"["a"]"#, r#"["v"]"#), "a letter first"),
            (one("true", r#"["a"]"#, r#"["v"]"#), "is a word of the server's configuration"),
            (one("keeper", r#"["a"]"#, r#"["v"]"#), "that of a role"),
            (one("bus", r#"["a"]"#, r#"["v"]"#), "that of a role"),
            (one("acme", "[]", r#"["v"]"#), "sources is empty"),
            (one("acme", r#"["a"]"#, "[]"), "venues is empty"),
            (one("acme", r#"["operator"]"#, r#"["v"]"#), "reserved for operators"),
            (one("acme", r#"["a.>"]"#, r#"["v"]"#), "invalid list"),
            (one("acme", r#"["a"]"#, r#"[">"]"#), "is not a name"),
            (one("acme", r#"["a"]"#, r#"["*", "v"]"#), "give it alone"),
            (format!("{valid}{}", one("acme", r#"["b"]"#, r#"["v"]"#)), "given twice"),
            (format!("{valid}{}", one("other", r#"["a"]"#, r#"["v"]"#)), "belongs to another"),
            (format!("{valid}key = 1\n"), "invalid list"),
        ] {
            let error = PublisherList::parse(&text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
