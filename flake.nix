# Everything that builds, tests and runs ipyrust, pinned: see docs/hermetic.md.
{
  description = "A Jupyter kernel for Python: the protocol in Rust, the cells in IPython";

  # The last release of nixpkgs with CPython 3.10.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs = {
    self,
    nixpkgs,
  }: let
    inherit (nixpkgs) lib;
    systems = [
      "x86_64-linux"
      "aarch64-linux"
      "x86_64-darwin"
      "aarch64-darwin"
    ];
    minors = [
      "310"
      "311"
      "312"
      "313"
    ];
    forEachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    forEachMinor = prefix: f: lib.listToAttrs (map (minor: lib.nameValuePair "${prefix}${minor}" (f minor)) minors);
    pythonOf = pkgs: minor: import ./ci/nix/python.nix {inherit lib pkgs minor;};
    packageOf = pkgs: minor: (pythonOf pkgs minor).pkgs.callPackage ./ci/nix/package.nix {};
  in {
    packages = forEachSystem (
      pkgs:
        forEachMinor "ipyrust-cp" (packageOf pkgs)
        // {
          default = packageOf pkgs "312";
        }
    );

    devShells = forEachSystem (
      pkgs: let
        shell = import ./ci/nix/shell.nix;
      in
        forEachMinor "cp" (minor:
          shell {
            inherit lib pkgs;
            pythons = [(pythonOf pkgs minor)];
          })
        // {
          # The first on PATH is the one that `python3` means.
          default = shell {
            inherit lib pkgs;
            pythons = map (pythonOf pkgs) ["312" "310" "311" "313"];
          };
        }
    );

    checks = forEachSystem (
      pkgs: self.packages.${pkgs.stdenv.hostPlatform.system} // import ./ci/nix/checks.nix {inherit lib pkgs;}
    );

    formatter = forEachSystem (pkgs: pkgs.alejandra);

    apps = forEachSystem (pkgs: {
      demo = {
        type = "app";
        program = lib.getExe (
          import ./ci/nix/demo.nix {
            inherit lib pkgs;
            python = pythonOf pkgs "312";
            ipyrust = packageOf pkgs "312";
          }
        );
        meta.description = "Executes notebooks/demo.ipynb and writes build/demo/demo.html";
      };
    });
  };
}
