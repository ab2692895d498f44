//! The command line, as far as it must be understood before IPython is there.
//!
//! The grammar is that of traitlets' applications (`--Class.trait=value`, `--alias value`, `--flag`), read
//! without Python, because the executable `ipyrust` binds the sockets before there is one. What is not known
//! is kept apart and reported, never fatal, since launchers pass on options meant for other kernels.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use pyo3::prelude::*;

/// What ipykernel and IPython call these; a value follows, joined by `=` or as the next argument.
const ALIASES: &[(&str, &str, &str)] = &[
    ("f", "IPKernelApp", "connection_file"),
    ("ip", "IPKernelApp", "ip"),
    ("transport", "IPKernelApp", "transport"),
    ("hb", "IPKernelApp", "hb_port"),
    ("shell", "IPKernelApp", "shell_port"),
    ("iopub", "IPKernelApp", "iopub_port"),
    ("stdin", "IPKernelApp", "stdin_port"),
    ("control", "IPKernelApp", "control_port"),
    ("existing", "IPKernelApp", "existing"),
    ("user", "Session", "username"),
    ("ident", "Session", "session"),
    ("keyfile", "Session", "keyfile"),
    ("profile", "BaseIPythonApplication", "profile"),
    ("profile-dir", "ProfileDir", "location"),
    ("ipython-dir", "BaseIPythonApplication", "ipython_dir"),
    ("config", "BaseIPythonApplication", "extra_config_file"),
    ("log-level", "Application", "log_level"),
    ("autocall", "InteractiveShell", "autocall"),
    ("colors", "InteractiveShell", "colors"),
    ("theme", "InteractiveShell", "colors"),
    ("logfile", "InteractiveShell", "logfile"),
    ("logappend", "InteractiveShell", "logappend"),
    ("cache-size", "InteractiveShell", "cache_size"),
    ("c", "InteractiveShellApp", "code_to_run"),
    ("m", "InteractiveShellApp", "module_to_run"),
    ("ext", "InteractiveShellApp", "extra_extensions"),
    ("gui", "InteractiveShellApp", "gui"),
    ("pylab", "InteractiveShellApp", "pylab"),
    ("matplotlib", "InteractiveShellApp", "matplotlib"),
];

/// Also without a value: what they mean then.
const FLAGS: &[(&str, &str, &str, Meaning)] = &[
    ("debug", "Application", "log_level", Meaning::Number(10)),
    ("quiet", "Application", "log_level", Meaning::Number(50)),
    ("init", "BaseIPythonApplication", "copy_config_files", ON),
    ("no-stdout", "IPKernelApp", "no_stdout", ON),
    ("no-stderr", "IPKernelApp", "no_stderr", ON),
    ("trio-loop", "IPKernelApp", "trio_loop", ON),
    ("pylab", "InteractiveShellApp", "pylab", AUTO),
    ("matplotlib", "InteractiveShellApp", "matplotlib", AUTO),
    ("pdb", "InteractiveShell", "pdb", ON),
    ("no-pdb", "InteractiveShell", "pdb", OFF),
    ("autoindent", "InteractiveShell", "autoindent", ON),
    ("no-autoindent", "InteractiveShell", "autoindent", OFF),
    ("automagic", "InteractiveShell", "automagic", ON),
    ("no-automagic", "InteractiveShell", "automagic", OFF),
    ("color-info", "InteractiveShell", "color_info", ON),
    ("no-color-info", "InteractiveShell", "color_info", OFF),
    ("pprint", "PlainTextFormatter", "pprint", ON),
    ("no-pprint", "PlainTextFormatter", "pprint", OFF),
    ("ignore-cwd", "InteractiveShellApp", "ignore_cwd", ON),
    ("no-ignore-cwd", "InteractiveShellApp", "ignore_cwd", OFF),
];

const ON: Meaning = Meaning::Truth(true);
const OFF: Meaning = Meaning::Truth(false);
const AUTO: Meaning = Meaning::Text("auto");

