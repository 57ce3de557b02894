//! How fast the Butane compiler is: a homelab's configs with their local files, large configs, and large trees.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use bake::butane::{LocalFile, Locals, TreeNode, Wanted, compile, locals_from};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;

/// A config of about `files` KiB: files with a text each, and a unit for every tenth.
fn config(files: usize) -> String {
    let mut text = "variant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n".to_owned();
    for file in 0..files {
        write!(text, "    - path: /etc/app/{file}.conf\n      mode: 0644\n      contents:\n        inline: |\n")
            .unwrap();
        for line in 0..24 {
            writeln!(text, "          option_{line} = value {} of file {file}", line * 7919 % 1000).unwrap();
        }
    }
    text.push_str("systemd:\n  units:\n");
    for unit in 0..files.div_ceil(10) {
        write!(
            text,
            "    - name: app-{unit}.service\n      enabled: true\n      contents: |\n        [Service]\n        ExecStart=/opt/app {unit}\n        [Install]\n        WantedBy=multi-user.target\n"
        )
        .unwrap();
    }
    text
}

fn locals(_: &Wanted) -> Locals {
    Locals::default()
}

/// The repository's own fragments that hold no placeholders; what they refer to is read from the disk every time.
fn fragments(criterion: &mut Criterion) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/butane");
    let files = format!("{root}/files");
    let paths = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "bu")).collect();
    paths.sort();
    let mut texts: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    texts.retain(|text| compile("x.bu", text, &mut locals_from(Some(&files))).report.is_empty());
    let mut group = criterion.benchmark_group("butane");
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("fragments", |bencher| {
        bencher.iter(|| {
            let compiled =
                |text: &Vec<u8>| compile("x.bu", black_box(text), &mut locals_from(Some(&files))).json(false);
            texts.iter().filter_map(compiled).map(|json| json.len()).sum::<usize>()
        });
    });
    group.finish();
}

fn configs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("butane");
    for files in [4, 100, 1_000, 10_000] {
        let text = config(files);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.sample_size(if files > 100 { 10 } else { 100 });
        group.bench_with_input(BenchmarkId::new("files", files), &text, |bencher, text| {
            bencher.iter(|| compile("x.bu", black_box(text.as_bytes()), &mut locals).json(false).unwrap().len());
        });
    }
    group.finish();
}

fn trees(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(10);
    let text = "variant: fcos\nversion: 1.7.0\nstorage: {trees: [{local: t}]}\n";
    for files in [1_000, 10_000] {
        let node = |index: usize| {
            let bytes = Ok(format!("file number {index}\n").repeat(20).into_bytes());
            (format!("{index:05}"), TreeNode::File { bytes, executable: false, secret: false })
        };
        let tree: Vec<_> = (0..files).map(node).collect();
        let mut locals = Locals::default();
        locals.trees.insert("t".to_owned(), Ok(tree));
        locals.files.insert("unused".to_owned(), Ok(LocalFile::default()));
        group.bench_with_input(BenchmarkId::new("files", files), &locals, |bencher, locals| {
            bencher.iter(|| compile("x.bu", text.as_bytes(), &mut |_| locals.clone()).json(false).unwrap().len());
        });
    }
    group.finish();
}

criterion_group!(benches, fragments, configs, trees);
criterion_main!(benches);
