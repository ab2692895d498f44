//! What a python executable is, told from files alone: its version, its environment, the
//! library it runs on. Nothing is run.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::binary::{self, NeededLibpython};

#[derive(Debug, PartialEq)]
pub(crate) struct Interpreter {
    /// The path users know it by, its links not followed: this becomes `sys.executable`.
    pub(crate) executable: PathBuf,
    pub(crate) version: Version,
    pub(crate) virtual_environment: Option<VirtualEnvironment>,
    pub(crate) base_prefix: PathBuf,
    pub(crate) libpython: Libpython,
}

#[derive(Debug, PartialEq)]
pub(crate) struct VirtualEnvironment {
    pub(crate) prefix: PathBuf,
    pub(crate) system_site_packages: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Libpython {
    /// The interpreter is inside the executable.
    Static,
    Shared(PathBuf),
    /// Not where the executable says; the system's loader may know it by its name.
    Named(String),
}

/// CPython 3.`minor`, with the letter of a free-threaded build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) minor: u32,
    pub(crate) free_threaded: bool,
}

/// Why a path is not an interpreter that can be described.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Missing,
    /// A link of an environment whose Python is gone.
    Dangling(PathBuf),
    /// The environment's own copy is there, the Python it was made from is gone.
    BaseGone(PathBuf),
    NotExecutable,
    /// It may well start a Python (as pyenv's shims do); which one cannot be told from files.
    Opaque(&'static str),
    TooOld(Version),
}

/// The oldest version that there are extensions for.
const OLDEST_MINOR: u32 = 10;

impl Interpreter {
    pub(crate) fn inspect(executable: &Path) -> Result<Interpreter, Refusal> {
        let metadata = fs::metadata(executable).map_err(|_| match fs::read_link(executable) {
            Ok(target) => Refusal::Dangling(target),
            Err(_) => Refusal::Missing,
        })?;
        if metadata.is_dir() {
            return Err(Refusal::Missing);
        }
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
            return Err(Refusal::NotExecutable);
        }
        if is_script(executable) {
            return Err(Refusal::Opaque("a script"));
        }
        let real = fs::canonicalize(executable).map_err(|_| Refusal::Missing)?;
        let settings = Settings::of(executable);
        let base = match &settings {
            Some(settings) => settings.base_executable(&real)?,
            None => real.clone(),
        };

        let needed = binary::needed_libpython(&real);
        let version = needed
            .as_ref()
            .and_then(|needed| Version::of_library(&needed.name))
            .or_else(|| settings.as_ref().and_then(Settings::version))
            .or_else(|| Version::of_executable(&base))
            .or_else(|| only_version_around(&base))
            .ok_or(Refusal::Opaque("a program of no known version"))?;
        if version.minor < OLDEST_MINOR {
            return Err(Refusal::TooOld(version));
        }
        let base_prefix = prefix_around(&base, version).ok_or(Refusal::Opaque(
            "a program without a standard library around it",
        ))?;
        let libpython = match needed {
            None => Libpython::Static,
            Some(needed) => locate(needed, &real),
        };
        Ok(Interpreter {
            executable: executable.to_owned(),
            version,
            virtual_environment: settings.map(Settings::into_environment),
            base_prefix,
            libpython,
        })
    }
}

/// The folder with the environment's settings, as CPython looks for it: beside the executable
/// or one above, links not followed.
pub(crate) fn environment_around(executable: &Path) -> Option<PathBuf> {
    let beside = executable.parent()?;
    [Some(beside), beside.parent()]
        .into_iter()
        .flatten()
        .find(|folder| folder.join("pyvenv.cfg").is_file())
        .map(Path::to_owned)
}

/// A `pyvenv.cfg`, and the folder that it makes an environment.
struct Settings {
    prefix: PathBuf,
    text: String,
}

