{
  description = "Compiles a cluster described in YAML profiles and Butane fragments into Ignition and cloud-init";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      each =
        make:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
        ] (system: make system nixpkgs.legacyPackages.${system});

      # For any project: see docs/nix.md.
      mkCluster = import ./nix/cluster.nix;

      # The repository's own cluster, built by a bake that does not bring it along: an edit of a machine is not one of bake.
      builder =
        system: nixpkgs.legacyPackages.${system}.callPackage ./nix/package.nix { withClusters = false; };
      own =
        system:
        mkCluster {
          bake = builder system;
          src = ./.;
        };
      # As many parts as a handful of builders can share.
      shards = 4;
    in
    {
      lib = { inherit mkCluster; };

      packages = each (
        system: pkgs: rec {
          default = bake;
          bake = pkgs.callPackage ./nix/package.nix { };
          inherit (own system) cluster;
        }
      );

      # Each node, and shards. Here and not among the packages, so that `nix flake show` stays short and quick however many
      # they are; `nix build .#loadbalancer1` finds them all the same.
      legacyPackages = each (system: _: (own system).nodes // (own system).shards shards);

      checks = each (
        system: pkgs:
        import ./nix/checks.nix {
          inherit
            lib
            pkgs
            mkCluster
            shards
            ;
          bake = self.packages.${system}.bake;
          builder = builder system;
          own = own system;
        }
      );

      apps = each (
        system: _: {
          default = {
            type = "app";
            program = lib.getExe self.packages.${system}.bake;
          };
        }
      );

      devShells = each (
        system: pkgs: {
          default = pkgs.mkShell {
            inputsFrom = [ self.packages.${system}.bake ];
            packages = [
              pkgs.clippy
              pkgs.rustfmt
              pkgs.nixfmt
            ];
          };
        }
      );

      formatter = each (_: pkgs: pkgs.nixfmt-tree);
    };
}
