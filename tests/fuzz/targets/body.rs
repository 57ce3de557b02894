//! What the fuzz targets do with their bytes; `tests/suite/fuzz.rs` runs the same.

use bake::butane::{LocalFile, Locals, TreeNode, Wanted, compile};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// What compiling a config may take, in processor time: other programs on the machine do not count.
const LIMIT: Duration = Duration::from_secs(1);

/// Processor time of this thread so far.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Does the work, which has to end within the limit.
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = used();
    let result = work();
    let took = used().saturating_sub(start);
    assert!(took < LIMIT, "{took:?} of processor time");
    result
}

/// Compiles any bytes. What compiles is JSON, and the same when it is compiled again.
pub fn compiles(bytes: &[u8]) {
    let once = in_time(|| {
        let once = compile("input.bu", bytes, &mut |_| Locals::default());
        once.json(false);
        once
    });
    assert_eq!(once.failure.is_some(), once.config.is_none());
    for finding in once.diagnostics().iter().chain(&once.advice()) {
        assert!(!finding.message.is_empty());
    }
    let twice = compile("input.bu", bytes, &mut |_| Locals::default());
    assert_eq!(once.report, twice.report);
    assert_eq!(once.json(true), twice.json(true));
}

/// Compiles a config that refers to local files, which hold whatever follows a NUL byte in the input.
pub fn locals(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, contents) = bytes.split_at(end);
    let mut read = |wanted: &Wanted| {
        let mut locals = Locals::default();
        for name in &wanted.files {
            let file = LocalFile { bytes: contents.to_vec(), ..LocalFile::default() };
            locals.files.insert(name.clone(), Ok(file));
        }
        for name in &wanted.trees {
            let file = TreeNode::File { bytes: Ok(contents.to_vec()), executable: false, secret: false };
            let tree = vec![(String::new(), TreeNode::Directory), (name.clone(), file)];
            locals.trees.insert(name.clone(), Ok(tree));
        }
        locals
    };
    in_time(|| compile("input.bu", text, &mut read).json(false));
}