/// The value of a flag.
#[derive(Clone, Copy)]
enum Meaning {
    Truth(bool),
    Number(i64),
    Text(&'static str),
}

/// A value as it was given; a text is not interpreted yet.
#[derive(Clone, IntoPyObject)]
pub(crate) enum Value {
    Truth(bool),
    Number(i64),
    Text(OsString),
}

impl From<Meaning> for Value {
    fn from(meaning: Meaning) -> Value {
        match meaning {
            Meaning::Truth(truth) => Value::Truth(truth),
            Meaning::Number(number) => Value::Number(number),
            Meaning::Text(text) => Value::Text(text.into()),
        }
    }
}

/// The class, the trait, and the value.
pub(crate) type Setting = (String, String, Value);

/// A command line, read.
#[derive(Default)]
pub(crate) struct Arguments {
    /// In the order given.
    pub(crate) settings: Vec<Setting>,
    /// What launchers pass on; the arguments of `-c` and `-m`.
    pub(crate) extra: Vec<OsString>,
    pub(crate) unknown: Vec<OsString>,
    pub(crate) help: bool,
    pub(crate) version: bool,
}

impl Arguments {
    /// Reads a command line without the program's name.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Arguments {
        let mut arguments = Arguments::default();
        let mut rest: VecDeque<OsString> = words.into_iter().collect();
        while let Some(word) = rest.pop_front() {
            let bytes = word.as_bytes();
            if bytes == b"--" {
                arguments.extra.extend(rest);
                break;
            }
            if bytes.first() != Some(&b'-') || bytes == b"-" {
                // As Python's own command line: what follows a file belongs to the file.
                arguments.extra.push(word);
                arguments.extra.extend(rest);
                break;
            }
            arguments.option(word, &mut rest);
        }
        arguments
    }

    fn option(&mut self, word: OsString, rest: &mut VecDeque<OsString>) {
        let bytes = word.as_bytes();
        let dashes = bytes.iter().take_while(|byte| **byte == b'-').count();
        let bytes = &bytes[dashes..];
        let (name, joined) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        // A name that is not text is nobody's.
        let name = str::from_utf8(name).unwrap_or_default();
        let alias = ALIASES.iter().find(|alias| alias.0 == name);
        if joined.is_none() {
            match name {
                "help" | "h" | "help-all" => return self.help = true,
                "version" | "V" => return self.version = true,
                _ => {}
            }
            // `--matplotlib inline` and `--matplotlib` are both known.
            let takes_next = alias.is_some()
                && rest
                    .front()
                    .is_some_and(|next| !next.as_bytes().starts_with(b"-"));
            if !takes_next
                && let Some((_, class, name, meaning)) = FLAGS.iter().find(|flag| flag.0 == name)
            {
                return self.set(class, name, (*meaning).into());
            }
        }
        let target = match alias {
            Some((_, class, name)) => Some((*class, *name)),
            None => name
                .rsplit_once('.')
                .filter(|(class, name)| is_identifier(name) && class.split('.').all(is_identifier)),
        };
        let value = joined.map(|value| OsStr::from_bytes(value).to_owned());
        match target {
            Some((class, name)) => match value.or_else(|| rest.pop_front()) {
                Some(value) => self.set(class, name, Value::Text(value)),
                None => self.unknown.push(word),
            },
            None => self.unknown.push(word),
        }
    }

    fn set(&mut self, class: &str, name: &str, value: Value) {
        self.settings
            .push((class.to_owned(), name.to_owned(), value));
    }
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    let starts = |first: char| first.is_alphabetic() || first == '_';
    characters.next().is_some_and(starts)
        && characters.all(|next| next.is_alphanumeric() || next == '_')
}

/// The text that was given last for a trait, if any was.
pub(crate) fn last<'a>(settings: &'a [Setting], class: &str, name: &str) -> Option<&'a OsStr> {
    let given = settings
        .iter()
        .rev()
        .find(|setting| setting.0 == class && setting.1 == name)?;
    match &given.2 {
        Value::Text(text) => Some(text),
        // No trait that we read ourselves has a flag.
        Value::Truth(_) | Value::Number(_) => None,
    }
}

type Parts = (Vec<Setting>, Vec<OsString>, Vec<OsString>, bool, bool);

/// Read a command line without the program's name.
///
/// Settings (class, trait and value, in the order given), what launchers pass on, what is not
/// known, and whether help or the version was asked for.
#[pyfunction]
pub(crate) fn read_arguments(argv: Vec<OsString>) -> Parts {
    let read = Arguments::read(argv);
    (
        read.settings,
        read.extra,
        read.unknown,
        read.help,
        read.version,
    )
}
