//! Reads from an ELF executable which libpython it needs and where its loader looks for it.
//!
//! Only the little-endian 64-bit form is read; of any other file nothing is said, and a Python
//! of which nothing is said is executed, which is always right.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The libpython among the needed libraries of an executable.
#[derive(Debug, PartialEq)]
pub(crate) struct NeededLibpython {
    pub(crate) name: String,
    /// Searched before `LD_LIBRARY_PATH`.
    pub(crate) rpath: Vec<String>,
    /// Searched after it. A file that has this has its rpath ignored.
    pub(crate) runpath: Vec<String>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

// More than any executable has; a damaged file must not make us allocate gigabytes.
const MOST_HEADERS: u64 = 1 << 10;
const MOST_BYTES: u64 = 1 << 24;

/// `None` for an executable that needs no libpython, and for what is not such an executable.
pub(crate) fn needed_libpython(executable: &Path) -> Option<NeededLibpython> {
    let file = File::open(executable).ok()?;
    let header = read(&file, 0, 64)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = number(&header, 32, 8)?;
    let size = number(&header, 54, 2)?;
    let count = number(&header, 56, 2)?;
    if size < 56 || count > MOST_HEADERS {
        return None;
    }

    let headers = read(&file, table, size * count)?;
    let mut segments = Vec::new();
    let mut dynamic = None;
    for header in headers.chunks_exact(usize::try_from(size).ok()?) {
        let offset = number(header, 8, 8)?;
        let address = number(header, 16, 8)?;
        let length = number(header, 32, 8)?;
        match u32::try_from(number(header, 0, 4)?).ok()? {
            PT_LOAD => segments.push((address, offset, length)),
            PT_DYNAMIC => dynamic = Some((offset, length)),
            _ => {}
        }
    }

    let (offset, length) = dynamic?;
    let dynamic = read(&file, offset, length)?;
    let mut entries: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for entry in dynamic.chunks_exact(16) {
        let tag = number(entry, 0, 8)?;
        if tag == 0 {
            break;
        }
        entries.entry(tag).or_default().push(number(entry, 8, 8)?);
    }

    let first = |tag: u64| entries.get(&tag).and_then(|values| values.first()).copied();
    let address = first(DT_STRTAB)?;
    let offset = segments.iter().find_map(|&(start, offset, length)| {
        let inside = address.checked_sub(start)?;
        (inside < length).then_some(offset.checked_add(inside)?)
    })?;
    let strings = read(&file, offset, first(DT_STRSZ)?)?;
    let string = |position: u64| -> Option<String> {
        let rest = strings.get(usize::try_from(position).ok()?..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        String::from_utf8(rest.get(..end)?.to_vec()).ok()
    };
    let folders = |tag: u64| -> Vec<String> {
        let lists = first(tag).and_then(string).unwrap_or_default();
        lists
            .split(':')
            .filter(|folder| !folder.is_empty())
            .map(str::to_owned)
            .collect()
    };

    let needed = entries.get(&DT_NEEDED)?;
    let name = needed
        .iter()
        .filter_map(|&position| string(position))
        .find(|name| name.starts_with("libpython3."))?;
    Some(NeededLibpython {
        name,
        rpath: folders(DT_RPATH),
        runpath: folders(DT_RUNPATH),
    })
}

/// Whether an ELF file ends before what its headers promise. Loading such a file ends the process,
/// since what is missing is mapped all the same. Of other files nothing is said.
pub(crate) fn is_cut_short(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    if read(&file, 0, 6).is_none_or(|magic| magic != b"\x7fELF\x02\x01") {
        return false;
    }
    let whole = || -> Option<bool> {
        let header = read(&file, 0, 64)?;
        let (size, count) = (number(&header, 54, 2)?, number(&header, 56, 2)?);
        let headers = read(&file, number(&header, 32, 8)?, size * count)?;
        let length = file.metadata().ok()?.len();
        let mut whole = true;
        for header in headers.chunks_exact(usize::try_from(size).ok()?) {
            let end = number(header, 8, 8)?.checked_add(number(header, 32, 8)?)?;
            whole &= number(header, 0, 4)? != u64::from(PT_LOAD) || end <= length;
        }
        Some(whole)
    };
    whole() != Some(true)
}

fn read(file: &File, offset: u64, length: u64) -> Option<Vec<u8>> {
    if length > MOST_BYTES {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

fn number(bytes: &[u8], offset: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(offset..offset.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, elf};

    #[test]
    fn a_shared_python_tells_its_library_and_where_it_looks() {
        let folder = Folder::new();
        let python = folder.file(
            "python",
            &elf("libpython3.12.so.1.0", "/p/lib:$ORIGIN/../lib"),
        );
        assert_eq!(
            needed_libpython(&python),
            Some(NeededLibpython {
                name: "libpython3.12.so.1.0".to_owned(),
                rpath: vec![],
                runpath: vec!["/p/lib".to_owned(), "$ORIGIN/../lib".to_owned()],
            })
        );
    }

    #[test]
    fn a_static_python_needs_none() {
        let folder = Folder::new();
        let python = folder.file("python", &elf("libm.so.6", ""));
        assert_eq!(needed_libpython(&python), None);
    }

    #[test]
    fn a_file_that_was_not_written_to_its_end_is_known() {
        let folder = Folder::new();
        let whole = elf("libpython3.12.so.1.0", "/p/lib");
        assert!(!is_cut_short(&folder.file("whole", &whole)));
        for length in 6..whole.len() {
            let part = folder.file("part", &whole[..length]);
            assert!(is_cut_short(&part), "cut at {length}");
        }
        assert!(!is_cut_short(&folder.file("other", b"\xcf\xfa\xed\xfe")));
        assert!(!is_cut_short(&folder.path("nothing")));
    }

    #[test]
    fn a_damaged_file_says_nothing() {
        let folder = Folder::new();
        let whole = elf("libpython3.12.so.1.0", "/p/lib");
        for length in 0..whole.len() - 1 {
            let part = folder.file("python", &whole[..length]);
            assert_eq!(needed_libpython(&part), None, "cut at {length}");
        }
        for position in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0xff;
            // No panic and no huge allocation is all that can be said of any damage.
            let _ = needed_libpython(&folder.file("python", &bytes));
        }
    }
}
