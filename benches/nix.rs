//! Fleets in Nix, with the stub of nixpkgs that the tests have: how long evaluating and building clusters of several sizes takes. Needs root,
//! Nix and minutes. `cargo bench --bench nix [-- MACHINES...]`; the table is that of docs/performance.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(missing_docs, unreachable_pub)]
#![allow(dead_code)] // of what the tests share, a part is used here

#[path = "../tests/suite/nix/generated.rs"]
mod generated;
#[path = "../tests/suite/nix/lab.rs"]
mod lab;
#[path = "../tests/suite/support.rs"]
mod support;

use lab::{Lab, system};
use std::fs;
use std::path::Path;
use std::time::Instant;
use support::{run, said};

/// What is measured, in this order, of a cluster with so many machines.
fn figures(lab: &Lab, machines: usize) -> Vec<(&'static str, Option<f64>)> {
    let flake = generated::flake(lab, machines, 4);
    let mut figures = Vec::new();
    let mut timed = |what, work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        figures.push((what, Some(begun.elapsed().as_secs_f64())));
    };
    let evaluate = |attribute: &str| {
        let output = run(&mut lab.about(&flake, "eval", &[&format!("path:.#{attribute}.drvPath")]));
        assert!(output.status.success(), "{}", said(&output));
    };
    timed("evaluate `cluster`, sources copied for the first time", &mut || evaluate("cluster"));
    timed("evaluate one machine", &mut || evaluate("worker1"));
    timed("`nix flake show`", &mut || {
        assert!(run(&mut lab.about(&flake, "flake show", &["path:."])).status.success());
    });
    let all = format!("legacyPackages.{}", system());
    timed("evaluate every machine and shard", &mut || {
        drop(lab.eval(&flake, &all, "set: map (one: one.drvPath) (builtins.attrValues set)"));
    });
    timed("build `cluster`: one derivation", &mut || drop(lab.build(&flake, &["cluster"], &[])));
    timed("build four shards", &mut || {
        drop(lab.build(&flake, &["shard-0", "shard-1", "shard-2", "shard-3"], &[]));
    });
    timed("build one machine", &mut || drop(lab.build(&flake, &["worker1"], &[])));
    // Every machine's derivation reads the whole project: the square of a large cluster is no use to anybody.
    let by_itself = "build every machine by itself";
    if machines <= 100 {
        let names = lab.eval(&flake, &all, "builtins.attrNames");
        let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        timed(by_itself, &mut || drop(lab.build(&flake, &names, &[])));
    }
    let profile = flake.join("profiles/nodes/worker2.yaml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("10.17.4.25", "10.17.4.35")).unwrap();
    timed("one machine changed: build `cluster`", &mut || drop(lab.build(&flake, &["cluster"], &[])));
    timed("one machine changed: build that machine", &mut || drop(lab.build(&flake, &["worker2"], &[])));
    if machines > 100 {
        figures.insert(7, (by_itself, None));
    }
    figures
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![12, 100, 1_000, 10_000] } else { sizes };
    let Some(lab) = Lab::new().map(|lab| lab.with_program(Path::new(env!("CARGO_BIN_EXE_bake")))) else { return };
    let columns: Vec<Vec<(&str, Option<f64>)>> = sizes.iter().map(|machines| figures(&lab, *machines)).collect();
    println!("| machines | {} |", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---|".repeat(sizes.len()));
    for (row, (what, _)) in columns[0].iter().enumerate() {
        let cell = |figure: Option<f64>| figure.map_or("not tried".to_owned(), |seconds| format!("{seconds:.2} s"));
        let cells: Vec<String> = columns.iter().map(|column| cell(column[row].1)).collect();
        println!("| {what} | {} |", cells.join(" | "));
    }
}
