//! Python objects to JSON text and back.
//!
//! Encoding writes straight from the objects into the text: no tree in between, and no second pass to
//! check what was written. It may run Python (an `__iter__`, a `__str__`), so no lock may be held around it.
//! What is accepted is what `jupyter_client` accepts, so that a library sees no difference, except that
//! not-a-number becomes `null` here where it would be refused there.
//!
//! Decoding builds the common cases directly. The uncommon ones (lone surrogates, integers beyond 64 bits,
//! `NaN`, nesting deeper than 128) are given to Python's own `json`, which knows what Python wants of them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use ipyrust_kernel::protocol::RawJson;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRecursionError, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDict, PyFloat, PyInt, PyList, PyMapping,
    PyMemoryView, PyString, PyTuple, PyType, PyTzInfoAccess,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

/// Deeper objects are refused: about where Python's own encoder gives up, and far from the end of any stack.
const DEEPEST: usize = 900;

/// The JSON text of a Python object.
pub(crate) fn encode(object: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    let failure = RefCell::new(None);
    let value = Value {
        object,
        depth: 0,
        failure: &failure,
    };
    match serde_json::to_string(&value) {
        Ok(text) => Ok(RawJson::from_encoder(text)),
        Err(error) => {
            let failure = failure.take();
            Err(failure.unwrap_or_else(|| PyRuntimeError::new_err(error.to_string())))
        }
    }
}

/// The JSON text of a Python mapping; anything else is a `TypeError` that names `what` it was meant for.
pub(crate) fn encode_mapping(object: &Bound<'_, PyAny>, what: &str) -> PyResult<RawJson> {
    if object.is_exact_instance_of::<PyDict>() || object.cast::<PyMapping>().is_ok() {
        return encode(object);
    }
    let kind = object.get_type().qualname()?;
    Err(PyTypeError::new_err(format!(
        "{what} must be a mapping, not {kind}"
    )))
}

/// The Python object a JSON text stands for.
pub(crate) fn decode<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if let Ok(object) = (Build { py }).deserialize(&mut deserializer)
        && deserializer.end().is_ok()
    {
        return Ok(object);
    }
    // Either Python's `json` can do what we leave to it, or its error is the one a Python reader knows.
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((text,))
}

/// The JSON text of an object, as it would stand in a message.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub(crate) fn json_encode<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(value.py(), encode(value)?.as_bytes()))
}

/// The object a JSON text stands for.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub(crate) fn json_decode<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = text.py();
    match text.cast::<PyBytes>() {
        Ok(bytes) => decode(
            py,
            PyString::from_encoded_object(bytes, Some(c"utf-8"), None)?.to_str()?,
        ),
        Err(_) => decode(py, text.extract()?),
    }
}

/// The text of a `str`, with each lone surrogate replaced: UTF-8 has no place for it, and half of the
/// clients would fail on an escaped one.
pub(crate) fn text<'a>(string: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = string.to_str() {
        return Ok(Cow::Borrowed(text));
    }
    let py = string.py();
    let encoded = string
        .call_method1(intern!(py, "encode"), ("utf-16-le", "surrogatepass"))?
        .cast_into::<PyBytes>()?;
    let units = encoded
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let characters = char::decode_utf16(units);
    Ok(characters
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect())
}

/// One Python object on its way into the text.
struct Value<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    depth: usize,
    /// Where the Python exception goes; the serializer's own error type cannot carry it.
    failure: &'a RefCell<Option<PyErr>>,
}

impl<'py> Value<'_, 'py> {
    fn fail<E: serde::ser::Error>(&self, error: PyErr) -> E {
        *self.failure.borrow_mut() = Some(error);
        E::custom("a Python exception")
    }

    fn check<T, E: serde::ser::Error>(&self, result: PyResult<T>) -> Result<T, E> {
        result.map_err(|error| self.fail(error))
    }

    fn item<'b>(&'b self, object: &'b Bound<'py, PyAny>) -> Value<'b, 'py> {
        Value {
            object,
            depth: self.depth + 1,
            failure: self.failure,
        }
    }

    fn dict<S: Serializer>(
        &self,
        dict: &Bound<'py, PyDict>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let length = dict.len();
        let mut map = serializer.serialize_map(Some(length))?;
        let mut items = dict.iter();
        for _ in 0..length {
            // Encoding an earlier value may have run Python, and that may have changed the dictionary.
            // The iterator would panic; Python raises.
            if dict.len() != length {
                let error = PyRuntimeError::new_err("dictionary changed size during iteration");
                return Err(self.fail(error));
            }
            let Some((key, value)) = items.next() else {
                break;
            };
            self.entry(&mut map, &key, &value)?;
        }
        map.end()
    }

    fn entry<M: SerializeMap>(
        &self,
        map: &mut M,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> Result<(), M::Error> {
        let value = self.item(value);
        if let Ok(key) = key.cast::<PyString>() {
            return map.serialize_entry(&*self.check(text(key))?, &value);
        }
        // As Python's `json` writes the keys it knows, and as `jupyter_client` writes all others.
        let key = if key.is_none() {
            "null".to_owned()
        } else if let Ok(key) = key.cast::<PyBool>() {
            key.is_true().to_string()
        } else if let Ok(key) = key.cast_exact::<PyInt>() {
            self.check(digits(key.as_any()))?
        } else {
            self.check(key.str().and_then(|key| Ok(text(&key)?.into_owned())))?
        };
        map.serialize_entry(&key, &value)
    }

    fn items<S: Serializer>(
        &self,
        length: Option<usize>,
        items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(length)?;
        for item in items {
            sequence.serialize_element(&self.item(&self.check(item)?))?;
        }
        sequence.end()
    }

    /// What is not one of JSON's own types: as `jupyter_client.jsonutil.json_default` maps it.
    #[cold]
    fn other<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (object, py) = (self.object, self.object.py());
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return serializer.collect_str(&Base64Display::new(bytes.as_bytes(), &STANDARD));
        }
        if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() {
            let bytes = object.call_method0(intern!(py, "tobytes"));
            let bytes = bytes.or_else(|_| py.get_type::<PyBytes>().call1((object,)));
            return self.item(&self.check(bytes)?).serialize(serializer);
        }
        if let Ok(moment) = object.cast::<PyDateTime>() {
            return serializer.serialize_str(&self.check(iso8601(moment))?);
        }
        if let Ok(mapping) = object.cast::<PyMapping>() {
            let items = self.check(mapping.items())?;
            let mut map = serializer.serialize_map(Some(items.len()))?;
            for item in items {
                let (key, value) =
                    self.check(item.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>())?;
                self.entry(&mut map, &key, &value)?;
            }
            return map.end();
        }
        if self.check(is_instance(
            object,
            &ITERABLE,
            "collections.abc",
            "Iterable",
        ))? {
            return self.items(None, self.check(object.try_iter())?, serializer);
        }
        if self.check(is_instance(object, &INTEGRAL, "numbers", "Integral"))? {
            let number = self.check(py.get_type::<PyInt>().call1((object,)))?;
            return self.item(&number).serialize(serializer);
        }
        if self.check(is_instance(object, &REAL, "numbers", "Real"))? {
            let number = self.check(py.get_type::<PyFloat>().call1((object,)))?;
            return self.item(&number).serialize(serializer);
        }
        let kind = self.check(object.get_type().qualname())?;
        let sentence = format!("Object of type {kind} is not JSON serializable");
        Err(self.fail(PyTypeError::new_err(sentence)))
    }
}

