# Stands in for nixpkgs, so that flake.nix can be evaluated where nixpkgs cannot be had.
#
# It has the names that our files use and no others: a name that is not listed here is an error.
# What it "builds" are derivations that are never built. `names` is compared with nixpkgs by hand.
{
  outputs = _: let
    lib = import ./lib.nix;
    names = builtins.fromJSON (builtins.readFile ./names.json);
    packagesOf = system: let
      package = name:
        derivation {
          inherit name system;
          builder = "/bin/sh";
        }
        // {
          override = _: package name;
          overridePythonAttrs = change: let
            changed = change {dependencies = [];};
          in
            package "${name}-${changed.version}";
          meta.mainProgram = name;
          version = "0";
        };
      built = attributes: package (attributes.pname or attributes.name) // {inherit (attributes) meta;};
      stdenv.hostPlatform = {
        inherit system;
        isDarwin = lib.hasSuffix "darwin" system;
      };
      rustPlatform =
        {
          importCargoLock = {lockFile}: assert builtins.pathExists lockFile; package "vendor";
          buildRustPackage = attributes:
            assert builtins.pathExists attributes.src;
              built ({meta = {};} // attributes);
        }
        // lib.genAttrs names.rustPlatform package;
      pythonPackages = pythonVersion: let
        self =
          lib.genAttrs names.python package
          // {
            inherit lib stdenv rustPlatform;
            inherit (pkgs) libiconv;
            fetchPypi = {
              pname,
              version,
              hash,
            }:
              package "${pname}-${version}-${builtins.substring 0 6 hash}";
            pythonAtLeast = version: !lib.versionOlder pythonVersion version;
            buildPythonPackage = attributes:
              assert builtins.pathExists attributes.src; built attributes;
            callPackage = path: overrides: let
              function = import path;
            in
              function (builtins.intersectAttrs (builtins.functionArgs function) self // overrides);
          };
      in
        self;
      pythonFor = minor: let
        pythonVersion = "3.${lib.removePrefix "3" minor}";
        make = overrides:
          package "python${minor}"
          // {
            inherit pythonVersion;
            pkgs = let
              previous = pythonPackages pythonVersion;
            in
              previous // overrides (previous // overrides previous previous) previous;
            override = {packageOverrides, ...}: make packageOverrides;
            withPackages = choose: assert builtins.isList (choose (pythonPackages pythonVersion)); package "environment";
          };
      in
        make (_: _: {});
      pkgs =
        lib.genAttrs names.pkgs package
        // lib.listToAttrs (map (minor: lib.nameValuePair "python${minor}" (pythonFor minor)) ["310" "311" "312" "313"])
        // {
          inherit stdenv rustPlatform;
          mkShell = {
            packages,
            env,
          }:
            assert builtins.all lib.isDerivation packages && builtins.all builtins.isString (builtins.attrValues env);
              package "shell";
          runCommand = name: _: script: assert builtins.isString script; package name;
          writeShellApplication = {
            name,
            text,
          }:
            assert builtins.isString text; package name;
        };
    in
      pkgs;
  in {
    inherit lib;
    legacyPackages = lib.genAttrs ["x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin"] packagesOf;
  };
}
