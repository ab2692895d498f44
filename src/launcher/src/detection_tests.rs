//! The order of detection and its sentences, on fabricated folders.

use super::*;
use crate::testing::Folder;

/// A machine: `usr` is the system's Python 3.11; ipyrust is where a test puts it.
fn machine() -> Folder {
    let folder = Folder::new();
    folder.python("usr", "3.11");
    folder
}

fn look(
    folder: &Folder,
    program: &str,
    python: Option<&str>,
    variables: &[(&str, &str)],
) -> Result<Choice, String> {
    let program = folder.path(program);
    let surroundings = Surroundings::made_up(&program, &folder.path("cwd"), variables);
    detect(python.map(OsStr::new), &surroundings)
}

fn text(path: PathBuf) -> String {
    path.display().to_string()
}

#[test]
fn the_environment_of_the_program_comes_before_the_active_one() {
    let folder = machine();
    for name in ["own", "active"] {
        folder.virtual_environment(name, &folder.path("usr/bin/python3.11"), "3.11");
        folder.package(&format!("{name}/lib/python3.11/site-packages"), "3.11");
    }
    let active = text(folder.path("active"));
    let variables = [("VIRTUAL_ENV", active.as_str())];
    let choice = look(&folder, "own/bin/ipyrust", None, &variables).unwrap();
    assert_eq!(choice.executable, folder.path("own/bin/python"));
    assert_eq!(choice.source, Source::BesideProgram);

    let choice = look(&folder, "elsewhere/ipyrust", None, &variables).unwrap();
    assert_eq!(choice.executable, folder.path("active/bin/python"));
    assert_eq!(choice.source, Source::VirtualEnv);
}

#[test]
fn conda_comes_after_a_virtual_environment_and_before_path() {
    let folder = machine();
    folder.python("conda", "3.12");
    folder.package("conda/lib/python3.12/site-packages", "3.12");
    folder.package("usr/lib/python3/dist-packages", "3.11");
    folder.virtual_environment("bare", &folder.path("usr/bin/python3.11"), "3.11");
    let (conda, bare, path) = (
        text(folder.path("conda")),
        text(folder.path("bare")),
        text(folder.path("usr/bin")),
    );
    let variables = [
        ("VIRTUAL_ENV", bare.as_str()),
        ("CONDA_PREFIX", &conda),
        ("PATH", path.as_str()),
    ];
    let choice = look(&folder, "elsewhere/ipyrust", None, &variables).unwrap();
    assert_eq!(choice.executable, folder.path("conda/bin/python"));
    assert_eq!(choice.source, Source::CondaPrefix);

    let choice = look(&folder, "elsewhere/ipyrust", None, &[("PATH", &path)]).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python"));
    assert_eq!(choice.source, Source::Path);
}

#[test]
fn what_was_asked_for_comes_first_and_alone() {
    let folder = machine();
    folder.virtual_environment("own", &folder.path("usr/bin/python3.11"), "3.11");
    folder.package("own/lib/python3.11/site-packages", "3.11");
    folder.package("usr/lib/python3/dist-packages", "3.11");
    let (python, own) = (
        text(folder.path("usr/bin/python3")),
        text(folder.path("own")),
    );

    let variables = [("IPYRUST_PYTHON", python.as_str())];
    let choice = look(&folder, "own/bin/ipyrust", None, &variables).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python3"));
    assert_eq!(choice.source, Source::Variable);

    let choice = look(&folder, "own/bin/ipyrust", Some(&own), &variables).unwrap();
    assert_eq!(choice.executable, folder.path("own/bin/python"));
    assert_eq!(choice.source, Source::Argument);

    let path = text(folder.path("usr/bin"));
    let choice = look(
        &folder,
        "own/bin/ipyrust",
        Some("python3.11"),
        &[("PATH", &path)],
    )
    .unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python3.11"));

    let sentence = look(&folder, "own/bin/ipyrust", Some("/gone/python"), &[]).unwrap_err();
    assert_eq!(
        sentence,
        "no Python found; `--python` names `/gone/python`, which does not exist; \
         give the path of a Python"
    );
}

