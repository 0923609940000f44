//! The macro for enums that are a small integer on the wire, and a name in text and JSON.

/// Declares enums: per variant the number on the wire and the name in text.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $vdoc:literal])* $variant:ident = $number:literal $text:literal,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $vdoc])* $variant = $number,)* }
        impl $crate::describe::Described for $name {
            const TYPE: &'static $crate::describe::Type = &$crate::describe::Type::Named(&$crate::describe::NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: $crate::describe::Shape::Names(&[$($crate::describe::NameDoc {
                    number: $number,
                    text: $text,
                    doc: &[$($vdoc),*],
                },)*]),
            });
        }
        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// The name of every variant, in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];
            /// Returns the name in text, JSON and the database.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
            /// Returns the variant of a number on the wire, if there is one.
            pub const fn from_number(n: u8) -> Option<Self> {
                match n { $($number => Some($name::$variant),)* _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::names::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => Err($crate::names::UnknownName(text.chars().take(32).collect(), Self::NAMES)),
                }
            }
        }
        impl $crate::about::Mentions for $name {}
        impl $crate::record::field::RecordField for $name {
            fn write(&self, to: &mut $crate::record::RecordEncoder) {
                to.uint(*self as u64);
            }
            fn read(
                from: &mut $crate::record::decoder::RecordDecoder<'_>,
            ) -> Result<Self, $crate::record::field::FieldError> {
                let n = from.uint()?;
                let unknown =
                    || $crate::record::field::FieldError::new(format!("no {} has number {n}", stringify!($name)));
                u8::try_from(n).ok().and_then(Self::from_number).ok_or_else(unknown)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(self.as_str())
                } else {
                    serializer.serialize_u8(*self as u8)
                }
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    let n = <u8 as serde::Deserialize>::deserialize(deserializer)?;
                    let unknown = || D::Error::custom(format!("no {} has number {n}", stringify!($name)));
                    Self::from_number(n).ok_or_else(unknown)
                }
            }
        }
    )*};
}

/// Error: a text that is none of the accepted names. Holds the text, cut to 32 characters, and the names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of {1:?}")]
pub struct UnknownName(pub String, pub &'static [&'static str]);

pub(crate) use names;
