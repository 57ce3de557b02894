//! What `bake check` takes in process, on one thread and, as the program does it, on all: the repository's own cluster,
//! read before and read anew, and one of 1,000 machines with every pair of its flows.
//!
//! `cargo bench --bench check`; `docs/performance.md` has the figures.

#![allow(missing_docs, clippy::expect_used, clippy::disallowed_methods)]

mod generate;

use bake::world::memory::MemoryWorld;
use bake::{Plan, Request, plan};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn read(world: &MemoryWorld) -> Plan {
    plan(world, &Request { profiles: "profiles".to_owned(), nodes: Vec::new() })
}

fn check(plan: &Plan, threads: usize) {
    let found = plan.check(threads);
    assert!(found.is_empty(), "the benchmark's clusters have no findings: {:?}", found.first());
}

fn checks(criterion: &mut Criterion) {
    let world = generate::repository();
    let known = read(&world);
    criterion.bench_function("check microcloud, read", |bench| bench.iter(|| check(black_box(&known), 1)));
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    criterion
        .bench_function("check microcloud, read, all threads", |bench| bench.iter(|| check(black_box(&known), all)));
    criterion.bench_function("check microcloud", |bench| bench.iter(|| check(&read(black_box(&world)), 1)));
    let world = generate::cluster(1_000);
    criterion.benchmark_group("check").sample_size(10).bench_function("1000", |bench| {
        bench.iter(|| check(&read(black_box(&world)), 1));
    });
}

criterion_group!(benches, checks);
criterion_main!(benches);