#[test]
fn a_relative_path_is_taken_from_the_working_directory() {
    let folder = machine();
    folder.python("cwd/env", "3.12");
    folder.package("cwd/env/lib/python3.12/site-packages", "3.12");
    let choice = look(&folder, "usr/bin/ipyrust", Some("env/bin/python"), &[]).unwrap();
    assert_eq!(choice.executable, folder.path("cwd/env/bin/python"));
}

#[test]
fn every_link_to_the_program_is_followed() {
    // As pipx: a link in ~/.local/bin, where another Python may be, even the environment's base.
    let folder = machine();
    folder.link("local/bin/python", &folder.path("usr/bin/python3.11"));
    folder.virtual_environment("pipx/ipyrust", &folder.path("usr/bin/python3.11"), "3.11");
    folder.package("pipx/ipyrust/lib/python3.11/site-packages", "3.11");
    let program = folder.executable("pipx/ipyrust/bin/ipyrust", b"");
    folder.link("local/bin/ipyrust", &program);
    let choice = look(&folder, "local/bin/ipyrust", None, &[]).unwrap();
    assert_eq!(choice.executable, folder.path("pipx/ipyrust/bin/python"));
    assert_eq!(choice.source, Source::BesideProgram);
}

#[test]
fn an_installation_for_the_user_belongs_to_the_python_of_its_version() {
    let folder = machine();
    folder.python("newer", "3.13");
    folder.package("home/.local/lib/python3.11/site-packages", "3.11");
    let home = text(folder.path("home"));
    let path = format!(
        "{}:{}",
        text(folder.path("newer/bin")),
        text(folder.path("usr/bin"))
    );
    let variables = [("HOME", home.as_str()), ("PATH", path.as_str())];
    let choice = look(&folder, "home/.local/bin/ipyrust", None, &variables).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python"));
    assert_eq!(choice.installed.unwrap().add_to_path, None);
}

#[test]
fn an_installation_into_a_target_is_put_on_the_path() {
    let folder = machine();
    folder.package("target", "3.11");
    let path = text(folder.path("usr/bin"));
    let choice = look(&folder, "target/bin/ipyrust", None, &[("PATH", &path)]).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python"));
    assert_eq!(
        choice.installed.unwrap().add_to_path,
        Some(folder.path("target"))
    );
}

#[test]
fn of_several_versions_in_a_folder_the_one_with_ipyrust_is_taken() {
    let folder = machine();
    folder.executable("usr/bin/python3.13", &crate::testing::elf("libm.so.6", ""));
    folder.file("usr/lib/python3.13/os.py", b"");
    folder.executable("usr/bin/python3.13-config", b"#!/bin/sh\n");
    folder.package("usr/local/lib/python3.13/dist-packages", "3.13");
    let choice = look(&folder, "usr/bin/ipyrust", None, &[]).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python3.13"));
}

#[test]
fn a_script_named_python_is_passed_over_but_taken_when_asked_for() {
    let folder = machine();
    folder.package("usr/lib/python3/dist-packages", "3.11");
    let shim = folder.executable("shims/python", b"#!/bin/sh\n");
    let path = format!(
        "{}:{}",
        text(folder.path("shims")),
        text(folder.path("usr/bin"))
    );
    let choice = look(&folder, "elsewhere/ipyrust", None, &[("PATH", &path)]).unwrap();
    assert_eq!(choice.executable, folder.path("usr/bin/python"));

    let choice = look(
        &folder,
        "elsewhere/ipyrust",
        Some("python"),
        &[("PATH", &path)],
    )
    .unwrap();
    assert_eq!(choice.executable, shim);
    assert_eq!(choice.interpreter, None);
}

#[test]
fn our_own_environment_is_trusted_to_have_us() {
    // An editable installation may be an import hook, which files do not show.
    let folder = machine();
    folder.virtual_environment("own", &folder.path("usr/bin/python3.11"), "3.11");
    let choice = look(&folder, "own/bin/ipyrust", None, &[]).unwrap();
    assert_eq!(choice.executable, folder.path("own/bin/python"));
    assert_eq!(choice.installed, None);
}

