//! Python's cached bytecode, read as its import system reads it, with fewer questions on the way.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pyo3::marshal;
use pyo3::prelude::*;

/// What stands before the code: a magic number, flags, and the time and size of the source.
const HEADER: usize = 16;

/// The code of a module, if the cache holds what its source says today.
///
/// `None` leaves the module to Python's own loader: there is no cache, or one of another Python, of another
/// source, or one that is checked by a hash.
#[pyfunction]
#[pyo3(signature = (source, cached, magic, /))]
pub(crate) fn cached_code(
    py: Python<'_>,
    source: PathBuf,
    cached: PathBuf,
    magic: [u8; 4],
) -> Option<Bound<'_, PyAny>> {
    let bytecode = py.detach(|| read(&source, &cached, magic))?;
    marshal::loads(py, bytecode.get(HEADER..)?).ok()
}

/// The bytes of the cache, if they are of this source.
fn read(source: &Path, cached: &Path, magic: [u8; 4]) -> Option<Vec<u8>> {
    let mut file = File::open(cached).ok()?;
    let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).ok()?;
    let source = std::fs::metadata(source).ok()?;
    let mut expected = [0; HEADER];
    expected[..4].copy_from_slice(&magic);
    // Of both the cache keeps 32 bits.
    expected[8..12].copy_from_slice(&(source.mtime() as u32).to_le_bytes());
    expected[12..].copy_from_slice(&(source.size() as u32).to_le_bytes());
    bytes.starts_with(&expected).then_some(bytes)
}
