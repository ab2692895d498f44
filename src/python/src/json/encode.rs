//! Python objects to JSON text.
//!
//! No tree in between, and no second pass to check what was written. Encoding may run Python (an
//! `__iter__`, a `__str__`), so no lock may be held around it. What is accepted is what `jupyter_client`
//! accepts, so that a library sees no difference, except that not-a-number becomes `null` here where it
//! would be refused there.

use std::fmt::{Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipyrust_kernel::protocol::RawJson;
use pyo3::exceptions::{PyRecursionError, PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDict, PyFloat, PyInt, PyList, PyMapping,
    PyMemoryView, PyString, PyTuple, PyType, PyTzInfoAccess,
};

use super::text;

/// Deeper objects are refused: about where Python's own encoder gives up, and far from the end of any stack.
const DEEPEST: usize = 900;
/// A string is searched and copied in parts that the processor still holds when it copies them.
const WINDOW: usize = 16 << 10;

/// The JSON text of a Python object.
pub(crate) fn encode(object: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    let mut encoder = Encoder::default();
    encoder.value(object, 0)?;
    Ok(RawJson::from_encoder(encoder.json))
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

/// The text so far.
#[derive(Default)]
struct Encoder {
    json: String,
}

impl Encoder {
    fn value(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        // The commonest first: each test is one look at the type's flags.
        if let Ok(string) = object.cast::<PyString>() {
            self.string(&text(string)?);
            return Ok(());
        }
        if depth > DEEPEST {
            let sentence = "maximum recursion depth exceeded while encoding a JSON object";
            return Err(PyRecursionError::new_err(sentence));
        }
        if let Ok(dict) = object.cast::<PyDict>() {
            self.dict(dict, depth)
        } else if object.is_none() {
            self.json.push_str("null");
            Ok(())
        } else if let Ok(flag) = object.cast::<PyBool>() {
            self.display(flag.is_true());
            Ok(())
        } else if let Ok(number) = object.cast::<PyInt>() {
            match number.extract::<i64>() {
                Ok(number) => self.display(number),
                // A whole number of any size is valid JSON.
                Err(_) => self.json.push_str(&digits(number.as_any())?),
            }
            Ok(())
        } else if let Ok(number) = object.cast::<PyFloat>() {
            self.float(number.value());
            Ok(())
        } else if let Ok(list) = object.cast::<PyList>() {
            self.items(list.iter().map(Ok), depth)
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            self.items(tuple.iter().map(Ok), depth)
        } else {
            self.other(object, depth)
        }
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<()> {
        let length = dict.len();
        let mut items = dict.iter();
        self.json.push('{');
        for place in 0..length {
            // Encoding an earlier value may have run Python, and that may have changed the dictionary.
            // The iterator would panic; Python raises.
            if dict.len() != length {
                let sentence = "dictionary changed size during iteration";
                return Err(PyRuntimeError::new_err(sentence));
            }
            let Some((key, value)) = items.next() else {
                break;
            };
            self.entry(place, &key, &value, depth)?;
        }
        self.json.push('}');
        Ok(())
    }

    fn entry(
        &mut self,
        place: usize,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        depth: usize,
    ) -> PyResult<()> {
        if place > 0 {
            self.json.push(',');
        }
        // As Python's `json` writes the keys it knows, and as `jupyter_client` writes all others.
        if let Ok(key) = key.cast::<PyString>() {
            self.string(&text(key)?);
        } else if key.is_none() {
            self.string("null");
        } else if let Ok(key) = key.cast::<PyBool>() {
            self.string(if key.is_true() { "true" } else { "false" });
        } else if let Ok(key) = key.cast_exact::<PyInt>() {
            self.string(&digits(key.as_any())?);
        } else {
            self.string(&text(&key.str()?)?);
        }
        self.json.push(':');
        self.value(value, depth + 1)
    }

    fn items<'py>(
        &mut self,
        items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
        depth: usize,
    ) -> PyResult<()> {
        self.json.push('[');
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.json.push(',');
            }
            self.value(&item?, depth + 1)?;
        }
        self.json.push(']');
        Ok(())
    }

    /// What is not one of JSON's own types: as `jupyter_client.jsonutil.json_default` maps it.
    #[cold]
    fn other(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        let py = object.py();
        if let Ok(bytes) = object.cast::<PyBytes>() {
            let length = base64::encoded_len(bytes.as_bytes().len(), true);
            self.make_room(length.unwrap_or_default());
            self.json.push('"');
            STANDARD.encode_string(bytes.as_bytes(), &mut self.json);
            self.json.push('"');
            return Ok(());
        }
        if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() {
            let bytes = object.call_method0(intern!(py, "tobytes"));
            let bytes = bytes.or_else(|_| py.get_type::<PyBytes>().call1((object,)))?;
            return self.value(&bytes, depth + 1);
        }
        if let Ok(moment) = object.cast::<PyDateTime>() {
            self.string(&iso8601(moment)?);
            return Ok(());
        }
        if let Ok(mapping) = object.cast::<PyMapping>() {
            self.json.push('{');
            for (place, item) in mapping.items()?.iter().enumerate() {
                let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
                self.entry(place, &key, &value, depth)?;
            }
            self.json.push('}');
            return Ok(());
        }
        if is_instance(object, &ITERABLE, "collections.abc", "Iterable")? {
            return self.items(object.try_iter()?, depth);
        }
        if is_instance(object, &INTEGRAL, "numbers", "Integral")? {
            let number = py.get_type::<PyInt>().call1((object,))?;
            return self.value(&number, depth + 1);
        }
        if is_instance(object, &REAL, "numbers", "Real")? {
            let number = py.get_type::<PyFloat>().call1((object,))?;
            return self.value(&number, depth + 1);
        }
        let kind = object.get_type().qualname()?;
        let sentence = format!("Object of type {kind} is not JSON serializable");
        Err(PyTypeError::new_err(sentence))
    }

    fn display(&mut self, value: impl Display) {
        // Writing into a string does not fail.
        let _ = write!(self.json, "{value}");
    }

    /// The shortest digits that mean this number; JSON has no others than finite ones.
    fn float(&mut self, number: f64) {
        if number.is_finite() {
            let _ = write!(self.json, "{number:?}");
        } else {
            self.json.push_str("null");
        }
    }

    fn string(&mut self, text: &str) {
        self.make_room(text.len());
        self.json.push('"');
        let mut rest = text;
        while !rest.is_empty() {
            let mut end = rest.len().min(WINDOW);
            while !rest.is_char_boundary(end) {
                end += 1;
            }
            let (window, after) = rest.split_at(end);
            self.characters(window);
            rest = after;
        }
        self.json.push('"');
    }

    /// Makes room for a string. Of a long one it also is for what comes after it: a text of megabytes that is
    /// full has to be copied when it grows.
    fn make_room(&mut self, length: usize) {
        self.json.reserve(length + length / 64 + 2);
    }

    fn characters(&mut self, text: &str) {
        let mut rest = text;
        while let Some(place) = first_special(rest.as_bytes()) {
            // A special byte is a character of its own.
            let (plain, special) = rest.split_at(place);
            self.json.push_str(plain);
            match special.as_bytes()[0] {
                b'"' => self.json.push_str("\\\""),
                b'\\' => self.json.push_str("\\\\"),
                b'\n' => self.json.push_str("\\n"),
                b'\r' => self.json.push_str("\\r"),
                b'\t' => self.json.push_str("\\t"),
                control => {
                    let _ = write!(self.json, "\\u{control:04x}");
                }
            }
            rest = &special[1..];
        }
        self.json.push_str(rest);
    }
}

/// Where the first byte is that cannot stand in a string of JSON as it is.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Without an exit in it the compiler looks at the whole of a block at once.
    let any = |block: &[u8]| block.iter().fold(false, |any, byte| any | special(*byte));
    let start = bytes
        .chunks_exact(BLOCK)
        .position(any)
        .map_or(bytes.len() - bytes.len() % BLOCK, |block| block * BLOCK);
    let place = bytes[start..].iter().position(|byte| special(*byte))?;
    Some(start + place)
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
