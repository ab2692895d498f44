//! Starts the kernel in the Python that was chosen, inside this process or in its place.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::binary;
use crate::detection::{self, Choice, Surroundings};
use crate::embed::{self, Core, Library};
use crate::interpreter::{Interpreter, Libpython};
use crate::package;

/// What the chosen Python runs. Not `-m ipyrust`, which would import the kernel with the
/// current directory on `sys.path`: a notebook's folder may hold a `json.py` of its own.
/// In words that every Python reads, down to the one that is too old.
const BOOT: &str = "\
import sys
if sys.path[:1] == ['']: del sys.path[0]
try:
    import ipyrust._core
except ImportError as error:
    anew = '' if error.name == 'ipyrust' else '--force-reinstall '
    todo = 'install it there: `%s -m pip install %sipyrust`' % (sys.executable, anew)
    if sys.version_info < (3, 10): todo = 'ipyrust needs Python 3.10 or later'
    sys.exit('error: `%s` (Python %d.%d) cannot load ipyrust: %s; %s'
        % ((sys.executable,) + sys.version_info[:2] + (error, todo)))
from ipyrust.__main__ import main
sys.exit(main())
";

/// What it runs if this program has loaded the extension, its first argument: no other copy of it
/// must be imported. Short, for it is compiled at every start.
const BOOT_LOADED: &str = "\
import sys
if sys.path[:1] == ['']: del sys.path[0]
try: from ipyrust.__main__ import main
except ImportError as error: sys.exit('error: cannot load ipyrust: %s' % error)
sys.exit(main(sys.argv.pop(1)))
";

/// Becomes the kernel. Returns its exit code if it ran inside this process.
pub(crate) fn kernel(
    python: Option<&OsStr>,
    arguments: &[OsString],
    surroundings: &Surroundings,
) -> Result<i32, String> {
    let choice = detection::detect(python, surroundings)?;
    check(&choice, surroundings)?;
    let door = Door::of(&choice, surroundings)?;
    if let Some(value) = search_path(&choice, surroundings) {
        embed::set_variable("PYTHONPATH", &value);
    }

    let words = |boot: &[&OsStr]| {
        let mut words = vec![choice.executable.clone().into(), "-c".into()];
        words.extend(boot.iter().map(|word| word.to_os_string()));
        words.extend_from_slice(arguments);
        words
    };
    match door {
        Door::Embedded(library) => {
            let mut boot = vec![OsStr::new(BOOT)];
            if let Some(installed) = &choice.installed
                && let Some(interpreter) = &choice.interpreter
                && let Some(core) = Core::load(&installed.extension)
            {
                let folders = package::search_path(interpreter, installed, surroundings);
                let code = core.start(arguments, &folders)?;
                if code != 0 {
                    return Ok(code);
                }
                boot = vec![OsStr::new(BOOT_LOADED), installed.extension.as_os_str()];
            }
            library.run(&words(&boot)).map_err(|error| {
                format!(
                    "`{}` cannot be entered: {error}; set `IPYRUST_DOOR=exec`",
                    executable(&choice)
                )
            })
        }
        Door::Executed => {
            let error = embed::execute(&choice.executable, &words(&[OsStr::new(BOOT)]));
            Err(format!(
                "`{}` cannot be run: {error}; name another Python with `--python`",
                executable(&choice)
            ))
        }
    }
}

/// What files and variables say against starting it, in a sentence that a loader would not find.
pub(crate) fn check(choice: &Choice, surroundings: &Surroundings) -> Result<(), String> {
    if asked_to_embed(surroundings)? == Some(true) && library(choice).is_none() {
        return Err(format!(
            "`IPYRUST_DOOR` is `embed`, but `{}` runs on no shared libpython; unset it",
            executable(choice)
        ));
    }
    check_home(choice, surroundings)?;
    match &choice.installed {
        Some(installed) if binary::is_cut_short(&installed.extension) => Err(format!(
            "`{}` is cut short; install it anew: `{} -m pip install --force-reinstall ipyrust`",
            installed.extension.display(),
            executable(choice)
        )),
        _ => Ok(()),
    }
}

/// How the kernel's Python is entered.
enum Door {
    Embedded(Library),
    /// Always right: for a static Python, and for one of which files say too little.
    Executed,
}

impl Door {
    fn of(choice: &Choice, surroundings: &Surroundings) -> Result<Door, String> {
        let embedded = asked_to_embed(surroundings)?;
        match library(choice) {
            // A missing library is told here in a sentence; the executable could only be ended
            // by the loader.
            Some(path) => {
                let library = Library::load(&path).map_err(|error| {
                    format!(
                        "`{}` needs a library that cannot be loaded: {error}; \
                         install this Python anew",
                        executable(choice)
                    )
                })?;
                Ok(if embedded == Some(false) {
                    Door::Executed
                } else {
                    Door::Embedded(library)
                })
            }
            None => Ok(Door::Executed),
        }
    }
}

/// What `IPYRUST_DOOR` asks for, if it asks for anything.
fn asked_to_embed(surroundings: &Surroundings) -> Result<Option<bool>, String> {
    let asked = surroundings
        .variable("IPYRUST_DOOR")
        .filter(|value| !value.is_empty());
    match asked.map(OsStr::as_encoded_bytes) {
        None => Ok(None),
        Some(b"embed") => Ok(Some(true)),
        Some(b"exec") => Ok(Some(false)),
        Some(_) => Err(format!(
            "`IPYRUST_DOOR` is `{}`; set it to `embed` or `exec`, or unset it",
            asked.unwrap_or_default().display()
        )),
    }
}

