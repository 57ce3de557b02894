# bake itself. Crates come from Cargo.lock, each by its checksum; nothing is fetched while it is built.
{
  lib,
  rustPlatform,
  # Whether `bake init` brings the repository's clusters along. Without them, an edit of a cluster compiles nothing.
  withClusters ? true,
}:
let
  manifest = builtins.fromTOML (builtins.readFile ../Cargo.toml);

  # The files of the repository that a build reads.
  source =
    kept:
    builtins.path {
      name = "bake-source";
      path = ../.;
      filter =
        path: type:
        let
          here = lib.removePrefix "${toString ../.}/" path;
        in
        kept here && (type != "regular" || !isSecret here || isFake path);
    };
  below = folders: here: lib.any (folder: here == folder || lib.hasPrefix "${folder}/" here) folders;
  leadsTo = folders: here: lib.any (lib.hasPrefix "${here}/") folders;

  # Of secrets, those come along that say that they are fakes, in letters or in base64: nobody's real ones shall lie in the
  # store.
  isSecret = here: lib.elem "secrets" (builtins.split "/" here) && !lib.hasSuffix ".md" here;
  isFake = path: builtins.length (builtins.split "FAKE|RkFLR" (builtins.readFile path)) > 1;

  package = [
    "Cargo.toml"
    "Cargo.lock"
    "build.rs"
    "src"
    "benches"
    "tests/suite.rs"
    # The examples of `bake explain`.
    "tests/cases/check"
  ]
  ++ lib.optionals withClusters [
    "profiles"
    "butane"
    "examples"
    "secrets"
  ];
in
rustPlatform.buildRustPackage {
  pname = manifest.package.name;
  inherit (manifest.package) version;

  src = source (here: below package here || leadsTo package here);
  cargoLock.lockFile = ../Cargo.lock;

  # Where it is built is nobody's business: without this, a build outside of the sandbox would have its folder inside.
  preBuild = ''
    export NIX_RUSTFLAGS="''${NIX_RUSTFLAGS-} --remap-path-prefix=$NIX_BUILD_TOP=/build"
  '';

  # They are a check of their own.
  doCheck = false;

  passthru = {
    inherit source below;
  };

  meta = {
    inherit (manifest.package) description;
    license = lib.licenses.asl20;
    mainProgram = "bake";
    platforms = lib.platforms.linux;
  };
}
