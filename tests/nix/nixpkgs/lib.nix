# The few functions of nixpkgs' lib that bake's flake uses, by the same names.
let
  inherit (builtins)
    concatStringsSep
    listToAttrs
    map
    stringLength
    substring
    ;
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      from = stringLength text - stringLength suffix;
    in
    from >= 0 && substring from (stringLength suffix) text == suffix;
in
{
  inherit hasPrefix hasSuffix listToAttrs;
  inherit (builtins) any elem;

  genAttrs =
    names: make:
    listToAttrs (
      map (name: {
        inherit name;
        value = make name;
      }) names
    );
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  optionals = wanted: list: if wanted then list else [ ];
  concatMapStrings = make: list: concatStringsSep "" (map make list);
  getExe = package: "${package}/bin/${package.meta.mainProgram}";

  licenses.asl20.spdxId = "Apache-2.0";
  platforms.linux = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
