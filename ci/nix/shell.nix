# A shell with all that builds and checks the project, and the given CPythons.
{
  lib,
  pkgs,
  pythons,
}:
pkgs.mkShell {
  packages =
    pythons
    ++ [
      pkgs.alejandra
      pkgs.bazel-buildtools
      pkgs.bazel_7
      pkgs.cargo
      pkgs.clippy
      pkgs.deadnix
      pkgs.git
      pkgs.maturin
      pkgs.mypy
      pkgs.ruff
      pkgs.rustc
      pkgs.rustfmt
      pkgs.statix
      pkgs.uv
    ]
    ++ lib.optionals pkgs.stdenv.hostPlatform.isDarwin [pkgs.libiconv];

  env = {
    # rust-analyzer and others look for the sources of std here.
    RUST_SRC_PATH = "${pkgs.rustPlatform.rustLibSrc}";
    # nixpkgs' bazel reads .bazelversion too, and has one version only.
    USE_BAZEL_VERSION = pkgs.bazel_7.version;
  };
}