fn library(choice: &Choice) -> Option<PathBuf> {
    choice.interpreter.as_ref().and_then(library_to_embed)
}

/// The library that the interpreter's own executable loads.
pub(crate) fn library_to_embed(interpreter: &Interpreter) -> Option<PathBuf> {
    // Such an executable cannot load libraries.
    if cfg!(target_feature = "crt-static") {
        return None;
    }
    match &interpreter.libpython {
        Libpython::Static => None,
        Libpython::Shared(path) => Some(path.clone()),
        Libpython::Named(name) => Some(name.into()),
    }
}

/// A `PYTHONHOME` made for another Python ends this one before it can say why.
fn check_home(choice: &Choice, surroundings: &Surroundings) -> Result<(), String> {
    let home = surroundings
        .variable("PYTHONHOME")
        .filter(|value| !value.is_empty());
    let (Some(home), Some(interpreter)) = (home, &choice.interpreter) else {
        return Ok(());
    };
    // `prefix:exec_prefix` is allowed.
    let prefix = std::env::split_paths(home).next().unwrap_or_default();
    let prefix = surroundings.working_directory.join(prefix);
    let library = interpreter.version.library();
    let has = |lib: &str| prefix.join(lib).join(&library).join("os.py").is_file();
    // A library in an archive is as good.
    let archive = format!("lib/python3{}.zip", interpreter.version.minor);
    if has("lib") || has("lib64") || prefix.join(archive).is_file() {
        return Ok(());
    }
    Err(format!(
        "`PYTHONHOME` is `{}`, which holds no library for `{}` (Python {}); unset it",
        home.display(),
        executable(choice),
        interpreter.version
    ))
}

/// `PYTHONPATH` with the folder that ipyrust was installed into beside this program, as its
/// user would otherwise have to set it.
fn search_path(choice: &Choice, surroundings: &Surroundings) -> Option<OsString> {
    let folder = choice.installed.as_ref()?.add_to_path.as_deref()?;
    let mut value = folder.as_os_str().to_owned();
    if let Some(others) = surroundings
        .variable("PYTHONPATH")
        .filter(|others| !others.is_empty())
    {
        value.push(":");
        value.push(others);
    }
    Some(value)
}

fn executable(choice: &Choice) -> std::path::Display<'_> {
    Path::display(&choice.executable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn choice(folder: &Folder, variables: &[(&str, &str)]) -> (Choice, Surroundings) {
        let program = folder.path("target/bin/ipyrust");
        let surroundings = Surroundings::made_up(&program, &folder.path("cwd"), variables);
        let python = folder.path("usr/bin/python");
        let choice = detection::detect(Some(python.as_os_str()), &surroundings).unwrap();
        (choice, surroundings)
    }

    #[test]
    fn a_foreign_home_is_one_sentence() {
        let folder = Folder::new();
        folder.python("usr", "3.12");
        folder.python("other", "3.11");
        folder.python("same", "3.12");
        let check = |prefix: &str| {
            let home = folder.path(prefix).display().to_string();
            let (choice, surroundings) = choice(&folder, &[("PYTHONHOME", &home)]);
            check_home(&choice, &surroundings)
        };
        assert_eq!(check("same"), Ok(()));
        let sentence = check("other").unwrap_err();
        assert!(sentence.contains("holds no library for"), "{sentence}");
        assert!(sentence.ends_with("(Python 3.12); unset it"), "{sentence}");
    }

    #[test]
    fn a_target_is_put_before_what_the_user_named() {
        let folder = Folder::new();
        folder.python("usr", "3.12");
        folder.package("target", "3.12");
        let target = folder.path("target").display().to_string();
        let (own, surroundings) = choice(&folder, &[]);
        assert_eq!(
            search_path(&own, &surroundings),
            Some(target.clone().into())
        );
        let (own, surroundings) = choice(&folder, &[("PYTHONPATH", "/x:/y")]);
        assert_eq!(
            search_path(&own, &surroundings),
            Some(format!("{target}:/x:/y").into())
        );
    }

    #[test]
    fn a_static_python_is_executed() {
        let folder = Folder::new();
        folder.python("usr", "3.12");
        let (own, surroundings) = choice(&folder, &[]);
        assert!(matches!(Door::of(&own, &surroundings), Ok(Door::Executed)));
        assert_eq!(check(&own, &surroundings), Ok(()));
        let (own, surroundings) = choice(&folder, &[("IPYRUST_DOOR", "embed")]);
        let sentence = check(&own, &surroundings).unwrap_err();
        assert!(sentence.contains("no shared libpython"), "{sentence}");
        let (own, surroundings) = choice(&folder, &[("IPYRUST_DOOR", "window")]);
        let sentence = check(&own, &surroundings).unwrap_err();
        assert!(sentence.contains("`embed` or `exec`"), "{sentence}");
    }

    #[test]
    fn a_library_that_cannot_be_loaded_is_one_sentence_through_either_door() {
        let folder = Folder::new();
        // An empty file where the library should be.
        folder.shared_python("usr", "3.12");
        for door in ["", "embed", "exec"] {
            let (own, surroundings) = choice(&folder, &[("IPYRUST_DOOR", door)]);
            let sentence = Door::of(&own, &surroundings).err().unwrap();
            assert!(
                sentence.contains("needs a library that cannot be loaded"),
                "{sentence}"
            );
            assert!(sentence.contains("libpython3.12.so.1.0"), "{sentence}");
        }
    }
}
