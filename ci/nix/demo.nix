# What `make run` does, for `nix run .#demo`: executes notebooks/demo.ipynb in the present folder.
{
  lib,
  pkgs,
  python,
  ipyrust,
}: let
  src = import ./source.nix {inherit lib;};
  environment = python.withPackages (packages: [
    ipyrust
    packages.matplotlib
    packages.nbclient
    packages.nbconvert
    packages.nbformat
    packages.numpy
    packages.pandas
  ]);
in
  pkgs.writeShellApplication {
    name = "ipyrust-demo";
    text = ''
      BUILD_WORKSPACE_DIRECTORY=$PWD ${environment}/bin/python ${src}/ci/demo.py
    '';
  }
