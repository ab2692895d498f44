//! Where ipyrust is installed for an interpreter: the folders that this Python will have on its
//! `sys.path`, in its order, and the folders around this program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::detection::Surroundings;
use crate::interpreter::{Interpreter, Version};

#[derive(Debug, PartialEq)]
pub(crate) enum Package {
    Installed(Installed),
    /// It is there, with an extension for other versions only (or with none).
    OtherVersions {
        folder: PathBuf,
        versions: Vec<Version>,
    },
    /// Not seen in files; an import hook may still know it.
    Nowhere,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Installed {
    pub(crate) extension: PathBuf,
    /// A folder beside this program that this Python does not have on its path by itself, as
    /// after `pip install --target` and `--prefix`.
    pub(crate) add_to_path: Option<PathBuf>,
}

pub(crate) fn find(interpreter: &Interpreter, surroundings: &Surroundings) -> Package {
    let mut other = None;
    let mut look_in = |site: &Path| -> Option<PathBuf> {
        let folder = site.join("ipyrust");
        let names: Vec<String> = fs::read_dir(&folder)
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        if let Some(name) = extension(&names, interpreter.version) {
            return Some(folder.join(name));
        }
        // Without its first module it is no package, but a folder of that name.
        if other.is_none() && names.iter().any(|name| name == "__init__.py") {
            let versions: BTreeSet<Version> = names
                .iter()
                .filter_map(|name| Version::of_extension(name))
                .collect();
            other = Some((folder, versions.into_iter().collect()));
        }
        None
    };

    let mut own = path_of(interpreter, surroundings);
    if let Some(extension) = own.find_map(|site| look_in(&site)) {
        return Package::Installed(Installed {
            extension,
            add_to_path: None,
        });
    }
    for site in around_program(interpreter.version, surroundings) {
        if let Some(extension) = look_in(&site) {
            return Package::Installed(Installed {
                extension,
                add_to_path: Some(site),
            });
        }
    }
    match other {
        Some((folder, versions)) => Package::OtherVersions { folder, versions },
        None => Package::Nowhere,
    }
}

/// The version in the name of an installed distribution's folder.
pub(crate) fn distribution_version(
    name: &str,
    interpreter: &Interpreter,
    surroundings: &Surroundings,
) -> Option<String> {
    let start = format!("{name}-");
    path_of(interpreter, surroundings)
        .chain(around_program(interpreter.version, surroundings))
        .filter_map(|site| fs::read_dir(site).ok())
        .flatten()
        .flatten()
        .find_map(|entry| {
            let name = entry.file_name().to_str()?.to_ascii_lowercase();
            name.strip_prefix(&start)?
                .strip_suffix(".dist-info")
                .map(str::to_owned)
        })
}

/// The folders in which this Python will find ipyrust, IPython and what goes with them.
pub(crate) fn search_path(
    interpreter: &Interpreter,
    installed: &Installed,
    surroundings: &Surroundings,
) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = installed.add_to_path.iter().cloned().collect();
    folders.extend(path_of(interpreter, surroundings));
    folders
}

/// The names that CPython tries for an extension module, in its order.
fn extension(names: &[String], version: Version) -> Option<&String> {
    let named = |wanted: &str| names.iter().find(|name| *name == wanted);
    let tagged = names
        .iter()
        .find(|name| Version::of_extension(name) == Some(version));
    tagged
        .or_else(|| named("_core.abi3.so"))
        .or_else(|| named("_core.so"))
}

