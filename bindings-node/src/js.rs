//! JavaScript values, made and read one call of Node-API each.
//!
//! Rows are made of millions of them, so they take no way through conversion traits.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::bindgen_prelude::{JsValue, ToNapiValue, Unknown};
use napi::{Env, Result, check_status, sys};

/// A value of JavaScript, for as long as the scope that it was made in.
pub type Raw = sys::napi_value;

/// The environment of the call that is running.
#[derive(Clone, Copy)]
pub struct Js(sys::napi_env);

/// Calls a function of Node-API whose last argument is where its value goes.
macro_rules! made {
    ($start:expr, $function:ident $(, $argument:expr)*) => {{
        let mut made = $start;
        // SAFETY: the environment is that of the running call, its values are of this call,
        // and pointers are to what outlives the call of the function.
        check_status!(unsafe { sys::$function($($argument,)* &raw mut made) })?;
        Ok(made)
    }};
}

impl Js {
    /// Of the call that was given this environment.
    pub fn new(env: &Env) -> Js {
        Js(env.raw())
    }

    /// The environment for Node-API.
    pub fn raw(self) -> sys::napi_env {
        self.0
    }

    /// The value for functions that want to know its environment.
    pub fn unknown<'env>(self, value: Raw) -> Unknown<'env> {
        // SAFETY: the value is one of this environment.
        unsafe { Unknown::from_raw_unchecked(self.0, value) }
    }

    /// An object of a class of this addon.
    pub fn instance(self, value: impl ToNapiValue) -> Result<Raw> {
        // SAFETY: the environment is that of the running call.
        unsafe { ToNapiValue::to_napi_value(self.0, value) }
    }

    pub fn null(self) -> Result<Raw> {
        made!(ptr::null_mut(), napi_get_null, self.0)
    }

    pub fn undefined(self) -> Result<Raw> {
        made!(ptr::null_mut(), napi_get_undefined, self.0)
    }

    pub fn boolean(self, value: bool) -> Result<Raw> {
        made!(ptr::null_mut(), napi_get_boolean, self.0, value)
    }

