# A package set of this machine's own tools. In the sandbox they are where `sandbox-paths` puts them: /bin, /usr and so on as
# they are, Rust's toolchain in /rust, and the crates that cargo downloaded (*.crate) in /crates.
#
# Where a file `bake` lies beside this one, that is what building bake comes to: most tests are not about the compiler.
{ system, lib }:
let
  inherit (builtins) concatStringsSep map removeAttrs;

  shell =
    name: environment: script:
    derivation (
      {
        inherit name system;
        builder = "/bin/sh";
        args = [
          "-euc"
          script
        ];
        PATH = "/rust/bin:/usr/bin:/bin";
      }
      // environment
    );
  path =
    inputs: concatStringsSep ":" (map (input: "${input}/bin") inputs ++ [ "/rust/bin:/usr/bin:/bin" ]);

  # A derivation of phases, of which `overrideAttrs` makes another one.
  mkDerivation =
    attributes:
    let
      whole = {
        nativeBuildInputs = [ ];
        preBuild = "";
        checkPhase = "";
      }
      // attributes;
      environment = {
        PATH = path whole.nativeBuildInputs;
        inherit (whole) preBuild;
      };
      made = shell "${whole.pname}-${whole.version}" environment ''
        runHook() { case $1 in preBuild) eval "$preBuild" ;; esac; }
        cp -r ${whole.src} source
        chmod -R u+w source
        cd source
        ${whole.configurePhase}
        ${whole.buildPhase}
        ${if whole.doCheck or true then whole.checkPhase else ""}
        ${whole.installPhase}
      '';
    in
    made
    // whole.passthru or { }
    // {
      inherit (whole) meta;
      overrideAttrs = change: mkDerivation (whole // change whole);
    };

  # A folder with every crate of the lock, and the word to cargo that it is to look there.
  importCargoLock =
    lockFile:
    let
      lock = builtins.fromTOML (builtins.readFile lockFile);
      crates = builtins.filter (package: package ? source) lock.package;
      unpack = crate: ''
        echo "${crate.checksum}  /crates/${crate.name}-${crate.version}.crate" | sha256sum --check --quiet
        tar xzf /crates/${crate.name}-${crate.version}.crate -C $out
        echo '{"files":{},"package":"${crate.checksum}"}' > $out/${crate.name}-${crate.version}/.cargo-checksum.json
      '';
    in
    shell "cargo-vendor" { } ("mkdir $out\n" + lib.concatMapStrings unpack crates);

  buildRustPackage =
    attributes:
    mkDerivation (
      removeAttrs attributes [ "cargoLock" ]
      // {
        configurePhase = ''
          export CARGO_HOME=$NIX_BUILD_TOP/cargo
          mkdir $CARGO_HOME
          {
            echo '[source.crates-io]'
            echo 'replace-with = "vendor"'
            echo '[source.vendor]'
            echo 'directory = "${importCargoLock attributes.cargoLock.lockFile}"'
          } > $CARGO_HOME/config.toml
        '';
        buildPhase = ''
          runHook preBuild
          # Not optimised: a test waits for it.
          CARGO_PROFILE_RELEASE_OPT_LEVEL=0 RUSTFLAGS="''${NIX_RUSTFLAGS-}" cargo build --release --frozen
          runHook postBuild
        '';
        checkPhase = "cargo test --release --frozen";
        installPhase = "install -D target/release/${attributes.pname} $out/bin/${attributes.pname}";
      }
    );

  # The same with nothing to compile, whatever the phases are said to be.
  prebuilt =
    attributes:
    let
      # The source is looked at, too: which files are in it is part of what is tried.
      made = shell "${attributes.pname}-${attributes.version}" { inherit (attributes) src; } ''
        mkdir -p $out/bin
        cp ${./bake} $out/bin/${attributes.pname}
      '';
    in
    made
    // attributes.passthru
    // {
      inherit (attributes) meta;
      overrideAttrs = change: prebuilt (attributes // change attributes);
    };

  # A tool that is not looked at here: it agrees with everything.
  tool =
    name:
    shell name { } ''
      mkdir -p $out/bin
      printf '#!/bin/sh\n' > $out/bin/${name}
      chmod +x $out/bin/${name}
    '';
in
rec {
  inherit system lib;
  rustPlatform.buildRustPackage = if builtins.pathExists ./bake then prebuilt else buildRustPackage;
  callPackage = file: arguments: import file ({ inherit lib rustPlatform; } // arguments);
  runCommand =
    name: environment: script:
    shell name { PATH = path (environment.nativeBuildInputs or [ ]); } script;
  mkShell =
    { inputsFrom, packages }: shell "nix-shell" { inherit inputsFrom packages; } "echo > $out";

  # They lie in /rust beside the compiler.
  clippy = tool "nothing";
  rustfmt = tool "nothing";
  nixfmt = tool "nixfmt";
  nixfmt-tree = tool "nixfmt-tree";
}
