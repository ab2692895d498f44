//! `ipyrust doctor`: which Python is used and why, what is installed there, and which
//! kernelspecs start it. It reads files and runs nothing, so that it works where nothing else does.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::VERSION;
use crate::detection::{self, Choice, Surroundings};
use crate::interpreter::{Interpreter, Libpython};
use crate::kernelspecs::{self, Kernelspec};
use crate::package;
use crate::start;

/// The report, and whether a kernel would start.
pub(crate) fn examine(python: Option<&OsStr>, surroundings: &Surroundings) -> (String, bool) {
    let mut report = Report::default();
    let program = surroundings
        .own_paths
        .first()
        .map(PathBuf::as_path)
        .unwrap_or(Path::new("?"));
    report.line("ipyrust", &format!("{VERSION}, {}", program.display()));
    let choice = detection::detect(python, surroundings);
    match &choice {
        Ok(choice) => report.choice(choice, surroundings),
        Err(sentence) => report.problem("python", sentence),
    }
    let choice = choice.ok();
    let interpreter = choice
        .as_ref()
        .and_then(|choice| choice.interpreter.as_ref());
    let specs = kernelspecs::find(interpreter, surroundings);
    if specs.is_empty() {
        report.line("kernelspec", "none; `python -m ipyrust.install` makes one");
    }
    for spec in &specs {
        report.kernelspec(spec, choice.as_ref(), program);
    }
    (report.text, !report.ill)
}

#[derive(Default)]
struct Report {
    text: String,
    ill: bool,
}

impl Report {
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name:<12} {value}");
    }

    fn problem(&mut self, name: &str, sentence: &str) {
        self.ill = true;
        self.line(name, &format!("error: {sentence}"));
    }

    fn choice(&mut self, choice: &Choice, surroundings: &Surroundings) {
        let path = choice.executable.display();
        let Some(interpreter) = &choice.interpreter else {
            self.line("python", &format!("{path} (of no version that files tell)"));
            self.line("found by", &choice.source.to_string());
            return;
        };
        self.line(
            "python",
            &format!("{path} (Python {})", interpreter.version),
        );
        self.line("found by", &choice.source.to_string());
        self.line("environment", &environment(interpreter));
        self.line("libpython", &libpython(interpreter));
        match &choice.installed {
            Some(installed) => {
                self.line("extension", &installed.extension.display().to_string());
                if let Some(folder) = &installed.add_to_path {
                    let value = format!("{} is put before it", folder.display());
                    self.line("PYTHONPATH", &value);
                }
            }
            None => self.problem(
                "extension",
                &format!("not seen in files; `{path} -m pip install ipyrust` installs it"),
            ),
        }
        match package::distribution_version("ipython", interpreter, surroundings) {
            Some(version) => self.line("IPython", &version),
            None => self.problem(
                "IPython",
                &format!("not seen in files; `{path} -m pip install ipython` installs it"),
            ),
        }
        if let Err(sentence) = start::check(choice, surroundings) {
            self.problem("start", &sentence);
        }
        for name in ["PYTHONHOME", "PYTHONPATH", "IPYRUST_DOOR"] {
            if let Some(value) = surroundings.variable(name) {
                self.line(name, &value.display().to_string());
            }
        }
    }

    fn kernelspec(&mut self, spec: &Kernelspec, choice: Option<&Choice>, program: &Path) {
        let folder = spec.folder.display();
        let name = &spec.display_name;
        if !spec.missing.is_empty() {
            let missing: Vec<String> = spec
                .missing
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            let one = missing.len() == 1;
            let sentence = format!(
                "{folder} ({name}) names {}, which {} not exist; \
                 `jupyter kernelspec remove {}` removes it",
                missing.join(" and "),
                if one { "does" } else { "do" },
                spec.name().display()
            );
            self.problem("kernelspec", &sentence);
        } else if spec.leads_to(program)
            || choice.is_some_and(|choice| spec.leads_to(&choice.executable))
        {
            self.line("kernelspec", &format!("{folder} ({name}) starts this one"));
        } else if spec.starts.is_absolute() {
            let value = format!("{folder} ({name}) starts {}", spec.starts.display());
            self.line("kernelspec", &value);
        } else {
            let value = format!("{folder} ({name}) starts the Python of the Jupyter that reads it");
            self.line("kernelspec", &value);
        }
    }
}

fn environment(interpreter: &Interpreter) -> String {
    let base = interpreter.base_prefix.display();
    match &interpreter.virtual_environment {
        Some(environment) => {
            let packages = if environment.system_site_packages {
                ", with the packages of its base"
            } else {
                ""
            };
            format!(
                "{}, made from {base}{packages}",
                environment.prefix.display()
            )
        }
        None => format!("{base}, not a virtual environment"),
    }
}

fn libpython(interpreter: &Interpreter) -> String {
    match &interpreter.libpython {
        Libpython::Shared(path) => format!("{}, loaded into this program", path.display()),
        Libpython::Named(name) => format!("{name}, wherever the loader finds it"),
        Libpython::Static => {
            "inside the executable, which is run in place of this program".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn a_whole_installation_is_healthy() {
        let folder = Folder::new();
        let base = folder.shared_python("base", "3.12");
        folder.virtual_environment("venv", &base, "3.12");
        let site = "venv/lib/python3.12/site-packages";
        folder.package(site, "3.12");
        folder.file(&format!("{site}/ipython-9.1.0.dist-info/METADATA"), b"");
        let program = folder.executable("venv/bin/ipyrust", b"");
        let spec = format!(
            "{{\"argv\": [\"{}\"], \"display_name\": \"P\"}}",
            program.display()
        );
        folder.file(
            "venv/share/jupyter/kernels/ipyrust/kernel.json",
            spec.as_bytes(),
        );

        let surroundings = Surroundings::made_up(&program, &folder.path(""), &[]);
        let (report, healthy) = examine(None, &surroundings);
        assert!(healthy, "{report}");
        for words in [
            "the folder of this program",
            "9.1.0",
            "loaded into",
            "starts this one",
        ] {
            assert!(report.contains(words), "{words} in {report}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = Folder::new();
        folder.python("usr", "3.12");
        let program = folder.executable("usr/bin/ipyrust", b"");
        let spec = b"{\"argv\": [\"/gone/bin/ipyrust\"], \"display_name\": \"P\"}";
        folder.file("usr/share/jupyter/kernels/ipyrust/kernel.json", spec);
        let surroundings = Surroundings::made_up(&program, &folder.path(""), &[]);
        let python = folder.path("usr/bin/python");
        let (report, healthy) = examine(Some(python.as_os_str()), &surroundings);
        assert!(!healthy, "{report}");
        for words in [
            "extension    error: not seen",
            "names `/gone/bin/ipyrust`, which does not exist; `jupyter kernelspec remove ipyrust`",
        ] {
            assert!(report.contains(words), "{words} in {report}");
        }

        let (report, healthy) = examine(Some(OsStr::new("/gone/python")), &surroundings);
        assert!(!healthy, "{report}");
        assert!(
            report.contains("python       error: no Python found"),
            "{report}"
        );
    }
}
