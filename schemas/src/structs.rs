//! The macro for structs that are an array of their fields on the wire.

/// Declares structs: the type, its codec, its description, and the ids that its fields name.
macro_rules! structs {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }
        impl $crate::describe::Described for $name {
            const TYPE: &'static $crate::describe::Type = &$crate::describe::Type::Named(&$crate::describe::NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: $crate::describe::Shape::Array(&[$($crate::describe::FieldDoc {
                    name: stringify!($field),
                    ty: <$ty as $crate::describe::Described>::TYPE,
                    doc: &[$($fdoc),*],
                },)*]),
            });
        }
        impl $crate::about::Mentions for $name {
            fn mention(&self, _about: &mut $crate::about::About) {
                $($crate::about::Mentions::mention(&self.$field, _about);)*
            }
        }
    )*};
}
pub(crate) use structs;
