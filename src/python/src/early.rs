//! The start before Python: what the executable `ipyrust` calls when it has loaded this very library, and
//! before it enters the libpython that it has loaded too.
//!
//! The sockets are bound and answered while Python initialises itself and imports. `ipyrust.__main__` then
//! finds a kernel that runs (`Kernel.started`). Nothing of Python may be called here but what needs no
//! interpreter, and descriptors 1 and 2 are not captured yet: what Python says while it cannot start is for
//! the terminal.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::info::{self, Installed};
use crate::signals;
use crate::start::{self, Started};

/// The kernel that was started and that Python has not taken yet.
static STARTED: Mutex<Option<Started>> = Mutex::new(None);

pub(crate) fn take() -> Option<Started> {
    // It is whole whenever it is there, whatever happened to whoever held the lock.
    STARTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
}

/// Starts the kernel of a command line; 0, or the exit code of a process that has said what is wrong.
///
/// `words` are the command line without the program's name, `folders` what `sys.path` will hold.
///
/// # Safety
/// Both are arrays of C strings that end in a null. It is called once, on the process's main thread, before
/// Python is initialised.
// SAFETY: no other library exports this name, which launcher and extension agree on.
#[unsafe(no_mangle)]
#[expect(unreachable_pub, reason = "the launcher finds it by its name")]
pub unsafe extern "C" fn ipyrust_start_early(
    words: *const *const c_char,
    folders: *const *const c_char,
) -> c_int {
    let started = catch_unwind(|| {
        // SAFETY: as the caller promises.
        let (words, folders) = unsafe { (strings(words), strings(folders)) };
        begin(words, folders.into_iter().map(PathBuf::from))
    });
    match started {
        Ok(Ok(())) => 0,
        Ok(Err(sentence)) => {
            // Nobody can be told if even the error stream is closed.
            let _ = writeln!(std::io::stderr(), "error: {sentence}");
            1
        }
        // The panic has spoken for itself.
        Err(_) => 1,
    }
}

fn begin(words: Vec<OsString>, folders: impl Iterator<Item = PathBuf>) -> Result<(), String> {
    let arguments = Arguments::read(words);
    // These need Python, and nobody waits for an answer of theirs.
    if arguments.help || arguments.version || start::needs_directory(&arguments.settings) {
        return Ok(());
    }
    signals::prepare_main_thread().map_err(|error| error.to_string())?;
    let info = info::describe(Installed::on_path(folders));
    let started =
        start::start(&arguments.settings, None, info).map_err(|failure| failure.to_string())?;
    *STARTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
    // SAFETY: the handler is a function of this library, which is never closed.
    unsafe { libc::atexit(close) };
    Ok(())
}

/// Python has ended before it took the kernel: what waits is answered, and the sockets end before the
/// library's own state does.
extern "C" fn close() {
    if let Some(started) = take() {
        started.kernel.close(Duration::ZERO);
    }
}

/// # Safety
/// `strings` is an array of C strings that ends in a null.
unsafe fn strings(strings: *const *const c_char) -> Vec<OsString> {
    (0..)
        // SAFETY: no element behind the null is read.
        .map(|position| unsafe { *strings.add(position) })
        .take_while(|string| !string.is_null())
        // SAFETY: it is a C string, for it is not the null.
        .map(|string| OsStr::from_bytes(unsafe { CStr::from_ptr(string) }.to_bytes()).to_owned())
        .collect()
}