impl Settings {
    fn of(executable: &Path) -> Option<Settings> {
        let prefix = environment_around(executable)?;
        let bytes = fs::read(prefix.join("pyvenv.cfg")).ok()?;
        Some(Settings {
            prefix,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    }

    /// `version` is what venv writes, `version_info` what virtualenv and uv write.
    fn version(&self) -> Option<Version> {
        let text = self
            .value("version_info")
            .or_else(|| self.value("version"))?;
        let mut version = Version::parse(text)?;
        // Neither key names the build; the folder of packages does.
        let free_threaded = Version {
            free_threaded: true,
            ..version
        };
        if !self.prefix.join("lib").join(version.library()).is_dir()
            && self
                .prefix
                .join("lib")
                .join(free_threaded.library())
                .is_dir()
        {
            version = free_threaded;
        }
        Some(version)
    }

    /// The Python that this environment was made from. A copy inside the environment stands for
    /// the one in `home`.
    fn base_executable(&self, real: &Path) -> Result<PathBuf, Refusal> {
        let inside = fs::canonicalize(&self.prefix).is_ok_and(|prefix| real.starts_with(prefix));
        if !inside {
            return Ok(real.to_owned());
        }
        let Some(home) = self.value("home").map(PathBuf::from) else {
            return Ok(real.to_owned());
        };
        let versioned = self.version().map(|version| version.executable());
        let names = versioned
            .into_iter()
            .chain(["python3".to_owned(), "python".to_owned()]);
        names
            .filter_map(|name| fs::canonicalize(home.join(name)).ok())
            .find(|path| path.is_file())
            .ok_or(Refusal::BaseGone(home.clone()))
    }

    fn into_environment(self) -> VirtualEnvironment {
        let answer = self.value("include-system-site-packages");
        VirtualEnvironment {
            system_site_packages: answer.is_some_and(|word| word.eq_ignore_ascii_case("true")),
            prefix: self.prefix,
        }
    }
}

impl Version {
    /// From the start of `3.11`, `3.11.7.final.0`, `3.13t`.
    pub(crate) fn parse(text: &str) -> Option<Version> {
        let rest = text.strip_prefix("3.")?;
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len());
        let (minor, rest) = rest.split_at(end);
        Some(Version {
            minor: minor.parse().ok()?,
            free_threaded: rest.starts_with('t'),
        })
    }

    fn of_library(name: &str) -> Option<Version> {
        Version::parse(name.strip_prefix("libpython")?)
    }

    pub(crate) fn of_executable(path: &Path) -> Option<Version> {
        Version::of_name(path.file_name()?.to_str()?)
    }

    /// `python3.11` and `python3.13t`, not `python3.11-config`.
    pub(crate) fn of_name(name: &str) -> Option<Version> {
        let version = Version::parse(name.strip_prefix("python")?)?;
        (name.trim_end_matches('d') == version.executable()).then_some(version)
    }

    /// From `_core.cpython-313t-x86_64-linux-gnu.so`.
    pub(crate) fn of_extension(name: &str) -> Option<Version> {
        let rest = name.strip_prefix("_core.cpython-3")?;
        let (digits, _) = rest.split_once('-')?;
        Version::parse(&format!("3.{digits}"))
    }

    /// The executable's name, which is also that of the folder in `lib`.
    pub(crate) fn executable(self) -> String {
        format!("python{self}")
    }

    pub(crate) fn library(self) -> String {
        self.executable()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = if self.free_threaded { "t" } else { "" };
        write!(formatter, "3.{}{letter}", self.minor)
    }
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && &start == b"#!"
}

fn has_standard_library(prefix: &Path, version: Version) -> bool {
    ["lib", "lib64"].iter().any(|lib| {
        prefix
            .join(lib)
            .join(version.library())
            .join("os.py")
            .is_file()
    })
}

/// As CPython finds its prefix: upwards from its own executable.
fn prefix_around(executable: &Path, version: Version) -> Option<PathBuf> {
    executable
        .ancestors()
        .skip(1)
        .find(|path| has_standard_library(path, version))
        .map(Path::to_owned)
}

/// The version of a `bin/python` that says nothing, if its prefix holds one standard library.
fn only_version_around(executable: &Path) -> Option<Version> {
    let prefix = executable.parent()?.parent()?;
    let mut versions: Vec<Version> = fs::read_dir(prefix.join("lib"))
        .ok()?
        .flatten()
        .filter_map(|entry| Version::of_name(entry.file_name().to_str()?))
        .filter(|&version| has_standard_library(prefix, version))
        .collect();
    versions.dedup();
    match versions[..] {
        [version] => Some(version),
        _ => None,
    }
}

/// Where the loader finds the library that `executable` needs, in the loader's order: another
/// library of the same name, such as the system's beside a pyenv build, is another interpreter.
fn locate(needed: NeededLibpython, executable: &Path) -> Libpython {
    let origin = executable.parent().unwrap_or(Path::new("/"));
    let with_origin = |folder: &String| -> PathBuf {
        for word in ["$ORIGIN", "${ORIGIN}"] {
            if let Some(rest) = folder.strip_prefix(word) {
                let mut path: OsString = origin.into();
                path.push(rest);
                return path.into();
            }
        }
        folder.into()
    };
    let rpath = if needed.runpath.is_empty() {
        needed.rpath.as_slice()
    } else {
        &[]
    };
    let variable = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    // The loader takes an empty entry for the current directory.
    let named = std::env::split_paths(&variable).filter(|_| !variable.as_bytes().is_empty());
    let folders = rpath
        .iter()
        .map(with_origin)
        .chain(named)
        .chain(needed.runpath.iter().map(with_origin));
    let found = folders
        .map(|folder| folder.join(&needed.name))
        .find(|path| path.is_file());
    found.map_or(Libpython::Named(needed.name), Libpython::Shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, elf};

    fn inspect(path: &Path) -> Interpreter {
        Interpreter::inspect(path).unwrap()
    }

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_read_from_names() {
        assert_eq!(version("3.13t").to_string(), "3.13t");
        assert_eq!(version("3.11.7.final.0"), version("3.11"));
        assert_eq!(Version::of_name("python3.12"), Some(version("3.12")));
        assert_eq!(Version::of_name("python3.12-config"), None);
        assert_eq!(Version::of_name("python3"), None);
        assert_eq!(Version::of_name("python2.7"), None);
        let extension = "_core.cpython-313t-x86_64-linux-gnu.so";
        assert_eq!(Version::of_extension(extension), Some(version("3.13t")));
    }

    #[test]
    fn a_static_python_is_told_by_its_name() {
        let folder = Folder::new();
        folder.python("usr", "3.11");
        folder.python("usr2", "3.12");
        let python = inspect(&folder.path("usr/bin/python3"));
        assert_eq!(python.executable, folder.path("usr/bin/python3"));
        assert_eq!(python.version, version("3.11"));
        assert_eq!(python.base_prefix, folder.path("usr"));
        assert_eq!(python.libpython, Libpython::Static);
        assert_eq!(python.virtual_environment, None);
    }

    #[test]
    fn a_library_beside_a_static_python_is_not_its_own() {
        let folder = Folder::new();
        folder.python("conda", "3.12");
        folder.file("conda/lib/libpython3.12.so.1.0", b"");
        assert_eq!(
            inspect(&folder.path("conda/bin/python")).libpython,
            Libpython::Static
        );
    }

    #[test]
    fn a_shared_python_is_told_by_its_library() {
        let folder = Folder::new();
        let python = inspect(&folder.shared_python("pyenv", "3.13t"));
        assert_eq!(python.version, version("3.13t"));
        let library = folder.path("pyenv/lib/libpython3.13t.so.1.0");
        assert_eq!(python.libpython, Libpython::Shared(library));
    }

    #[test]
    fn a_library_found_from_the_origin_of_the_executable() {
        let folder = Folder::new();
        let content = elf("libpython3.12.so.1.0", "/nowhere:$ORIGIN/../lib");
        folder.executable("p/bin/python3.12", &content);
        folder.file("p/lib/python3.12/os.py", b"");
        folder.file("p/lib/libpython3.12.so.1.0", b"");
        let link = folder.link("elsewhere/python", &folder.path("p/bin/python3.12"));
        let library = folder.path("p/bin/../lib/libpython3.12.so.1.0");
        assert_eq!(inspect(&link).libpython, Libpython::Shared(library));
    }

    #[test]
    fn a_library_that_is_nowhere_is_left_to_the_loader() {
        let folder = Folder::new();
        folder.executable("p/bin/python3.12", &elf("libpython3.12.so.1.0", ""));
        folder.file("p/lib/python3.12/os.py", b"");
        let named = Libpython::Named("libpython3.12.so.1.0".to_owned());
        assert_eq!(inspect(&folder.path("p/bin/python3.12")).libpython, named);
    }

    #[test]
    fn a_virtual_environment_keeps_its_own_executable() {
        let folder = Folder::new();
        let base = folder.shared_python("base", "3.11");
        let python = folder.virtual_environment("venv", &base, "3.11");
        let found = inspect(&python);
        assert_eq!(found.executable, python);
        assert_eq!(found.base_prefix, folder.path("base"));
        let environment = found.virtual_environment.unwrap();
        assert_eq!(environment.prefix, folder.path("venv"));
        assert!(!environment.system_site_packages);
    }

    #[test]
    fn an_environment_of_copies_has_the_prefix_of_its_home() {
        let folder = Folder::new();
        folder.python("base", "3.12");
        let home = folder.path("base/bin").display().to_string();
        let settings = format!(
            "home = {home}\ninclude-system-site-packages = true\nversion_info = 3.12.1.final.0\n"
        );
        folder.file("venv/pyvenv.cfg", settings.as_bytes());
        let python = folder.executable("venv/bin/python", &elf("libm.so.6", ""));
        let found = inspect(&python);
        assert_eq!(found.version, version("3.12"));
        assert_eq!(found.base_prefix, folder.path("base"));
        assert!(found.virtual_environment.unwrap().system_site_packages);
    }

    #[test]
    fn a_removed_python_is_told_from_none() {
        let folder = Folder::new();
        let missing = Interpreter::inspect(&folder.path("venv/bin/python"));
        assert_eq!(missing, Err(Refusal::Missing));

        let base = folder.path("gone/bin/python3.11");
        let link = folder.virtual_environment("venv", &base, "3.11");
        assert_eq!(Interpreter::inspect(&link), Err(Refusal::Dangling(base)));

        folder.file("copies/pyvenv.cfg", b"home = /gone/bin\nversion = 3.11.1\n");
        let copy = folder.executable("copies/bin/python", &elf("libm.so.6", ""));
        assert_eq!(
            Interpreter::inspect(&copy),
            Err(Refusal::BaseGone("/gone/bin".into()))
        );
    }

    #[test]
    fn a_version_without_extensions_is_refused() {
        let folder = Folder::new();
        let old = folder.python("usr", "3.9");
        assert_eq!(
            Interpreter::inspect(&old),
            Err(Refusal::TooOld(version("3.9")))
        );
        assert!(Interpreter::inspect(&folder.python("usr2", "3.10")).is_ok());
    }

    #[test]
    fn what_cannot_be_told_from_files_is_opaque() {
        let folder = Folder::new();
        let shim = folder.executable("shims/python", b"#!/bin/sh\nexec pyenv exec python\n");
        assert_eq!(
            Interpreter::inspect(&shim),
            Err(Refusal::Opaque("a script"))
        );
        // Of a version that no machine has a library of, since the search goes up to the root.
        let alone = folder.executable("alone/bin/python3.99", &elf("libm.so.6", ""));
        assert!(matches!(
            Interpreter::inspect(&alone),
            Err(Refusal::Opaque(_))
        ));
        let text = folder.file("text/bin/python", b"");
        assert_eq!(Interpreter::inspect(&text), Err(Refusal::NotExecutable));
    }

    #[test]
    fn an_unnamed_python_has_the_version_of_the_one_library_around_it() {
        let folder = Folder::new();
        let python = folder.executable("p/bin/python", &elf("libm.so.6", ""));
        folder.file("p/lib/python3.13/os.py", b"");
        assert_eq!(inspect(&python).version, version("3.13"));
        folder.file("p/lib/python3.12/os.py", b"");
        assert!(matches!(
            Interpreter::inspect(&python),
            Err(Refusal::Opaque(_))
        ));
    }
}
