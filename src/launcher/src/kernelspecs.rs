//! The kernelspecs on this machine that start ipyrust, and whether they still can.

use std::fs;
use std::path::{Path, PathBuf};

use crate::detection::Surroundings;
use crate::interpreter::Interpreter;
use crate::json::{self, Value};

#[derive(Debug, PartialEq)]
pub(crate) struct Kernelspec {
    pub(crate) folder: PathBuf,
    pub(crate) display_name: String,
    /// The executable, by its path, or by its name where Jupyter chooses.
    pub(crate) starts: PathBuf,
    /// Paths in it that do not exist any more.
    pub(crate) missing: Vec<PathBuf>,
}

impl Kernelspec {
    /// What Jupyter calls it.
    pub(crate) fn name(&self) -> &Path {
        Path::new(self.folder.file_name().unwrap_or_default())
    }

    pub(crate) fn leads_to(&self, path: &Path) -> bool {
        // Links of an environment are not followed: its Python is another file's name.
        self.starts == path
    }
}

/// In the order in which Jupyter looks for them.
pub(crate) fn find(
    interpreter: Option<&Interpreter>,
    surroundings: &Surroundings,
) -> Vec<Kernelspec> {
    let mut found: Vec<Kernelspec> = Vec::new();
    for folder in folders(interpreter, surroundings) {
        let Ok(entries) = fs::read_dir(folder.join("kernels")) else {
            continue;
        };
        let mut specs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        specs.sort();
        for spec in specs.into_iter().filter_map(read) {
            if !found.iter().any(|other| other.folder == spec.folder) {
                found.push(spec);
            }
        }
    }
    found
}

/// Jupyter's data folders.
fn folders(interpreter: Option<&Interpreter>, surroundings: &Surroundings) -> Vec<PathBuf> {
    let variable = |name| {
        surroundings
            .variable(name)
            .filter(|value| !value.is_empty())
    };
    let mut folders = Vec::new();
    if let Some(path) = variable("JUPYTER_PATH") {
        folders.extend(std::env::split_paths(path));
    }
    let home = variable("HOME").map(PathBuf::from);
    let of_user = variable("JUPYTER_DATA_DIR").map(PathBuf::from).or_else(|| {
        if cfg!(target_os = "macos") {
            return home.as_ref().map(|home| home.join("Library/Jupyter"));
        }
        let data = variable("XDG_DATA_HOME").map(PathBuf::from);
        data.or_else(|| home.as_ref().map(|home| home.join(".local/share")))
            .map(|data| data.join("jupyter"))
    });
    folders.extend(of_user);
    if let Some(interpreter) = interpreter {
        let environment = interpreter.virtual_environment.as_ref();
        let prefix = environment.map_or(&interpreter.base_prefix, |own| &own.prefix);
        folders.push(prefix.join("share/jupyter"));
    }
    folders.extend(["/usr/local/share/jupyter", "/usr/share/jupyter"].map(PathBuf::from));
    folders
}

/// `None` for what is no kernelspec of ours.
fn read(folder: PathBuf) -> Option<Kernelspec> {
    let text = fs::read_to_string(folder.join("kernel.json")).ok()?;
    let spec = json::parse(&text)?;
    let words = spec.get("argv")?.as_words()?;
    let (&executable, rest) = words.split_first()?;
    let executable = Path::new(executable);
    let by_name = executable.file_name().is_some_and(|name| name == "ipyrust");
    let by_module = rest.windows(2).any(|pair| pair == ["-m", "ipyrust"]);
    if !by_name && !by_module {
        return None;
    }
    let python = rest
        .windows(2)
        .find(|pair| pair[0] == "--python")
        .map(|pair| Path::new(pair[1]));
    let missing = [Some(executable), python]
        .into_iter()
        .flatten()
        // A bare name is Jupyter's to find.
        .filter(|path| path.is_absolute() && !path.exists())
        .map(Path::to_owned)
        .collect();
    Some(Kernelspec {
        display_name: spec
            .get("display_name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into(),
        starts: executable.to_owned(),
        missing,
        folder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn spec(folder: &Folder, inside: &str, argv: &[&str]) -> PathBuf {
        let words: Vec<String> = argv.iter().map(|word| format!("{word:?}")).collect();
        let text = format!(
            "{{\"argv\": [{}], \"display_name\": \"P\"}}",
            words.join(", ")
        );
        let file = folder.file(&format!("{inside}/kernel.json"), text.as_bytes());
        file.parent().unwrap().to_owned()
    }

    #[test]
    fn ours_are_found_and_what_is_gone_is_named() {
        let folder = Folder::new();
        let program = folder.executable("venv/bin/ipyrust", b"");
        let path = program.to_str().unwrap();
        let data = "home/.local/share/jupyter/kernels";
        let whole = spec(
            &folder,
            &format!("{data}/a"),
            &[path, "-f", "{connection_file}"],
        );
        let gone = [
            "/gone/bin/ipyrust",
            "--python",
            "/gone/bin/python",
            "-f",
            "x",
        ];
        let broken = spec(&folder, &format!("{data}/b"), &gone);
        let by_module = spec(&folder, &format!("{data}/c"), &["python", "-m", "ipyrust"]);
        spec(
            &folder,
            &format!("{data}/d"),
            &["python", "-m", "ipykernel_launcher"],
        );
        folder.file(&format!("{data}/e/kernel.json"), b"not json");

        let home = folder.path("home").display().to_string();
        let surroundings = Surroundings::made_up(&program, &folder.path(""), &[("HOME", &home)]);
        let found = find(None, &surroundings);
        let found: Vec<&Kernelspec> = found
            .iter()
            .filter(|spec| spec.folder.starts_with(folder.path("")))
            .collect();
        let folders: Vec<&PathBuf> = found.iter().map(|spec| &spec.folder).collect();
        assert_eq!(folders, [&whole, &broken, &by_module]);
        assert!(found[0].leads_to(&program));
        assert!(found[0].missing.is_empty());
        assert_eq!(found[1].missing, [Path::new(gone[0]), Path::new(gone[2])]);
        assert!(found[2].missing.is_empty());
    }
}