impl Serialize for Value<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = self.object;
        // The commonest first: each test is one look at the type's flags.
        if let Ok(string) = object.cast::<PyString>() {
            return serializer.serialize_str(&self.check(text(string))?);
        }
        if self.depth > DEEPEST {
            let sentence = "maximum recursion depth exceeded while encoding a JSON object";
            return Err(self.fail(PyRecursionError::new_err(sentence)));
        }
        if let Ok(dict) = object.cast::<PyDict>() {
            return self.dict(dict, serializer);
        }
        if object.is_none() {
            return serializer.serialize_unit();
        }
        if let Ok(flag) = object.cast::<PyBool>() {
            return serializer.serialize_bool(flag.is_true());
        }
        if let Ok(number) = object.cast::<PyInt>() {
            if let Ok(number) = number.extract::<i64>() {
                return serializer.serialize_i64(number);
            }
            let digits = self.check(digits(number.as_any()))?;
            // A whole number of any size is valid JSON, and only a raw value carries it through.
            return RawValue::from_string(digits)
                .map_err(S::Error::custom)?
                .serialize(serializer);
        }
        if let Ok(number) = object.cast::<PyFloat>() {
            // Writes `null` for what is not finite.
            return serializer.serialize_f64(number.value());
        }
        if let Ok(list) = object.cast::<PyList>() {
            return self.items(Some(list.len()), list.iter().map(Ok), serializer);
        }
        if let Ok(tuple) = object.cast::<PyTuple>() {
            return self.items(Some(tuple.len()), tuple.iter().map(Ok), serializer);
        }
        self.other(serializer)
    }
}

static ITERABLE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INTEGRAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static REAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn is_instance(
    object: &Bound<'_, PyAny>,
    class: &'static PyOnceLock<Py<PyType>>,
    module: &str,
    name: &str,
) -> PyResult<bool> {
    object.is_instance(class.import(object.py(), module, name)?)
}

/// The decimal digits of an `int`, whatever a subclass (an `IntEnum`) says of itself.
fn digits(number: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = number.py();
    let digits = py
        .get_type::<PyInt>()
        .call_method1(intern!(py, "__repr__"), (number,))?;
    digits.extract()
}

/// A moment as the messaging specification writes dates; one without a zone is local time.
fn iso8601(moment: &Bound<'_, PyDateTime>) -> PyResult<String> {
    let py = moment.py();
    let moment = match moment.get_tzinfo() {
        Some(_) => moment.as_any().clone(),
        None => moment.call_method0(intern!(py, "astimezone"))?,
    };
    let text: String = moment.call_method0(intern!(py, "isoformat"))?.extract()?;
    Ok(match text.strip_suffix("+00:00") {
        Some(moment) => format!("{moment}Z"),
        None => text,
    })
}

/// Builds Python objects from what the parser finds.
#[derive(Clone, Copy)]
struct Build<'py> {
    py: Python<'py>,
}

impl<'py> Build<'py> {
    fn object<T, E>(self, value: T) -> Result<Bound<'py, PyAny>, E>
    where
        T: IntoPyObjectExt<'py>,
        E: serde::de::Error,
    {
        value.into_bound_py_any(self.py).map_err(E::custom)
    }
}

impl<'de, 'py> DeserializeSeed<'de> for Build<'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Build<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.object(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.object(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.object(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        // May be an integer that was too long for the parser: Python's own reads it exactly.
        if value.abs() >= i64::MAX as f64 {
            return Err(E::custom("a number beyond 64 bits"));
        }
        self.object(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.py, value).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        let list = PyList::new(self.py, items).map_err(serde::de::Error::custom)?;
        Ok(list.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.py);
        while let Some(key) = access.next_key_seed(self)? {
            let value = access.next_value_seed(self)?;
            dict.set_item(key, value)
                .map_err(serde::de::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}
