//! Which Python this program belongs to, and why: what was asked for, else the first Python
//! that has ipyrust, in the order of [`Source`]. Failing is one sentence: what was tried, what
//! was found, what to do.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::interpreter::{Interpreter, Refusal, Version, environment_around};
use crate::package::{self, Installed, Package};

/// The Python that was chosen.
#[derive(Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) executable: PathBuf,
    pub(crate) source: Source,
    /// Nothing is known of an executable that only running would describe.
    pub(crate) interpreter: Option<Interpreter>,
    /// Nothing, if ipyrust is not seen in files: the Python will tell.
    pub(crate) installed: Option<Installed>,
}

/// Where a Python may come from, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    Argument,
    Variable,
    BesideProgram,
    VirtualEnv,
    CondaPrefix,
    Path,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Source::Argument => "`--python`",
            Source::Variable => "`IPYRUST_PYTHON`",
            Source::BesideProgram => "the folder of this program",
            Source::VirtualEnv => "`VIRTUAL_ENV`",
            Source::CondaPrefix => "`CONDA_PREFIX`",
            Source::Path => "`PATH`",
        })
    }
}

/// What the process was given, as a value, so that tests can make it up.
pub(crate) struct Surroundings {
    /// The path this program was called by, then where each of its links leads.
    pub(crate) own_paths: Vec<PathBuf>,
    pub(crate) working_directory: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl Surroundings {
    pub(crate) fn of_this_process(called_by: Option<&OsString>) -> Surroundings {
        let mut surroundings = Surroundings {
            own_paths: Vec::new(),
            working_directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            variables: std::env::vars_os().collect(),
        };
        let called_by = called_by.and_then(|name| surroundings.resolve(name));
        surroundings.own_paths = called_by.map(follow_links).unwrap_or_default();
        // Last: it is where an installer keeps the file (uv links into its cache), not where
        // the user's environment is.
        surroundings.own_paths.extend(std::env::current_exe());
        surroundings.own_paths.dedup();
        surroundings
    }

    #[cfg(test)]
    pub(crate) fn made_up(
        program: &Path,
        working_directory: &Path,
        variables: &[(&str, &str)],
    ) -> Surroundings {
        Surroundings {
            own_paths: follow_links(program.to_owned()),
            working_directory: working_directory.to_owned(),
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        let mut variables = self.variables.iter();
        let (_, value) = variables.find(|(own, _)| own == name)?;
        Some(value)
    }

    fn folders_of_path(&self) -> impl Iterator<Item = PathBuf> {
        let path = self.variable("PATH").unwrap_or_default();
        std::env::split_paths(path)
            // To a shell it is the current directory; a Python lying there is nobody's choice.
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| self.working_directory.join(folder))
    }

    /// A command as a shell finds it: a path if there is a slash in it, else a name in `PATH`.
    fn resolve(&self, command: &OsStr) -> Option<PathBuf> {
        if command.as_bytes().contains(&b'/') {
            // Without the `.` of `./ipyrust`, which nobody wants to read.
            return Some(self.working_directory.join(command).components().collect());
        }
        self.folders_of_path()
            .map(|folder| folder.join(command))
            .find(|path| is_executable(path))
    }

    /// The folders that may hold a Python, each once, by the first reason to look there.
    fn places(&self) -> Vec<(Source, PathBuf)> {
        let beside = self.own_paths.iter().filter_map(|path| path.parent());
        let mut places: Vec<(Source, PathBuf)> = beside
            .map(|folder| (Source::BesideProgram, folder.to_owned()))
            .collect();
        for (source, name) in [
            (Source::VirtualEnv, "VIRTUAL_ENV"),
            (Source::CondaPrefix, "CONDA_PREFIX"),
        ] {
            if let Some(prefix) = self.variable(name).filter(|value| !value.is_empty()) {
                places.push((source, self.working_directory.join(prefix).join("bin")));
            }
        }
        places.extend(self.folders_of_path().map(|folder| (Source::Path, folder)));
        let mut seen: Vec<PathBuf> = Vec::new();
        places.retain(|(_, folder)| {
            let new = !seen.contains(folder);
            if new {
                seen.push(folder.clone());
            }
            new
        });
        places
    }
}

pub(crate) fn detect(
    python: Option<&OsStr>,
    surroundings: &Surroundings,
) -> Result<Choice, String> {
    let asked = python.map(|value| (Source::Argument, value)).or_else(|| {
        let value = surroundings
            .variable("IPYRUST_PYTHON")
            .filter(|value| !value.is_empty())?;
        Some((Source::Variable, value))
    });
    match asked {
        Some((source, value)) => take(source, value, surroundings),
        None => search(surroundings),
    }
}

/// The Python that was asked for, and no other.
fn take(source: Source, value: &OsStr, surroundings: &Surroundings) -> Result<Choice, String> {
    let Some(mut executable) = surroundings.resolve(value) else {
        return Err(format!(
            "no Python found; {source} names `{}`, and nothing of that name is in `PATH`; \
             give the path of a Python",
            value.display()
        ));
    };
    if executable.is_dir() {
        let folder = executable.join("bin");
        let names = ["python", "python3"].map(|name| folder.join(name));
        let found = names
            .into_iter()
            .find(|path| fs::symlink_metadata(path).is_ok());
        executable = found.ok_or_else(|| {
            format!(
                "no Python found; {source} names the folder `{}`, which has no `bin/python`; \
                 give the path of a Python",
                executable.display()
            )
        })?;
    }
    let interpreter = match Interpreter::inspect(&executable) {
        Ok(interpreter) => interpreter,
        // Only running it will tell.
        Err(Refusal::Opaque(_)) => {
            return Ok(Choice {
                executable,
                source,
                interpreter: None,
                installed: None,
            });
        }
        Err(refusal) => {
            return Err(format!(
                "no Python found; {source} names `{}`, {}",
                executable.display(),
                explain(&refusal)
            ));
        }
    };
    match package::find(&interpreter, surroundings) {
        Package::Installed(installed) => Ok(chosen(source, interpreter, Some(installed))),
        Package::Nowhere => Ok(chosen(source, interpreter, None)),
        Package::OtherVersions { folder, versions } => Err(format!(
            "{source} names `{}` (Python {}), but {}",
            executable.display(),
            interpreter.version,
            reinstall(&executable, &folder, &versions),
        )),
    }
}

/// The first Python that has ipyrust.
fn search(surroundings: &Surroundings) -> Result<Choice, String> {
    let mut found = Vec::new();
    let mut unseen = None;
    for (source, folder) in surroundings.places() {
        let own = source == Source::BesideProgram;
        for executable in candidates(&folder) {
            let interpreter = match Interpreter::inspect(&executable) {
                Ok(interpreter) => interpreter,
                Err(Refusal::Missing) => continue,
                // Shims come in dozens: the plainest stands for its folder.
                Err(Refusal::Opaque(what)) => {
                    found.push(format!("`{}` ({what})", executable.display()));
                    break;
                }
                Err(refusal) => {
                    let sentence = format!("`{}`, {}", executable.display(), explain(&refusal));
                    let removed = matches!(refusal, Refusal::Dangling(_) | Refusal::BaseGone(_));
                    // No other Python is what the owner of this environment means.
                    if own && removed && environment_around(&executable).is_some() {
                        return Err(format!(
                            "the Python of this program's environment is gone: {sentence}"
                        ));
                    }
                    found.push(format!("`{}` ({})", executable.display(), name(&refusal)));
                    continue;
                }
            };
            match package::find(&interpreter, surroundings) {
                Package::Installed(installed) => {
                    return Ok(chosen(source, interpreter, Some(installed)));
                }
                Package::OtherVersions { folder, versions } => {
                    // As above.
                    if own && interpreter.virtual_environment.is_some() {
                        return Err(format!(
                            "the Python of this program's environment is `{}` (Python {}), but {}",
                            executable.display(),
                            interpreter.version,
                            reinstall(&executable, &folder, &versions)
                        ));
                    }
                    found.push(format!(
                        "`{}` (Python {}, but {})",
                        executable.display(),
                        interpreter.version,
                        only_for(&folder, &versions)
                    ));
                }
                Package::Nowhere => {
                    found.push(format!(
                        "`{}` (Python {}, without ipyrust)",
                        executable.display(),
                        interpreter.version
                    ));
                    // Our own environment may have us by ways that files do not show.
                    let inside = own && interpreter.virtual_environment.is_some();
                    if unseen.is_none() && inside {
                        unseen = Some(chosen(source, interpreter, None));
                    }
                }
            }
        }
    }
    unseen.ok_or_else(|| not_found(surroundings, found))
}

fn chosen(source: Source, interpreter: Interpreter, installed: Option<Installed>) -> Choice {
    Choice {
        executable: interpreter.executable.clone(),
        source,
        interpreter: Some(interpreter),
        installed,
    }
}

/// The plain names first, since `sys.executable` keeps the name; then, where several versions
/// share a folder, the newest first. One executable is looked at once.
fn candidates(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let plain = ["python", "python3"].map(|name| folder.join(name));
    let versioned = folder.to_owned();
    let versioned = std::iter::once_with(move || {
        let mut versions: Vec<Version> = fs::read_dir(&versioned)
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| Version::of_name(entry.file_name().to_str()?))
                    .collect()
            })
            .unwrap_or_default();
        versions.sort();
        versions.dedup();
        let names = versions.into_iter().rev().map(Version::executable);
        names.map(|name| versioned.join(name)).collect::<Vec<_>>()
    });
    let mut seen: Vec<PathBuf> = Vec::new();
    plain
        .into_iter()
        .chain(versioned.flatten())
        .filter(move |path| {
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            let new = !seen.contains(&real);
            if new {
                seen.push(real);
            }
            new
        })
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The path itself, then what each link in turn points to.
fn follow_links(path: PathBuf) -> Vec<PathBuf> {
    // As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let next = |path: &PathBuf| Some(path.parent()?.join(fs::read_link(path).ok()?));
    std::iter::successors(Some(path), next)
        .take(MOST_LINKS)
        .collect()
}

fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Missing => "which does not exist; give the path of a Python".to_owned(),
        Refusal::Dangling(target) => format!(
            "which points to `{}`, which does not exist; make the environment anew",
            target.display()
        ),
        Refusal::BaseGone(home) => format!(
            "which was made from the Python in `{}`, which does not exist; \
             make the environment anew",
            home.display()
        ),
        Refusal::NotExecutable => {
            "which is not an executable file; give the path of a Python".to_owned()
        }
        Refusal::Opaque(what) => format!("which is {what}"),
        Refusal::TooOld(version) => {
            format!("which is Python {version}; ipyrust needs 3.10 or later")
        }
    }
}

fn name(refusal: &Refusal) -> String {
    let name = match refusal {
        Refusal::TooOld(version) => return format!("Python {version}, too old"),
        Refusal::Missing => "missing",
        Refusal::Dangling(_) => "a link to nothing",
        Refusal::BaseGone(_) => "an environment whose Python is gone",
        Refusal::NotExecutable => "not executable",
        Refusal::Opaque(what) => what,
    };
    name.to_owned()
}

fn only_for(folder: &Path, versions: &[Version]) -> String {
    let versions: Vec<String> = versions.iter().map(Version::to_string).collect();
    match &versions[..] {
        [] => format!(
            "ipyrust in `{}` lacks its extension module",
            folder.display()
        ),
        versions => {
            format!(
                "ipyrust in `{}` is for Python {}",
                folder.display(),
                versions.join(", ")
            )
        }
    }
}