#[test]
fn a_removed_environment_is_one_sentence() {
    let folder = machine();
    folder.package("usr/lib/python3/dist-packages", "3.11");
    let base = folder.path("gone/bin/python3.11");
    let python = folder.virtual_environment("own", &base, "3.11");
    let path = text(folder.path("usr/bin"));
    let sentence = look(&folder, "own/bin/ipyrust", None, &[("PATH", &path)]).unwrap_err();
    assert_eq!(
        sentence,
        format!(
            "the Python of this program's environment is gone: `{}`, which points to `{}`, \
             which does not exist; make the environment anew",
            python.display(),
            base.display()
        )
    );
}

#[test]
fn an_extension_for_another_version_is_one_sentence() {
    let folder = machine();
    folder.package("usr/lib/python3/dist-packages", "3.12");
    let python = text(folder.path("usr/bin/python3"));
    let sentence = look(&folder, "elsewhere/ipyrust", Some(&python), &[]).unwrap_err();
    let package = folder.path("usr/lib/python3/dist-packages/ipyrust");
    assert_eq!(
        sentence,
        format!(
            "`--python` names `{python}` (Python 3.11), but ipyrust in `{}` is for Python 3.12; \
             install it for this one: `{python} -m pip install --force-reinstall ipyrust`",
            package.display()
        )
    );
}

#[test]
fn a_missing_extension_is_one_sentence() {
    let folder = machine();
    folder.file("usr/lib/python3/dist-packages/ipyrust/__init__.py", b"");
    let python = text(folder.path("usr/bin/python3"));
    let sentence = look(&folder, "elsewhere/ipyrust", Some(&python), &[]).unwrap_err();
    assert!(
        sentence.contains("lacks its extension module"),
        "{sentence}"
    );
}

#[test]
fn a_damaged_environment_of_our_own_is_one_sentence() {
    // Another Python has us whole, and is not the one that is meant.
    let folder = machine();
    folder.package("usr/lib/python3/dist-packages", "3.11");
    let python = folder.virtual_environment("own", &folder.path("usr/bin/python3.11"), "3.11");
    let package = "own/lib/python3.11/site-packages/ipyrust";
    folder.file(&format!("{package}/__init__.py"), b"");
    let path = text(folder.path("usr/bin"));
    let sentence = look(&folder, "own/bin/ipyrust", None, &[("PATH", &path)]).unwrap_err();
    let python = text(python);
    assert_eq!(
        sentence,
        format!(
            "the Python of this program's environment is `{python}` (Python 3.11), \
             but ipyrust in `{}` lacks its extension module; install it for this one: \
             `{python} -m pip install --force-reinstall ipyrust`",
            folder.path(package).display()
        )
    );
}

#[test]
fn no_python_at_all_tells_what_was_tried_and_found() {
    let folder = machine();
    let sentence = look(&folder, "elsewhere/ipyrust", None, &[]).unwrap_err();
    assert_eq!(
        sentence,
        "no Python with ipyrust found; tried: the folder of this program, \
         `VIRTUAL_ENV` (not set), `CONDA_PREFIX` (not set), `PATH` (not set); found: nothing; \
         install it (`python -m pip install ipyrust`) or name its Python with `--python`"
    );
    let gone = text(folder.path("gone"));
    let sentence = look(&folder, "ipyrust", None, &[("VIRTUAL_ENV", &gone)]).unwrap_err();
    let tried = format!("`VIRTUAL_ENV` (`{gone}`, which does not exist), ");
    assert!(sentence.contains(&tried), "{sentence}");
    let path = text(folder.path("usr/bin"));
    let sentence = look(&folder, "elsewhere/ipyrust", None, &[("PATH", &path)]).unwrap_err();
    let found = format!("found: `{path}/python` (Python 3.11, without ipyrust); install");
    assert!(sentence.contains(&found), "{sentence}");
}