/// What this Python will have on `sys.path`, as far as files tell. They are read one by one: most
/// often the first that is asked for is the last.
fn path_of(
    interpreter: &Interpreter,
    surroundings: &Surroundings,
) -> impl Iterator<Item = PathBuf> {
    let library = interpreter.version.library();
    let mut path: Vec<PathBuf> = Vec::new();
    if let Some(entries) = surroundings.variable("PYTHONPATH") {
        path.extend(
            std::env::split_paths(entries)
                .filter(|entry| !entry.as_os_str().is_empty())
                .map(|entry| surroundings.working_directory.join(entry)),
        );
    }

    let mut sites = Vec::new();
    let mut add = |prefix: &Path| {
        for lib in ["lib", "lib64"] {
            let folder = prefix.join(lib);
            // The second is often a link to the first.
            if lib == "lib" || !folder.is_symlink() {
                sites.push(folder.join(&library).join("site-packages"));
            }
        }
    };
    let environment = interpreter.virtual_environment.as_ref();
    if let Some(environment) = environment {
        add(&environment.prefix);
    }
    if environment.is_none_or(|environment| environment.system_site_packages) {
        if surroundings.variable("PYTHONNOUSERSITE").is_none()
            && let Some(base) = user_base(surroundings)
        {
            add(&base);
        }
        let prefix = &interpreter.base_prefix;
        add(prefix);
        // Debian's names, for what pip and what apt installed.
        sites.push(
            prefix
                .join("local/lib")
                .join(&library)
                .join("dist-packages"),
        );
        sites.push(prefix.join("lib/python3/dist-packages"));
        sites.push(prefix.join("lib").join(&library).join("dist-packages"));
    }
    let sites = sites.into_iter().flat_map(|site| {
        let own = site.clone();
        let named = std::iter::once_with(move || folders_in_pth_files(&site)).flatten();
        std::iter::once(own).chain(named)
    });
    path.into_iter().chain(sites)
}

fn user_base(surroundings: &Surroundings) -> Option<PathBuf> {
    match surroundings.variable("PYTHONUSERBASE") {
        Some(base) if !base.is_empty() => Some(base.into()),
        _ => Some(Path::new(surroundings.variable("HOME")?).join(".local")),
    }
}

