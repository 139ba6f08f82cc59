//! JSON has no word for a number that is none: `serde_json` writes `null` in its place, which a number cannot be read from. Where
//! there need be none, `Some(NaN)`, it is read as `None`.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{
        self, Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

/// Whether every number in it is one.
///
/// # Errors
/// NaN or infinite, with the field that it stands in.
pub(crate) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), serde_json::Error> {
    value.serialize(Finite::default()).map_err(|Infinite(what)| serde_json::Error::custom(what))
}

/// Writes nothing.
#[derive(Clone, Copy, Default)]
struct Finite {
    is_optional: bool,
}

#[derive(Debug)]
struct Infinite(String);

impl Infinite {
    fn of(value: f64) -> Self {
        Self(format!("{value}, and JSON has no such number"))
    }

    /// Fields from the outermost on, before the first colon.
    fn inside(self, field: &str) -> Self {
        Self(match self.0.strip_prefix('`') {
            Some(inner) => format!("`{field}.{inner}"),
            None => format!("`{field}` is {}", self.0),
        })
    }
}

impl fmt::Display for Infinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Infinite {}

impl ser::Error for Infinite {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Checked = Result<(), Infinite>;

macro_rules! fine {
    ($($method:ident($($of:ty),*);)*) => {
        $(fn $method(self, $(_: $of),*) -> Checked { Ok(()) })*
    };
}

macro_rules! parts {
    ($($method:ident($($of:ty),*) -> $part:ident;)*) => {
        $(fn $method(self, $(_: $of),*) -> Result<Self, Infinite> { Ok(Self::default()) })*
        $(type $part = Self;)*
    };
}

impl Serializer for Finite {
    type Error = Infinite;
    type Ok = ();

    fine! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    parts! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_f32(self, value: f32) -> Checked {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Checked {
        if value.is_finite() || self.is_optional { Ok(()) } else { Err(Infinite::of(value)) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(Self { is_optional: true })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(Self::default())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Checked {
        Ok(())
    }
}

macro_rules! elements {
    ($($of:ident::$method:ident;)*) => {
        $(impl $of for Finite {
            type Error = Infinite;
            type Ok = ();

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
                value.serialize(*self)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($of:ident;)*) => {
        $(impl $of for Finite {
            type Error = Infinite;
            type Ok = ();

            fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Checked {
                value.serialize(*self).map_err(|infinite| infinite.inside(field))
            }

            fn end(self) -> Checked {
                Ok(())
            }
        })*
    };
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Finite {
    type Error = Infinite;
    type Ok = ();

    /// A key is text, or there is an error already.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Checked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(*self)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}
