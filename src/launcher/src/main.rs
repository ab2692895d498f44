//! The executable `ipyrust`: finds the Python of its environment and becomes it, running the
//! kernel.
//!
//! It is linked to no libpython and knows no Python version: which Python it becomes is decided
//! from files, before any Python runs ([`detection`]). A Python whose own executable runs on a
//! shared libpython is embedded: that very library is loaded into this process and entered as
//! the executable itself would enter it. Any other is executed in place of this process
//! ([`start`]). Either way the kernel begins in `ipyrust.__main__`, as with `python -m ipyrust`.
//!
//! Only std, and only what stands in this folder: the wheel's build compiles this file with one
//! call of rustc.

// Rust's own start ignores SIGPIPE and installs handlers for SIGSEGV and SIGBUS. A Python that
// is embedded must find the process as its own executable would have, so `main` is C's.
#![cfg_attr(not(test), no_main)]

mod arguments;
mod binary;
mod detection;
mod doctor;
mod embed;
mod interpreter;
mod json;
mod kernelspecs;
mod package;
mod start;
#[cfg(test)]
mod testing;

use std::ffi::OsString;
use std::io::Write;

use arguments::{Arguments, Command};
use detection::Surroundings;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const HELP: &str = "\
A Jupyter kernel for Python.

Usage: ipyrust [--python PYTHON] -f CONNECTION_FILE [OPTIONS OF THE KERNEL]
       ipyrust [--python PYTHON] doctor

Options:
  --python PYTHON  the Python to run on: an executable, the folder of an environment,
                   or a name to look for in PATH
  --version        print the version
  --help           print this
  --help-all       print every option of the kernel

Commands:
  doctor           say which Python is used and why, and check the kernelspecs

Without --python, these are asked in turn for a Python that has ipyrust:
IPYRUST_PYTHON, the folder of this program, VIRTUAL_ENV, CONDA_PREFIX, PATH.
IPYRUST_DOOR=exec runs that Python in place of this program instead of inside it.
";

/// What `main` was called with is all this needs; the result is the exit code.
fn run(words: Vec<OsString>) -> i32 {
    let arguments = match Arguments::parse(words.get(1..).unwrap_or_default()) {
        Ok(arguments) => arguments,
        Err(sentence) => return fail(&sentence),
    };
    let surroundings = Surroundings::of_this_process(words.first());
    match arguments.command {
        Command::Help => print(HELP, 0),
        Command::Version => print(&format!("ipyrust {VERSION}\n"), 0),
        Command::Doctor => {
            let (report, healthy) = doctor::examine(arguments.python.as_deref(), &surroundings);
            print(&report, if healthy { 0 } else { 1 })
        }
        Command::Kernel(kernel_arguments) => {
            match start::kernel(
                arguments.python.as_deref(),
                &kernel_arguments,
                &surroundings,
            ) {
                Ok(code) => code,
                Err(sentence) => fail(&sentence),
            }
        }
    }
}

/// Writes for a reader who may have gone, as `ipyrust doctor | head` does.
fn print(text: &str, code: i32) -> i32 {
    embed::ignore_closed_pipes();
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => 1,
        _ => code,
    }
}

fn fail(sentence: &str) -> i32 {
    embed::ignore_closed_pipes();
    // Nobody can be told if even the error stream is closed.
    let _ = writeln!(std::io::stderr(), "error: {sentence}");
    1
}
