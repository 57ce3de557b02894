# mkCluster: a cluster as derivations. It takes no nixpkgs: bake itself is the builder, without a shell and with an empty
# environment, so nothing but bake and the project decides what comes out.
{
  # The package with bin/bake; its system is that of the derivations.
  bake,
  # A folder that holds the project, and what the project takes from elsewhere.
  src,
  # Where the project lies in src: the folder with profiles/ and butane/.
  project ? ".",
  # Where in src there are profiles/ and butane/ that the project uses besides its own (`library` in cluster.yaml).
  libraries ? [ ],
  # Names of the nodes that are built; read off profiles/nodes/ unless they are given.
  names ? null,
}:
let
  inherit (builtins)
    any
    attrNames
    concatStringsSep
    div
    elemAt
    filter
    fromTOML
    genList
    hashString
    isString
    listToAttrs
    map
    match
    readDir
    readFile
    split
    stringLength
    substring
    ;

  # A path in src without `.` and double slashes, as its steps.
  steps = path: filter (step: isString step && step != "" && step != ".") (split "/" path);
  join = concatStringsSep "/";
  isPrefix = short: long: substring 0 (stringLength short) long == short;

  # What bake reads, and nothing else: an edit of anything else rebuilds nothing, and no secret comes along.
  folders =
    let
      of = root: [
        (join (steps root ++ [ "profiles" ]))
        (join (steps root ++ [ "butane" ]))
      ];
    in
    builtins.concatMap of ([ project ] ++ libraries);
  input = builtins.path {
    name = "project";
    path = src;
    filter =
      path: _:
      let
        here = substring (stringLength (toString src) + 1) (stringLength path) path;
      in
      any (folder: here == folder || isPrefix "${here}/" folder || isPrefix "${folder}/" here) folders;
  };
  root = join ([ "${input}" ] ++ steps project);

  # Names without import-from-derivation. Nix reads no YAML, but `build: false` is a line of its own in every profile that
  # was ever seen; where it is not, building that node says so, and `names` has the last word.
  nodeFolder = "${toString src}/${
    join (
      steps project
      ++ [
        "profiles"
        "nodes"
      ]
    )
  }";
  isBuilt =
    file:
    let
      line = text: isString text && match "build:[ \t]+false[ \t\r]*(#.*)?" text != null;
    in
    !any line (split "\n" (readFile "${nodeFolder}/${file}"));
  nameOf = file: match "([^.].*)\\.ya?ml" file;
  nodeNames =
    if names != null then
      names
    else
      map (file: elemAt (nameOf file) 0) (
        filter (file: nameOf file != null && isBuilt file) (attrNames (readDir nodeFolder))
      );

  build =
    name: args:
    derivation {
      inherit name;
      inherit (bake) system;
      builder = "${bake}/bin/bake";
      args = [
        "-C"
        root
        "build"
        "--secrets"
        "omit"
        "--out"
        (builtins.placeholder "out")
      ]
      ++ args;
      # A store path in a machine's configuration would mean nothing on that machine.
      allowedReferences = [ ];
    };

  # Which of so many shards a node belongs to, by its name: a node that comes or goes moves no other.
  shardOf =
    count: name:
    let
      number = (fromTOML "it = 0x${substring 0 8 (hashString "sha256" name)}").it;
    in
    number - div number count * count;
in
{
  inherit input;
  names = nodeNames;

  # All of it: the folder that `bake build` calls dist.
  cluster = build "cluster" [ ];

  # Each node by itself.
  nodes = listToAttrs (
    map (name: {
      inherit name;
      value = build name [
        "--flat"
        "--node"
        name
      ];
    }) nodeNames
  );

  # The nodes in so many parts, as many as there are builders at work: shard-0, shard-1 and so on.
  shards =
    count:
    listToAttrs (
      genList (
        index:
        let
          name = "shard-${toString index}";
          mine = filter (node: shardOf count node == index) nodeNames;
          list = builtins.toFile "nodes" (concatStringsSep "" (map (node: "${node}\n") mine));
        in
        {
          inherit name;
          value = build name [
            "--nodes-file"
            list
          ];
        }
      ) count
    );
}
