# What `nix flake check` builds. Each check is a derivation whose building is the test.
{
  lib,
  pkgs,
  # The program, and the one that builds clusters.
  bake,
  builder,
  mkCluster,
  # The repository's own cluster.
  own,
  shards,
}:
let
  # The package's build with another command in place of the compiler's, over the whole repository.
  cargo =
    name: tools: command:
    bake.overrideAttrs (old: {
      pname = "bake-${name}";
      src = bake.source whole;
      nativeBuildInputs = (old.nativeBuildInputs or [ ]) ++ tools;
      buildPhase = ''
        runHook preBuild
        ${command}
        runHook postBuild
      '';
      installPhase = "mkdir $out";
    });

  # The repository without what is made in it.
  whole =
    here:
    let
      made = [
        ".git"
        "dist"
        "result"
        "target"
      ];
    in
    !bake.below made here && !lib.hasPrefix "result-" here;

  run = name: pkgs.runCommand "bake-${name}" { nativeBuildInputs = [ builder ]; };

  examples =
    let
      folder = ../examples;
      names = if builtins.pathExists folder then builtins.attrNames (builtins.readDir folder) else [ ];
      project = name: "${toString folder}/${name}/profiles/cluster.yaml";
    in
    builtins.filter (name: builtins.pathExists (project name)) names;
  example =
    name:
    mkCluster {
      bake = builder;
      src = ../.;
      project = "examples/${name}";
      libraries = [ "." ];
    };
in
{
  tests = cargo "tests" [ ] "cargo test --frozen --lib --bins --tests";
  clippy = cargo "clippy" [ pkgs.clippy ] "cargo clippy --frozen --all-targets -- -D warnings";
  formatting = cargo "formatting" [ pkgs.rustfmt ] "cargo fmt --check";
  nix-formatting = pkgs.runCommand "bake-nix-formatting" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
    nixfmt --check ${../flake.nix} ${./.}/*.nix ${../tests/nix/nixpkgs}/*.nix
    touch $out
  '';

  # Built again under other circumstances: the same bytes.
  rebuild = run "rebuild" ''
    bake -C ${own.input} verify --rebuild ${own.cluster}
    touch $out
  '';

  # In parts or one by one: the same bytes.
  shards-equal-the-whole = run "shards" ''
    for part in ${toString (builtins.attrValues (own.shards shards))}; do
      for node in $(cd $part && ls -d */ 2>/dev/null); do
        diff -r $part/$node ${own.cluster}/$node
        echo ''${node%/} >> built
      done
    done
    for node in ${toString own.names}; do echo $node; done | sort > named
    sort built | diff named -
    touch $out
  '';
  nodes-equal-the-whole = run "nodes" (
    lib.concatMapStrings (name: "diff -r ${own.nodes.${name}} ${own.cluster}/${name}\n") own.names
    + "touch $out"
  );
}
// lib.listToAttrs (
  map (name: {
    name = "example-${name}";
    value = (example name).cluster;
  }) examples
)
