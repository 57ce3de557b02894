//! What `bake check` takes once a project is read: the repository's own cluster, in process, on one thread.
//!
//! `cargo bench --bench check`; `docs/performance.md` has the figures.

#![allow(missing_docs, clippy::expect_used, clippy::disallowed_methods)]

use bake::world::disk::Disk;
use bake::{Request, plan};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;

fn check(criterion: &mut Criterion) {
    let disk = Disk::open(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the repository");
    let request = Request { profiles: "profiles".to_owned(), nodes: Vec::new() };
    let read = plan(&disk, &request);
    assert!(read.check(1).is_empty());
    criterion.bench_function("check: microcloud, read", |bencher| bencher.iter(|| black_box(read.check(1))));
    criterion.bench_function("check: microcloud, reading it included", |bencher| {
        bencher.iter(|| black_box(plan(&disk, &request).check(1)));
    });
}

criterion_group!(benches, check);
criterion_main!(benches);
