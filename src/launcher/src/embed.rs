//! The unsafe part: loads a libpython into this process and enters it, or gives this process
//! to another executable. Nothing of Python has run before, and only this thread, but for those of
//! the kernel that starts before Python does.

use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
    fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
}

// As the loader binds what an executable needs: when it is first called.
const RTLD_LAZY: c_int = 0x1;
// As Python binds what an extension module needs: at once.
const RTLD_NOW: c_int = 0x2;
// Extension modules find the C API among the global symbols.
#[cfg(target_os = "macos")]
const RTLD_GLOBAL: c_int = 0x8;
#[cfg(not(target_os = "macos"))]
const RTLD_GLOBAL: c_int = 0x100;
const SIGPIPE: c_int = 13;
const SIG_IGN: usize = 1;

/// C's `main`: see the first lines of main.rs.
// SAFETY: no other symbol of this executable is named `main`, and this one has C's signature.
#[cfg_attr(not(test), unsafe(no_mangle))]
// The executable of the tests has a `main` of its own.
#[cfg_attr(test, allow(dead_code))]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    let words = (0..count)
        .map(|position| {
            // SAFETY: C gives `count` strings that live as long as the process.
            let word = unsafe { CStr::from_ptr(*words.add(position)) };
            OsString::from_vec(word.to_bytes().to_vec())
        })
        .collect();
    crate::run(words)
}

/// A libpython in this process.
pub(crate) struct Library(*mut c_void);

impl Library {
    /// The error is the loader's, in its words.
    pub(crate) fn load(path: &Path) -> Result<Library, String> {
        // SAFETY: the initialisers that run are those of the library that this environment's own
        // executable loads.
        unsafe { open(path, RTLD_LAZY | RTLD_GLOBAL) }.map(Library)
    }

    /// Does what the executable `python` does with its arguments, all of it: returns when
    /// Python has ended, with its exit code.
    pub(crate) fn run(&self, words: &[OsString]) -> Result<i32, String> {
        type Main = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;
        let address = symbol(self.0, c"Py_BytesMain").ok_or_else(loader_error)?;
        // SAFETY: CPython declares `Py_BytesMain` so since 3.8, in its stable interface.
        let main = unsafe { std::mem::transmute::<*mut c_void, Main>(address) };
        // Python may keep pointers into its arguments: they are never freed.
        let mut words: Vec<*mut c_char> = words
            .iter()
            .map(|word| c_string(word).map(CString::into_raw))
            .collect::<Result<_, _>>()?;
        let count = c_int::try_from(words.len()).map_err(|error| error.to_string())?;
        words.push(std::ptr::null_mut());
        // SAFETY: `words` are `count` strings and a null, as C's main gets them.
        Ok(unsafe { main(count, words.leak().as_mut_ptr()) })
    }
}

/// ipyrust's extension module in this process, which Python will find here when it imports it.
pub(crate) struct Core(Start);

/// `ipyrust_start_early` in src/python/src/early.rs.
type Start = unsafe extern "C" fn(*const *const c_char, *const *const c_char) -> c_int;

impl Core {
    /// The extension must fit the libpython that has been loaded. None, if Python had better find out
    /// itself what is wrong with it, or if it is of a version that starts with Python only.
    pub(crate) fn load(path: &Path) -> Option<Core> {
        // SAFETY: what runs is what would run when Python imports the module; its symbols are found
        // in the library that was loaded for it.
        let library = unsafe { open(path, RTLD_NOW) }.ok()?;
        let address = symbol(library, c"ipyrust_start_early")?;
        // SAFETY: the extension declares it so.
        Some(Core(unsafe {
            std::mem::transmute::<*mut c_void, Start>(address)
        }))
    }

    /// Starts the kernel of this command line; the exit code, if the process is to end with it.
    pub(crate) fn start(&self, words: &[OsString], folders: &[PathBuf]) -> Result<c_int, String> {
        let words = CStrings::new(words.iter().map(OsString::as_os_str))?;
        let folders = CStrings::new(folders.iter().map(|folder| folder.as_os_str()))?;
        // SAFETY: both arrays end in a null and live through the call. This is the main thread, and
        // Python has not been entered.
        Ok(unsafe { self.0(words.pointers.as_ptr(), folders.pointers.as_ptr()) })
    }
}

/// Strings as C takes them: an array of pointers that ends in a null.
struct CStrings {
    pointers: Vec<*const c_char>,
    // What they point to.
    _strings: Vec<CString>,
}

impl CStrings {
    fn new<'a>(words: impl Iterator<Item = &'a OsStr>) -> Result<CStrings, String> {
        let strings = words.map(c_string).collect::<Result<Vec<CString>, _>>()?;
        let mut pointers: Vec<*const c_char> = strings.iter().map(|word| word.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Ok(CStrings {
            pointers,
            _strings: strings,
        })
    }
}

/// Gives this process to another executable. Returns only an error.
///
/// Not by `std::process::Command`, which would change signal dispositions on the way.
pub(crate) fn execute(path: &Path, words: &[OsString]) -> String {
    let prepare = || -> Result<(CString, CStrings), String> {
        let words = CStrings::new(words.iter().map(OsString::as_os_str))?;
        Ok((c_string(path.as_os_str())?, words))
    };
    let (path, words) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    // SAFETY: all strings live through the call, and a null ends them.
    unsafe { execv(path.as_ptr(), words.pointers.as_ptr()) };
    let error = std::io::Error::last_os_error().to_string();
    // The system's own words, without its number for them.
    match error.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => error,
    }
}

/// For this process and what it becomes.
pub(crate) fn set_variable(name: &str, value: &OsStr) {
    // SAFETY: this process has one thread.
    unsafe { std::env::set_var(name, value) };
}

/// A write to a closed pipe is an error afterwards, not the end of the process.
pub(crate) fn ignore_closed_pipes() {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { signal(SIGPIPE, SIG_IGN) };
}

/// Loads a library, which is never closed. The error is the loader's, in its words.
///
/// # Safety
/// The library's initialisers run.
unsafe fn open(path: &Path, flags: c_int) -> Result<*mut c_void, String> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: the string lives through the call, and the caller knows the library.
    let library = unsafe { dlopen(path.as_ptr(), flags) };
    if library.is_null() {
        Err(loader_error())
    } else {
        Ok(library)
    }
}

/// The address of a function in a library.
fn symbol(library: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: no library is ever closed; the name ends in a zero.
    let address = unsafe { dlsym(library, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}

fn c_string(text: &OsStr) -> Result<CString, String> {
    // The system gave us every string that we pass on, so that there can be no zero in one.
    CString::new(text.as_bytes()).map_err(|error| error.to_string())
}

fn loader_error() -> String {
    // SAFETY: the loader's message lives until its next call, and is copied before that.
    let message = unsafe { dlerror() };
    if message.is_null() {
        return "the loader gives no reason".to_owned();
    }
    // SAFETY: it is not null, and ends in a zero.
    unsafe { CStr::from_ptr(message) }
        .to_string_lossy()
        .into_owned()
}
