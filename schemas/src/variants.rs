//! The macro for enums whose variants have fields: an array of the variant's number and its fields on the wire.

/// Declares enums: per variant the number on the wire, the code in JSON and the database, and the fields.
///
/// In MessagePack a value is an array: the number, then the fields in order. In JSON it is a map: `code`, then the
/// fields by name. A reader stops at a number that this build does not know, as at an unknown kind. The ids in the
/// fields describe the reason, not the fact, so they are not mentioned.
macro_rules! variants {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $vdoc:literal])* $variant:ident = $number:literal $code:literal
            $({ $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty $(as $encoding:ident)?,)* })?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $vdoc])* $variant $({ $($(#[doc = $fdoc])* $field: $ty,)* })?,)* }
        impl $crate::describe::Described for $name {
            const TYPE: &'static $crate::describe::Type = &$crate::describe::Type::Named(&$crate::describe::NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: $crate::describe::Shape::Variants(&[$($crate::describe::NumberedVariantDoc {
                    number: $number,
                    code: $code,
                    doc: &[$($vdoc),*],
                    fields: &[$($($crate::describe::FieldDoc {
                        name: stringify!($field),
                        ty: <$crate::record::field::field_as!($($encoding)?)
                            as $crate::record::field::FieldAs<$ty>>::TYPE,
                        doc: &[$($fdoc),*],
                    },)*)?],
                },)*]),
            });
        }
        impl $name {
            /// The code of every variant, in the order of declaration.
            pub const CODES: &'static [&'static str] = &[$($code,)*];
            /// Returns the code of the variant in JSON and the database. It never changes.
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)* }
            }
        }
        impl $crate::about::Mentions for $name {}
        impl $crate::record::field::RecordField for $name {
            fn write(&self, to: &mut $crate::record::RecordEncoder) {
                use $crate::record::field::{FieldAs, field_as};
                match self {$(
                    Self::$variant $({ $($field,)* })? => {
                        to.array(1 + <[&str]>::len(&[$($(stringify!($field)),*)?]));
                        to.uint($number);
                        $($(<field_as!($($encoding)?) as FieldAs<$ty>>::write($field, to);)*)?
                    }
                )*}
            }
            fn read(
                from: &mut $crate::record::decoder::RecordDecoder<'_>,
            ) -> Result<Self, $crate::record::field::FieldError> {
                use $crate::record::field::{FieldAs, FieldError, field_as};
                let elements = from.array()?;
                let number = from.uint()?;
                let count = |fields: &[&str]| match elements == 1 + fields.len() {
                    true => Ok(()),
                    false => Err(FieldError::new(format!(
                        "{elements} elements for number {number} of {}, which has {}",
                        stringify!($name), 1 + fields.len(),
                    ))),
                };
                match number {
                    $($number => {
                        count(&[$($(stringify!($field)),*)?])?;
                        Ok(Self::$variant $({
                            $($field: <field_as!($($encoding)?) as FieldAs<$ty>>::read(from)?,)*
                        })?)
                    })*
                    n => Err(FieldError::new(format!("no {} has number {n}", stringify!($name)))),
                }
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {$(
                    Self::$variant $({ $($field,)* })? => {
                        const FIELDS: &[&str] = &[$($(stringify!($field),)*)?];
                        if serializer.is_human_readable() {
                            use serde::ser::SerializeMap;
                            let mut map = serializer.serialize_map(Some(1 + FIELDS.len()))?;
                            map.serialize_entry("code", $code)?;
                            $($(map.serialize_entry(stringify!($field), $field)?;)*)?
                            map.end()
                        } else {
                            use serde::ser::SerializeTuple;
                            let number: u8 = $number;
                            let mut array = serializer.serialize_tuple(1 + FIELDS.len())?;
                            array.serialize_element(&number)?;
                            $($(array.serialize_element($field)?;)*)?
                            array.end()
                        }
                    }
                )*}
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Array;
                impl<'de> serde::de::Visitor<'de> for Array {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an array: number and fields of a ", stringify!($name)))
                    }
                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<$name, A::Error> {
                        let number: u8 = $crate::variants::element(&mut seq, stringify!($name))?;
                        let value = match number {
                            $($number => $name::$variant $({
                                $($field: $crate::variants::element(&mut seq, stringify!($field))?,)*
                            })?,)*
                            n => {
                                return Err($crate::variants::unknown(n, stringify!($name)));
                            }
                        };
                        $crate::variants::end(&mut seq, stringify!($name)).map(|()| value)
                    }
                }
                deserializer.deserialize_seq(Array)
            }
        }
    )*};
}

/// The next element of an array; an error if there is none.
pub(crate) fn element<'de, T, A>(seq: &mut A, name: &str) -> Result<T, A::Error>
where
    T: serde::Deserialize<'de>,
    A: serde::de::SeqAccess<'de>,
{
    seq.next_element()?.ok_or_else(|| serde::de::Error::custom(format!("{name} is missing")))
}

/// The error for a number that this build does not know: a newer build wrote the record, so a reader stops.
pub(crate) fn unknown<E: serde::de::Error>(number: u8, name: &str) -> E {
    E::custom(format!("no {name} has number {number}"))
}

/// An error if the array has a further element.
pub(crate) fn end<'de, A: serde::de::SeqAccess<'de>>(seq: &mut A, name: &str) -> Result<(), A::Error> {
    match seq.next_element::<serde::de::IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(serde::de::Error::custom(format!("fields after the last of a {name}"))),
    }
}

pub(crate) use variants;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro declares public items")]
mod tests {
    use crate::number::Ratio;

    variants! {
        /// For the test.
        Sample {
            /// Without fields.
            Plain = 1 "plain",
            /// With fields.
            Over = 7 "over" {
                /// Above zero.
                measured: Ratio,
                /// Count.
                many: u32,
            },
        }
    }

    fn over() -> Sample {
        Sample::Over { measured: Ratio::whole(2), many: 9 }
    }

    fn decode(bytes: &[u8]) -> Result<Sample, String> {
        rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_an_array_of_number_and_fields_and_a_map_with_a_code_in_json() {
        assert_eq!(rmp_serde::to_vec(&Sample::Plain).unwrap(), [0x91, 1]);
        let bytes = rmp_serde::to_vec(&over()).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes.last()), (0x93, 7, Some(&9)));
        assert_eq!(decode(&[0x91, 1]), Ok(Sample::Plain));
        assert_eq!(decode(&bytes), Ok(over()));
        assert_eq!(serde_json::to_string(&Sample::Plain).unwrap(), r#"{"code":"plain"}"#);
        assert_eq!(serde_json::to_string(&over()).unwrap(), r#"{"code":"over","measured":"2","many":9}"#);
        assert_eq!(Sample::CODES, ["plain", over().code()]);
    }

    #[test]
    fn an_unknown_number_a_missing_field_and_a_further_one_do_not_decode() {
        for (bytes, error) in [
            (&[0x91, 2][..], "no Sample has number 2"),
            (&[0x90], "Sample is missing"),
            (&[0x92, 7, 0], "many is missing"),
            (&[0x92, 1, 0], "fields after the last of a Sample"),
            (&[0x01], "an array: number and fields of a Sample"),
        ] {
            let found = decode(bytes).unwrap_err();
            assert!(found.contains(error), "{found}");
        }
    }
}
