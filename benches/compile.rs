//! How long compiling takes: one node, the repository's cluster, and clusters of 1,000 and 10,000 nodes.
//!
//! Everything is in memory, so this measures the compiler and not the disk; `benches/process.sh` measures whole
//! processes.

#![allow(missing_docs, clippy::expect_used, clippy::disallowed_methods)]

mod generate;

use bake::diag::Sink;
use bake::world::memory::MemoryWorld;
use bake::{Request, plan};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn request(nodes: &[&str]) -> Request {
    Request { profiles: "profiles".to_owned(), nodes: nodes.iter().map(|&node| node.to_owned()).collect() }
}

/// Reads the project and compiles what is asked for, on one thread. Returns the number of bytes.
fn compile(world: &MemoryWorld, nodes: &[&str]) -> usize {
    let plan = plan(world, &request(nodes));
    let mut sink = Sink::default();
    let outputs = plan.selected.iter().filter_map(|node| plan.compile(node, &mut sink));
    let bytes = outputs.map(|node| node.artifacts.iter().map(|artifact| artifact.bytes.len()).sum::<usize>()).sum();
    assert!(!sink.failed() && bytes > 0, "the benchmark's own cluster compiles");
    bytes
}

fn repository(criterion: &mut Criterion) {
    let world = generate::repository();
    criterion.bench_function("one node", |bench| bench.iter(|| compile(black_box(&world), &["loadbalancer1"])));
    criterion.bench_function("microcloud", |bench| bench.iter(|| compile(black_box(&world), &[])));
}

fn fleets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fleet");
    group.sample_size(10);
    for nodes in [1_000, 10_000] {
        let world = generate::cluster(nodes);
        group.throughput(Throughput::Elements(nodes as u64));
        group.bench_with_input(BenchmarkId::from_parameter(nodes), &world, |bench, world| {
            bench.iter(|| compile(black_box(world), &[]));
        });
    }
    group.finish();
}

criterion_group!(benches, repository, fleets);
criterion_main!(benches);
