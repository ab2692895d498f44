# The files that builds and checks read; a change of any other rebuilds nothing.
{lib}:
lib.fileset.toSource {
  root = ../..;
  fileset = lib.fileset.unions [
    ../../Cargo.lock
    ../../Cargo.toml
    ../../LICENSE
    ../../README.md
    ../../ci/build_backend.py
    ../../ci/demo.py
    ../../kernelspec
    ../../licenses
    ../../notebooks
    ../../pyproject.toml
    ../../python
    ../../rustfmt.toml
    ../../src
    ../../tests
  ];
}