/// An editable installation is a line in such a file.
fn folders_in_pth_files(site: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(site) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        // Of hundreds of names few are of such files.
        .filter(|entry| entry.file_name().as_encoded_bytes().ends_with(b".pth"))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts
        .flat_map(|text| {
            text.lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty() && !line.starts_with(['#', ' ', '\t']))
                .filter(|line| !line.starts_with("import ") && !line.starts_with("import\t"))
                .map(|line| site.join(line))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Where `pip install --prefix` and `--target` put packages, seen from the program that they
/// installed in `bin`. What is in an environment is for the Python of that environment only.
fn around_program(version: Version, surroundings: &Surroundings) -> Vec<PathBuf> {
    let prefixes = surroundings
        .own_paths
        .iter()
        .filter_map(|path| path.parent()?.parent())
        .filter(|prefix| !has_its_own_python(prefix));
    prefixes
        .flat_map(|prefix| {
            let library = version.library();
            [
                prefix.join("lib").join(&library).join("site-packages"),
                prefix.join("lib64").join(&library).join("site-packages"),
                // Debian's name; its pip puts a `local` before both `bin` and `lib`.
                prefix.join("lib").join(&library).join("dist-packages"),
                prefix.to_owned(),
            ]
        })
        .collect()
}

fn has_its_own_python(prefix: &Path) -> bool {
    ["pyvenv.cfg", "bin/python", "bin/python3"]
        .iter()
        .any(|name| fs::symlink_metadata(prefix.join(name)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn surroundings(folder: &Folder, variables: &[(&str, &str)]) -> Surroundings {
        Surroundings::made_up(
            &folder.path("elsewhere/bin/ipyrust"),
            &folder.path("cwd"),
            variables,
        )
    }

    fn found(folder: &Folder, python: &Path, variables: &[(&str, &str)]) -> Package {
        find(
            &Interpreter::inspect(python).unwrap(),
            &surroundings(folder, variables),
        )
    }

    fn own(extension: PathBuf) -> Package {
        Package::Installed(Installed {
            extension,
            add_to_path: None,
        })
    }

    #[test]
    fn a_closed_environment_has_its_own_packages_only() {
        let folder = Folder::new();
        let base = folder.python("base", "3.11");
        let python = folder.virtual_environment("venv", &base, "3.11");
        let in_base = folder.package("base/lib/python3.11/site-packages", "3.11");
        assert_eq!(found(&folder, &base, &[]), own(in_base));
        assert_eq!(found(&folder, &python, &[]), Package::Nowhere);
        let in_venv = folder.package("venv/lib/python3.11/site-packages", "3.11");
        assert_eq!(found(&folder, &python, &[]), own(in_venv));
    }

    #[test]
    fn an_open_environment_has_those_of_its_base_and_of_the_user() {
        let folder = Folder::new();
        let base = folder.python("base", "3.11");
        let python = folder.virtual_environment("venv", &base, "3.11");
        let settings = fs::read_to_string(folder.path("venv/pyvenv.cfg")).unwrap();
        let settings = format!("{settings}include-system-site-packages = TRUE\n");
        folder.file("venv/pyvenv.cfg", settings.as_bytes());
        let in_base = folder.package("base/lib/python3.11/site-packages", "3.11");
        assert_eq!(found(&folder, &python, &[]), own(in_base.clone()));

        let home = folder.path("home").display().to_string();
        let of_user = folder.package("home/.local/lib/python3.11/site-packages", "3.11");
        assert_eq!(found(&folder, &python, &[("HOME", &home)]), own(of_user));
        let variables = [("HOME", home.as_str()), ("PYTHONNOUSERSITE", "1")];
        assert_eq!(found(&folder, &python, &variables), own(in_base));
    }

    #[test]
    fn debians_own_folders_are_known() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.11");
        let by_apt = folder.package("usr/lib/python3/dist-packages", "3.11");
        assert_eq!(found(&folder, &python, &[]), own(by_apt));
        let by_pip = folder.package("usr/local/lib/python3.11/dist-packages", "3.11");
        assert_eq!(found(&folder, &python, &[]), own(by_pip));
    }

    #[test]
    fn an_editable_installation_is_found_through_its_pth_file() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        let source = folder.package("source/python", "3.12");
        let lines = format!(
            "# A comment.\nimport os\n{}\n",
            folder.path("source/python").display()
        );
        folder.file(
            "usr/lib/python3.12/site-packages/ipyrust.pth",
            lines.as_bytes(),
        );
        assert_eq!(found(&folder, &python, &[]), own(source));
    }

    #[test]
    fn the_path_variable_comes_first() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        folder.package("usr/lib/python3.12/site-packages", "3.12");
        let target = folder.package("target", "3.12");
        let value = format!("/nowhere:{}", folder.path("target").display());
        assert_eq!(
            found(&folder, &python, &[("PYTHONPATH", &value)]),
            own(target)
        );
    }

    #[test]
    fn packages_beside_this_program_are_put_on_the_path() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        for site in [
            "elsewhere",
            "elsewhere/lib/python3.12/dist-packages",
            "elsewhere/lib/python3.12/site-packages",
        ] {
            let extension = folder.package(site, "3.12");
            let add_to_path = Some(folder.path(site));
            let expected = Package::Installed(Installed {
                extension,
                add_to_path,
            });
            assert_eq!(found(&folder, &python, &[]), expected);
        }
    }

    #[test]
    fn packages_of_another_environment_are_not_borrowed() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        folder.virtual_environment("elsewhere", &python, "3.12");
        folder.package("elsewhere/lib/python3.12/site-packages", "3.12");
        assert_eq!(found(&folder, &python, &[]), Package::Nowhere);
    }

    #[test]
    fn an_extension_of_another_version_is_named() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        folder.package("usr/lib/python3.12/site-packages", "3.11");
        folder.package("usr/lib/python3.12/site-packages", "3.12t");
        let expected = Package::OtherVersions {
            folder: folder.path("usr/lib/python3.12/site-packages/ipyrust"),
            versions: ["3.11", "3.12t"]
                .iter()
                .filter_map(|text| Version::parse(text))
                .collect(),
        };
        assert_eq!(found(&folder, &python, &[]), expected);
    }

    #[test]
    fn versions_of_distributions_are_read_from_their_folders() {
        let folder = Folder::new();
        let python = folder.python("usr", "3.12");
        folder.file(
            "usr/lib/python3.12/site-packages/ipython-9.1.0.dist-info/METADATA",
            b"",
        );
        let interpreter = Interpreter::inspect(&python).unwrap();
        let surroundings = surroundings(&folder, &[]);
        let version = |name| distribution_version(name, &interpreter, &surroundings);
        assert_eq!(version("ipython"), Some("9.1.0".to_owned()));
        assert_eq!(version("ipykernel"), None);
    }
}