    pub fn number(self, value: f64) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_double, self.0, value)
    }

    pub fn small(self, value: i32) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_int32, self.0, value)
    }

    pub fn bigint(self, value: i64) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_bigint_int64, self.0, value)
    }

    pub fn unsigned_bigint(self, value: u64) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_bigint_uint64, self.0, value)
    }

    /// V8 keeps text of one byte per character; what is ASCII needs no decoding for it.
    pub fn text(self, value: &str) -> Result<Raw> {
        let (start, length) = (value.as_ptr().cast(), value.len().cast_signed());
        if value.is_ascii() {
            return made!(ptr::null_mut(), napi_create_string_latin1, self.0, start, length);
        }
        made!(ptr::null_mut(), napi_create_string_utf8, self.0, start, length)
    }

    /// A Date of milliseconds since 1970.
    pub fn date(self, milliseconds: f64) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_date, self.0, milliseconds)
    }

    pub fn array(self, length: usize) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_array_with_length, self.0, length)
    }

    pub fn put(self, array: Raw, index: usize, value: Raw) -> Result<()> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        // SAFETY: as `made`.
        check_status!(unsafe { sys::napi_set_element(self.0, array, index, value) })
    }

    pub fn object(self) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_object, self.0)
    }

    /// An own property, whatever its name, `__proto__` too.
    pub fn define(self, object: Raw, name: &str, value: Raw) -> Result<()> {
        let descriptor = sys::napi_property_descriptor {
            utf8name: ptr::null(),
            name: self.text(name)?,
            method: None,
            getter: None,
            setter: None,
            value,
            // Writable, enumerable and configurable, as of an object literal.
            attributes: 1 | 2 | 4,
            data: ptr::null_mut(),
        };
        // SAFETY: as `made`.
        check_status!(unsafe {
            sys::napi_define_properties(self.0, object, 1, &raw const descriptor)
        })
    }

    pub fn set(self, object: Raw, name: &CStr, value: Raw) -> Result<()> {
        // SAFETY: as `made`.
        check_status!(unsafe { sys::napi_set_named_property(self.0, object, name.as_ptr(), value) })
    }

    /// An ArrayBuffer with a copy of some bytes.
    pub fn copied(self, bytes: &[u8]) -> Result<Raw> {
        let mut start: *mut c_void = ptr::null_mut();
        let mut buffer = ptr::null_mut();
        // SAFETY: as `made`; the new buffer has room for all of the bytes.
        unsafe {
            check_status!(sys::napi_create_arraybuffer(
                self.0,
                bytes.len(),
                &raw mut start,
                &raw mut buffer
            ))?;
            if !bytes.is_empty() {
                ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast(), bytes.len());
            }
        }
        Ok(buffer)
    }

    /// A typed array over all of a buffer.
    pub fn typed(self, kind: sys::napi_typedarray_type, length: usize, buffer: Raw) -> Result<Raw> {
        made!(ptr::null_mut(), napi_create_typedarray, self.0, kind, length, buffer, 0)
    }

    /// A Uint8Array with a copy of some bytes.
    pub fn bytes(self, bytes: &[u8]) -> Result<Raw> {
        let buffer = self.copied(bytes)?;
        self.typed(sys::TypedarrayType::uint8_array, bytes.len(), buffer)
    }

    /// Runs `make` in a scope of its own, so that what it makes on the way can be collected.
    pub fn scoped<T>(self, make: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut scope = ptr::null_mut();
        // SAFETY: the scope is closed below, in order.
        check_status!(unsafe { sys::napi_open_handle_scope(self.0, &raw mut scope) })?;
        let made = make();
        // SAFETY: it was opened above.
        check_status!(unsafe { sys::napi_close_handle_scope(self.0, scope) })?;
        made
    }

    /// What `typeof` says, with null apart.
    pub fn kind(self, value: Raw) -> Result<sys::napi_valuetype> {
        made!(0, napi_typeof, self.0, value)
    }

    pub fn is_array(self, value: Raw) -> Result<bool> {
        made!(false, napi_is_array, self.0, value)
    }

    pub fn is_date(self, value: Raw) -> Result<bool> {
        made!(false, napi_is_date, self.0, value)
    }

    pub fn is_typed_array(self, value: Raw) -> Result<bool> {
        made!(false, napi_is_typedarray, self.0, value)
    }

    pub fn is_array_buffer(self, value: Raw) -> Result<bool> {
        made!(false, napi_is_arraybuffer, self.0, value)
    }

    pub fn is_data_view(self, value: Raw) -> Result<bool> {
        made!(false, napi_is_dataview, self.0, value)
    }

    pub fn length(self, array: Raw) -> Result<usize> {
        let length: Result<u32> = made!(0, napi_get_array_length, self.0, array);
        Ok(length? as usize)
    }

    pub fn item(self, array: Raw, index: usize) -> Result<Raw> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        made!(ptr::null_mut(), napi_get_element, self.0, array, index)
    }

    pub fn property(self, object: Raw, name: Raw) -> Result<Raw> {
        made!(ptr::null_mut(), napi_get_property, self.0, object, name)
    }

    /// The own and inherited enumerable names, as an array.
    pub fn names(self, object: Raw) -> Result<Raw> {
        made!(ptr::null_mut(), napi_get_property_names, self.0, object)
    }

    pub fn read_boolean(self, value: Raw) -> Result<bool> {
        made!(false, napi_get_value_bool, self.0, value)
    }

    pub fn read_number(self, value: Raw) -> Result<f64> {
        made!(0.0, napi_get_value_double, self.0, value)
    }

    pub fn read_date(self, value: Raw) -> Result<f64> {
        made!(0.0, napi_get_date_value, self.0, value)
    }

    /// The code units of a text, which need not be well formed.
    pub fn read_units(self, value: Raw) -> Result<Vec<u16>> {
        let length: Result<usize> =
            made!(0, napi_get_value_string_utf16, self.0, value, ptr::null_mut(), 0);
        let mut units = vec![0u16; length? + 1];
        let (start, room) = (units.as_mut_ptr(), units.len());
        let read: Result<usize> = made!(0, napi_get_value_string_utf16, self.0, value, start, room);
        units.truncate(read?);
        Ok(units)
    }

    /// A text, with U+FFFD in the place of each half of a pair that stands alone.
    pub fn read_text(self, value: Raw) -> Result<String> {
        let length: Result<usize> =
            made!(0, napi_get_value_string_utf8, self.0, value, ptr::null_mut(), 0);
        let mut bytes = vec![0u8; length? + 1];
        let (start, room) = (bytes.as_mut_ptr().cast(), bytes.len());
        let read: Result<usize> = made!(0, napi_get_value_string_utf8, self.0, value, start, room);
        bytes.truncate(read?);
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }

    /// Sign and magnitude of a BigInt; `None` if it has more than 128 bits.
    pub fn read_bigint(self, value: Raw) -> Result<Option<(bool, u128)>> {
        let (mut sign, mut count, mut words) = (0, 2usize, [0u64; 2]);
        // SAFETY: as `made`; `count` says how many words there is room for.
        check_status!(unsafe {
            sys::napi_get_value_bigint_words(
                self.0,
                value,
                &raw mut sign,
                &raw mut count,
                words.as_mut_ptr(),
            )
        })?;
        if count > 2 {
            return Ok(None);
        }
        let [low, high] = words;
        let low = if count > 0 { low } else { 0 };
        let high = if count > 1 { high } else { 0 };
        Ok(Some((sign != 0, (u128::from(high) << 64) | u128::from(low))))
    }

    /// The kind of a typed array, and its bytes, which JavaScript may change as soon as the
    /// call returns.
    pub fn typed_bytes(self, value: &Raw) -> Result<(sys::napi_typedarray_type, &[u8])> {
        let (mut kind, mut length, mut start) = (0, 0usize, ptr::null_mut());
        // SAFETY: as `made`; what is not asked for may be NULL.
        check_status!(unsafe {
            sys::napi_get_typedarray_info(
                self.0,
                *value,
                &raw mut kind,
                &raw mut length,
                &raw mut start,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        Ok((kind, slice(start, length * width(kind))))
    }

    /// The bytes of an ArrayBuffer.
    pub fn buffer_bytes(self, value: &Raw) -> Result<&[u8]> {
        let (mut start, mut length) = (ptr::null_mut(), 0usize);
        // SAFETY: as `made`.
        check_status!(unsafe {
            sys::napi_get_arraybuffer_info(self.0, *value, &raw mut start, &raw mut length)
        })?;
        Ok(slice(start, length))
    }

    /// The bytes of a DataView.
    pub fn view_bytes(self, value: &Raw) -> Result<&[u8]> {
        let (mut start, mut length) = (ptr::null_mut(), 0usize);
        // SAFETY: as `made`; what is not asked for may be NULL.
        check_status!(unsafe {
            sys::napi_get_dataview_info(
                self.0,
                *value,
                &raw mut length,
                &raw mut start,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        })?;
        Ok(slice(start, length))
    }
}

/// The value of an argument.
pub fn raw(value: &Unknown<'_>) -> Raw {
    value.raw()
}

/// The bytes of an item of a typed array.
pub fn width(kind: sys::napi_typedarray_type) -> usize {
    use sys::TypedarrayType as T;
    match kind {
        T::int8_array | T::uint8_array | T::uint8_clamped_array => 1,
        T::int16_array | T::uint16_array => 2,
        T::int32_array | T::uint32_array | T::float32_array => 4,
        _ => 8,
    }
}

fn slice<'a>(start: *mut c_void, length: usize) -> &'a [u8] {
    if start.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: Node says that these bytes are there, and no JavaScript runs that could detach
    // them before they are copied: who reads them is a call of this addon.
    unsafe { std::slice::from_raw_parts(start.cast(), length) }
}