fn reinstall(executable: &Path, folder: &Path, versions: &[Version]) -> String {
    format!(
        "{}; install it for this one: `{} -m pip install --force-reinstall ipyrust`",
        only_for(folder, versions),
        executable.display(),
    )
}

fn not_found(surroundings: &Surroundings, found: Vec<String>) -> String {
    let mut tried = vec![Source::BesideProgram.to_string()];
    for (source, name) in [
        (Source::VirtualEnv, "VIRTUAL_ENV"),
        (Source::CondaPrefix, "CONDA_PREFIX"),
        (Source::Path, "PATH"),
    ] {
        let remark = match surroundings
            .variable(name)
            .filter(|value| !value.is_empty())
        {
            None => " (not set)".to_owned(),
            Some(folder) if source != Source::Path && !Path::new(folder).is_dir() => {
                format!(" (`{}`, which does not exist)", folder.display())
            }
            Some(_) => String::new(),
        };
        tried.push(format!("{source}{remark}"));
    }
    let found = if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    };
    format!(
        "no Python with ipyrust found; tried: {}; found: {found}; \
         install it (`python -m pip install ipyrust`) or name its Python with `--python`",
        tried.join(", ")
    )
}

#[cfg(test)]
#[path = "detection_tests.rs"]
mod tests;
