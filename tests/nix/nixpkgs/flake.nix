{
  description = "What bake's flake uses of nixpkgs, for tests without a network: tools are those of this machine";

  outputs =
    _:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ] (system: import ./packages.nix { inherit system lib; });
    };
}
