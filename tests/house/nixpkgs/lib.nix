# The functions of nixpkgs' library that our files use.
rec {
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  nameValuePair = name: value: {inherit name value;};
  inherit (builtins) listToAttrs;
  versionOlder = a: b: builtins.compareVersions a b < 0;
  importTOML = path: fromTOML (builtins.readFile path);
  optionals = condition: list:
    if condition
    then list
    else [];
  getExe = package: "${package}/bin/${package.meta.mainProgram}";
  isDerivation = value: value.type or null == "derivation";
  hasSuffix = suffix: text: let
    start = builtins.stringLength text - builtins.stringLength suffix;
  in
    start >= 0 && builtins.substring start (-1) text == suffix;
  removePrefix = prefix: text: builtins.substring (builtins.stringLength prefix) (-1) text;
  fileset = {
    unions = paths: assert builtins.all builtins.pathExists paths; paths;
    toSource = {
      root,
      fileset,
    }:
      assert builtins.isList fileset; root;
  };
  licenses.bsd3 = "BSD-3-Clause";
  platforms.unix = ["x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin"];
}
