use super::super::layer::tests::layer;
use super::*;
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;
use tar::EntryType;

const A: (EntryType, &str, &str) = (EntryType::Regular, "a", "one");
const B: (EntryType, &str, &str) = (EntryType::Regular, "b", "two");

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// An archive with these members.
fn archive(members: &[(&str, &[u8])]) -> File {
    let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o444);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let digests: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", digest(layer))).collect();
    let config = serde_json::json!({"config": {"Cmd": ["haproxy"]}, "rootfs": {"type": "layers", "diff_ids": digests}});
    config.to_string().into_bytes()
}

fn manifest(config: &str, layers: &[&str]) -> Vec<u8> {
    serde_json::json!([{"Config": config, "RepoTags": null, "Layers": layers}]).to_string().into_bytes()
}

fn unpacked(archive: &File, layers: &[&[u8]]) -> (tempfile::TempDir, Result<Config, Failure>) {
    let root = tempfile::tempdir().unwrap();
    let layers = layers.iter().map(|layer| format!("sha256:{}", digest(layer))).collect();
    let stored = Stored { engine: "podman".into(), id: "i".into(), layers };
    let found = unpack(archive, &stored, root.path().to_str().unwrap());
    (root, found)
}

#[test]
fn an_image_as_podman_writes_it() {
    let (one, two) = (layer(&[A]), layer(&[B, (EntryType::Regular, ".wh.a", "")]));
    let config = config(&[&one, &two]);
    let name = format!("{}.json", digest(&config));
    let manifest = manifest(&name, &["1.tar", "2.tar"]);
    let file = archive(&[("1.tar", &one), ("2.tar", &two), (&name, &config), (MANIFEST, &manifest)]);
    let (root, found) = unpacked(&file, &[&one, &two]);
    assert_eq!(found.unwrap().cmd.unwrap(), ["haproxy"]);
    assert!(root.path().join("b").exists() && !root.path().join("a").exists());
    // The engine says that the image has another layer.
    let (_, found) = unpacked(&file, &[&one, &one]);
    assert!(found.unwrap_err().message.contains("other layers"));
}

#[test]
fn an_image_as_docker_writes_it_with_compressed_layers() {
    let one = layer(&[A]);
    let config = config(&[&one]);
    let name = format!("blobs/sha256/{}", digest(&config));
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(&one).unwrap();
    let zipped = zipped.finish().unwrap();
    let place = format!("blobs/sha256/{}", digest(&zipped));
    let manifest = manifest(&name, &[&place]);
    let file = archive(&[(&place, &zipped), (&name, &config), (MANIFEST, &manifest)]);
    let (root, found) = unpacked(&file, &[&one]);
    found.unwrap();
    assert_eq!(std::fs::read_to_string(root.path().join("a")).unwrap(), "one");
}

#[test]
fn a_layer_that_is_a_link_to_another_one() {
    let one = layer(&[A]);
    let config = config(&[&one]);
    let name = format!("{}.json", digest(&config));
    let manifest = manifest(&name, &["x/layer.tar"]);
    let mut builder = tar::Builder::new(archive(&[("y/layer.tar", &one), (&name, &config), (MANIFEST, &manifest)]));
    let mut file = builder.get_ref().try_clone().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    // Over the two empty blocks that end the archive.
    file.seek(SeekFrom::End(-1024)).unwrap();
    builder.append_link(&mut header, "x/layer.tar", "../y/layer.tar").unwrap();
    builder.finish().unwrap();
    unpacked(&file, &[&one]).1.unwrap();
}

#[test]
fn what_is_not_as_it_says_is_refused() {
    let (one, other) = (layer(&[A]), layer(&[B]));
    let config = config(&[&one]);
    let name = format!("{}.json", digest(&config));
    let said = manifest(&name, &["1.tar"]);
    let message = |file: File| unpacked(&file, &[&one]).1.unwrap_err().message;

    let changed = archive(&[("1.tar", &other), (&name, &config), (MANIFEST, &said)]);
    assert!(message(changed).contains(&format!("the layer `sha256:{}` has the digest", digest(&one))));
    let wrong = format!("{}.json", digest(b"another one"));
    let renamed = archive(&[("1.tar", &one), (&wrong, &config), (MANIFEST, &manifest(&wrong, &["1.tar"]))]);
    assert!(message(renamed).contains("its configuration does not have the digest"));
    let missing = archive(&[(&name, &config), (MANIFEST, &said)]);
    assert!(message(missing).contains("has no `1.tar`"));
    assert!(message(archive(&[])).contains("has no `manifest.json`"));
    assert!(message(archive(&[(MANIFEST, b"[]")])).contains("does not hold one image"));
    let mut cut = archive(&[(&name, &config), (MANIFEST, &said), ("1.tar", &one)]);
    let size = cut.seek(SeekFrom::End(0)).unwrap();
    cut.set_len(size - 2048).unwrap();
    assert!(!message(cut).is_empty());
}

#[test]
fn zstandard_and_other_machines_are_named() {
    let packed = [ZSTANDARD, b"and so on"].concat();
    let config = config(&[&packed]);
    let name = format!("{}.json", digest(&config));
    let said = manifest(&name, &["1.tar"]);
    let (_, found) = unpacked(&archive(&[("1.tar", &packed), (&name, &config), (MANIFEST, &said)]), &[&packed]);
    assert!(found.unwrap_err().message.contains("Zstandard"));
    assert!(fits("").is_ok() && fits("pdp11").unwrap_err().message.contains("it is for pdp11"));
}
