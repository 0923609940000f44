//! The macro for structs that are an array of their fields on the wire.

/// Declares structs: the type, its codec, its description, and the ids that its fields name. `field: u64 as Time` is a
/// field that stands in a record as [`crate::record::field::Time`] says.
macro_rules! structs {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $fdoc:expr])* $field:ident : $ty:ty $(as $encoding:ident)?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }
        impl $crate::describe::Described for $name {
            const TYPE: &'static $crate::describe::Type = &$crate::describe::Type::Named(&$crate::describe::NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: $crate::describe::Shape::Array(&[$($crate::describe::FieldDoc {
                    name: stringify!($field),
                    ty: <$crate::record::field::field_as!($($encoding)?) as $crate::record::field::FieldAs<$ty>>::TYPE,
                    doc: &[$($fdoc),*],
                },)*]),
            });
        }
        const _: () = $crate::record::change::assert_fits(
            0 $(+ <$crate::record::field::field_as!($($encoding)?) as $crate::record::field::FieldAs<$ty>>::CHANGES)*
        );
        impl $crate::record::field::RecordFields for $name {
            const COUNT: usize = <[&str]>::len(&[$(stringify!($field)),*]);
            fn write_fields(&self, _to: &mut $crate::record::RecordEncoder) {
                $(<$crate::record::field::field_as!($($encoding)?) as $crate::record::field::FieldAs<$ty>>::write(
                    &self.$field,
                    _to,
                );)*
            }
            fn read_fields(
                _from: &mut $crate::record::decoder::RecordDecoder<'_>,
            ) -> Result<Self, $crate::record::field::FieldError> {
                Ok(Self { $(
                    $field: <$crate::record::field::field_as!($($encoding)?)
                        as $crate::record::field::FieldAs<$ty>>::read(_from)?,
                )* })
            }
        }
        impl $crate::record::field::RecordField for $name {
            fn write(&self, to: &mut $crate::record::RecordEncoder) {
                to.array(<Self as $crate::record::field::RecordFields>::COUNT);
                $crate::record::field::RecordFields::write_fields(self, to);
            }
            fn read(
                from: &mut $crate::record::decoder::RecordDecoder<'_>,
            ) -> Result<Self, $crate::record::field::FieldError> {
                from.array_of(<Self as $crate::record::field::RecordFields>::COUNT)?;
                $crate::record::field::RecordFields::read_fields(from)
            }
        }
        impl $crate::about::Mentions for $name {
            fn mention(&self, _about: &mut $crate::about::About) {
                $($crate::about::Mentions::mention(&self.$field, _about);)*
            }
        }
    )*};
}
pub(crate) use structs;
