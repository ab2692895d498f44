# ipyrust for one CPython; what a distribution's package would look like.
{
  lib,
  stdenv,
  buildPythonPackage,
  rustPlatform,
  libiconv,
  comm,
  debugpy,
  ipython,
  jupyter-core,
  matplotlib-inline,
  ipywidgets,
  jupyter-client,
  matplotlib,
  numpy,
  pytest-timeout,
  pytestCheckHook,
  pythonAtLeast,
}:
buildPythonPackage {
  pname = "ipyrust";
  inherit ((lib.importTOML ../../Cargo.toml).workspace.package) version;
  pyproject = true;

  src = import ./source.nix {inherit lib;};
  cargoDeps = rustPlatform.importCargoLock {lockFile = ../../Cargo.lock;};

  build-system = [
    rustPlatform.cargoSetupHook
    rustPlatform.maturinBuildHook
  ];
  buildInputs = lib.optionals stdenv.hostPlatform.isDarwin [libiconv];
  dependencies = [
    comm
    ipython
    jupyter-core
    matplotlib-inline
  ];
  optional-dependencies.debug = [debugpy];

  # The maturin of nixpkgs is older than `from = "out-dir"`: the executable is installed below.
  postPatch = ''
    sed -i '/from = "out-dir"/d' pyproject.toml
  '';
  postInstall = ''
    install -D --mode=755 target/*/release/build/ipyrust-python-*/out/scripts/ipyrust $out/bin/ipyrust
  '';

  # Numpy and what builds on it have left CPython 3.10: there the import below has to do.
  doCheck = pythonAtLeast "3.11";
  nativeCheckInputs = [
    debugpy
    ipywidgets
    jupyter-client
    matplotlib
    numpy
    pytest-timeout
    pytestCheckHook
  ];
  preCheck = ''
    export HOME=$TMPDIR
    # The installed package is meant, not the sources, which have no extension.
    rm -r python
  '';
  enabledTestPaths = ["tests/wire"];
  # Wants a package that nixpkgs does not have.
  disabledTestPaths = ["tests/wire/test_jupyter_kernel_test.py"];
  pythonImportsCheck = [
    "ipyrust"
    "ipyrust._core"
  ];

  meta = {
    description = "Jupyter kernel for Python: the protocol in Rust, the cells in IPython";
    homepage = "https://github.com/ipyrust/ipyrust";
    license = lib.licenses.bsd3;
    mainProgram = "ipyrust";
    platforms = lib.platforms.unix;
  };
}
