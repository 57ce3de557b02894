//! The first tables of `docs/performance.md`, as Markdown: `cargo bench --bench figures`.
//!
//! Whole processes on the disk, against the floor (what no tool that writes and hashes this output can beat: `cp -r` of it and
//! `sha256sum`), and checking in process. Processor time, user and system, is what counts: it says the same on a machine
//! that is busy with other things. `cargo bench --bench figures -- 100 1000` takes clusters of other sizes.

#![allow(missing_docs, clippy::expect_used, clippy::disallowed_methods, clippy::print_stdout)]

mod generate;

use bake::world::memory::MemoryWorld;
use bake::world::{Kind, World as _};
use bake::{Request, plan};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Clone, Copy)]
struct Cost {
    /// Seconds on a processor, an average.
    processor: f64,
    /// Seconds until it was done, the best.
    wall: f64,
    /// Its largest memory in bytes.
    memory: u64,
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000] } else { sizes };
    let scratch = tempfile::tempdir().expect("a scratch folder");
    processes(scratch.path());
    clusters(scratch.path(), &sizes);
    checks();
}

fn processes(scratch: &Path) {
    let root = scratch.join("microcloud");
    write(&generate::repository(), &root);
    let (dist, copy) = (root.join("dist"), scratch.join("copy"));
    bake(&root, &["build"], 1);
    let machines = std::fs::read_dir(&dist).expect("an output").filter(|entry| {
        let entry = entry.as_ref().expect("an entry");
        entry.path().join("user-data").exists() || entry.path().join("config.ign").exists()
    });
    let machines = machines.count();
    let text = format!(
        "rm -rf {1} && cp -r {0} {1} && find {1} -type f -exec sha256sum {{}} + >/dev/null",
        dist.display(),
        copy.display()
    );
    let floor = measure(|| shell(&text), 40);
    let rows = [
        (format!("`bake build`: microcloud, {machines} machines, all checks"), bake(&root, &["build"], 40)),
        (
            "`bake build --node loadbalancer1`".to_owned(),
            bake(&root, &["build", "--node", "loadbalancer1", "--out", "one"], 40),
        ),
        ("`bake check`: nothing written".to_owned(), bake(&root, &["check"], 40)),
        ("`bake diff`: nothing changes".to_owned(), bake(&root, &["diff"], 40)),
        ("floor: `cp -r dist`, `sha256sum`".to_owned(), floor),
    ];
    println!("| what | processor time | of the floor | wall, best |\n|---|---|---|---|");
    for (name, cost) in rows {
        let ratio = cost.processor / floor.processor;
        println!("| {name} | {} | {ratio:.1} | {} |", time(cost.processor), time(cost.wall));
    }
    println!();
}

fn clusters(scratch: &Path, sizes: &[usize]) {
    println!("| machines | what | processor time | of `bake build` | wall, best | memory |\n|---|---|---|---|---|---|");
    for size in sizes {
        let root = scratch.join(size.to_string());
        write(&generate::cluster(*size), &root);
        let runs = (3_000 / size).clamp(1, 3);
        let build = bake(&root, &["build"], runs);
        for (name, cost) in
            [("build", build), ("check", bake(&root, &["check"], runs)), ("diff", bake(&root, &["diff"], runs))]
        {
            let (ratio, memory) = (cost.processor / build.processor, cost.memory / (1 << 20));
            let (processor, wall) = (time(cost.processor), time(cost.wall));
            println!("| {size} | `bake {name}` | {processor} | {ratio:.2} | {wall} | {memory} MiB |");
        }
        std::fs::remove_dir_all(&root).expect("what was written");
    }
    println!();
}

/// In process, on one thread.
fn checks() {
    let request = Request { profiles: "profiles".to_owned(), nodes: Vec::new() };
    println!("| in process, one thread | processor time, best |\n|---|---|");
    let world = generate::repository();
    let known = plan(&world, &request);
    println!("| check microcloud, read before | {} |", time(best(60, || assert!(known.check(1).is_empty()))));
    println!(
        "| read and check microcloud | {} |",
        time(best(60, || assert!(plan(&world, &request).check(1).is_empty())))
    );
    let world = generate::cluster(1_000);
    println!(
        "| read 1,000 machines and trace every pair of their flows | {} |",
        time(best(3, || drop(plan(&world, &request))))
    );
    let all = best(3, || assert!(plan(&world, &request).check(1).is_empty()));
    println!("| the same, and check every machine | {} |", time(all));
}

fn best(runs: usize, mut work: impl FnMut()) -> f64 {
    let spent = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.try_into().expect("not negative"), time.tv_nsec.try_into().expect("below 10^9"))
    };
    let once = |_| {
        let before = spent();
        work();
        spent().saturating_sub(before).as_secs_f64()
    };
    (0..runs).map(once).fold(f64::INFINITY, f64::min)
}

fn bake(root: &Path, words: &[&str], runs: usize) -> Cost {
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bake"));
        command.current_dir(root).args(words);
        command
    };
    measure(command, runs)
}

fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", text]);
    command
}

fn measure(command: impl Fn() -> Command, runs: usize) -> Cost {
    let mut total = Cost { processor: children(), wall: f64::INFINITY, memory: 0 };
    for _ in 0..runs {
        let start = Instant::now();
        let mut child = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process");
        let status = loop {
            total.memory = total.memory.max(memory(child.id()));
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        assert!(status.success(), "it failed");
        total.wall = total.wall.min(start.elapsed().as_secs_f64());
    }
    let runs = u32::try_from(runs).expect("few runs");
    Cost { processor: (children() - total.processor) / f64::from(runs), ..total }
}

/// Seconds on a processor of all children that ended (proc_pid_stat(5), `cutime` and `cstime`; Linux counts in hundredths).
fn children() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(13).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bytes that a process had at most; 0 once it has ended.
fn memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

fn write(world: &MemoryWorld, root: &Path) {
    for top in ["profiles", "butane", "secrets"] {
        for entry in world.walk(top).expect("a folder").iter().filter(|entry| matches!(entry.kind, Kind::File { .. })) {
            let path = format!("{top}/{}", entry.path);
            let place = root.join(&path);
            std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            std::fs::write(place, world.read(&path).expect("a file")).expect("a file");
        }
    }
}

fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}
