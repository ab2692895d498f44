# The CPython of a minor: nixpkgs' own, with an IPython that still runs on it.
{
  lib,
  pkgs,
  minor,
}: let
  python = pkgs."python${minor}";
  withOlderIPython = python.override {
    self = withOlderIPython;
    packageOverrides = final: previous: {
      # IPython 9 wants CPython 3.11; this version is the one that requirements/ locks for 3.10.
      ipython = previous.ipython.overridePythonAttrs (old: rec {
        version = "8.39.0";
        src = final.fetchPypi {
          pname = "ipython";
          inherit version;
          hash = "sha256-QRCulgEsN5uLbbiYoH4YbECioe9dV6f6gxZgR9nadiQ=";
        };
        dependencies =
          old.dependencies
          ++ [
            final.exceptiongroup
            final.typing-extensions
          ];
        disabled = false;
      });
    };
  };
in
  if lib.versionOlder python.pythonVersion "3.11"
  then withOlderIPython
  else python
