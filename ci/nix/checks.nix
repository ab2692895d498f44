# How the sources are written, and Rust's tests: what `nix flake check` runs beside the packages.
{
  lib,
  pkgs,
}: let
  src = import ./source.nix {inherit lib;};
  # clippy reads the extension crate too, which wants to know a CPython.
  workspace = name: attributes:
    pkgs.rustPlatform.buildRustPackage (
      {
        pname = "ipyrust-${name}";
        inherit ((lib.importTOML ../../Cargo.toml).workspace.package) version;
        inherit src;
        cargoLock.lockFile = ../../Cargo.lock;
        nativeBuildInputs = [
          pkgs.clippy
          pkgs.python312
        ];
        env.PYO3_PYTHON = lib.getExe pkgs.python312;
        env.PYO3_BUILD_EXTENSION_MODULE = "1";
        installPhase = "touch $out";
      }
      // attributes
    );
  written = name: tool: command:
    pkgs.runCommand "ipyrust-${name}" {nativeBuildInputs = tool;} ''
      cd ${src}
      ${command}
      touch $out
    '';
in {
  clippy = workspace "clippy" {
    buildPhase = ''
      cargo clippy --offline --workspace --all-targets -- --deny warnings
    '';
    doCheck = false;
  };
  rust-tests = workspace "rust-tests" {
    buildPhase = ''
      cargo test --offline --workspace --exclude ipyrust-python
    '';
    doCheck = false;
  };
  rustfmt = written "rustfmt" [pkgs.cargo pkgs.rustfmt] "cargo fmt --all --check";
  ruff = written "ruff" [pkgs.ruff] ''
    ruff check --no-cache .
    ruff format --no-cache --check .
  '';
}
