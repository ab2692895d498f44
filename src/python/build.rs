//! Compiles the executable `ipyrust` beside the extension, for the wheel to carry both.
//!
//! maturin builds either the library or the executable of a crate, and takes what a build script
//! leaves in its OUT_DIR (`[tool.maturin] include` in pyproject.toml). So the launcher, which needs
//! only std, is compiled here by one call of the same rustc, for the same target and linker.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let sources = Path::new("../launcher/src");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", sources.display());
    match compile(&sources.join("main.rs")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: cannot build the executable `ipyrust`: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Leaves the executable in OUT_DIR/scripts.
fn compile(main: &Path) -> Result<(), String> {
    let scripts = PathBuf::from(variable("OUT_DIR")?).join("scripts");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    let mut rustc = Command::new(variable("RUSTC")?);
    rustc
        .args([
            "--crate-name",
            "ipyrust",
            "--crate-type",
            "bin",
            "--edition",
            "2024",
        ])
        // It runs for milliseconds and then is Python: small is what counts.
        .args([
            "-Copt-level=s",
            "-Cpanic=abort",
            "-Cstrip=symbols",
            "-Clto=fat",
        ])
        .arg("-Ccodegen-units=1")
        // Found by cargo in the workspace's own build of this crate, with its lints.
        .args(["--cap-lints", "allow"])
        .arg("--target")
        .arg(variable("TARGET")?)
        .arg("-o")
        .arg(scripts.join("ipyrust"))
        .arg(main);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut argument = OsString::from("-Clinker=");
        argument.push(linker);
        rustc.arg(argument);
    }
    rustc.args(inherited_flags());
    let status = rustc
        .status()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("rustc ended with {status}"))
    }
}

/// The flags of the build (`RUSTFLAGS`), without those that are for an extension module only:
/// on macOS it may leave symbols undefined, in an executable that would hide a mistake until run.
fn inherited_flags() -> Vec<String> {
    let encoded = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<String> = Vec::new();
    for flag in encoded.split('\x1f').filter(|flag| !flag.is_empty()) {
        let for_extensions = ["-undefined", "dynamic_lookup"]
            .iter()
            .any(|part| flag.ends_with(part));
        if !for_extensions {
            flags.push(flag.to_owned());
        } else if flags.last().is_some_and(|last| last == "-C") {
            flags.pop();
        }
    }
    flags
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}
