//! `bake lab test`: labs that are built beside each other, what they say meanwhile, and what they found.

use super::args::LabTest;
use super::lab::{fail, listen, request};
use super::settings::Settings;
use super::show::Show;
use super::{Outcome, found};
use crate::lab::failure::Failure;
use crate::lab::inside::Word;
use crate::lab::labs;
use crate::lab::result::Run;
use crate::lab::sandbox::{self, Request, Sandbox, State};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// More labs than this would hardly be faster: the longest scenario takes its time.
const MOST: usize = 4;

pub(super) fn run(settings: &Settings, show: &Show, args: &LabTest) -> Outcome {
    match test(settings, show, args) {
        Ok(run) => found::tell(settings, show, &run, &args.told),
        Err(failure) => fail(show, &failure),
    }
}

fn test(settings: &Settings, show: &Show, args: &LabTest) -> Result<Run, Failure> {
    let begin = Instant::now();
    let wanted = Some(args.scenarios.as_slice());
    let (request, all) = request(settings, show, &args.folder, args.name.as_deref(), args.level, wanted)?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
    let jobs = args.jobs.map_or_else(processors, usize::from);
    let shares = labs::deal(&all, request.test.as_deref().unwrap_or_default(), jobs);
    let requests = shares.into_iter().enumerate().map(|(at, share)| {
        let name = if at == 0 { request.name.clone() } else { format!("{}-{}", request.name, at + 1) };
        Request { name, test: Some(share), ..request.clone() }
    });
    let mut labs = Labs::new(requests.collect());
    // Images in memory go when every lab has them.
    drop(request);
    let done = labs.run(show);
    let down = labs.end();
    done?;
    down?;
    let mut run = labs::together(&all, labs.found()).ok_or_else(|| Failure::new("the sandbox found nothing"))?;
    run.took_ms = milliseconds(begin);
    Ok(run)
}

/// A lab that was started.
struct Lab {
    state: State,
    /// While it is open, somebody wants to know what is found.
    listens: Option<UnixStream>,
    listener: Option<JoinHandle<Child>>,
    found: Option<Box<Run>>,
}

/// What one of the labs says; an error is its last word.
type Heard = (usize, Result<Word, Failure>);

struct Labs {
    waiting: std::vec::IntoIter<Request>,
    up: Vec<Lab>,
    say: Sender<Heard>,
    hear: Receiver<Heard>,
    /// How many scenarios have begun, and how many will.
    begun: (usize, usize),
}

impl Labs {
    fn new(requests: Vec<Request>) -> Self {
        let (say, hear) = channel();
        let all = requests.iter().filter_map(|request| request.test.as_ref()).map(Vec::len).sum();
        Self { waiting: requests.into_iter(), up: Vec::new(), say, hear, begun: (0, all) }
    }

    /// Starts one lab after the other, so that each is built as fast as it can be, and hears what they say, until each has
    /// found something or one fails.
    fn run(&mut self, show: &Show) -> Result<(), Failure> {
        self.start_next()?;
        while self.waiting.len() > 0 || self.up.iter().any(|lab| lab.found.is_none()) {
            let (at, word) = self.hear.recv().map_err(|_| Failure::new("the sandboxes say nothing any more"))?;
            match word? {
                Word::Begun(title) => {
                    self.begun.0 += 1;
                    show.progress(&format!("{} of {}: {title}", self.begun.0, self.begun.1));
                }
                Word::Up(_) => self.start_next()?,
                Word::Found(run) => {
                    let ending = Instant::now();
                    self.up[at].end()?;
                    self.up[at].found = Some(Box::new(Run { down_ms: milliseconds(ending), ..*run }));
                }
                Word::Failed(message, hint) => return Err(Failure { message, hint }),
            }
        }
        Ok(())
    }

    fn start_next(&mut self) -> Result<(), Failure> {
        let Some(request) = self.waiting.next() else { return Ok(()) };
        let Sandbox { mut child, state, listens } = sandbox::start(request)?;
        let (at, say) = (self.up.len(), self.say.clone());
        let listener = std::thread::spawn(move || {
            let heard = listen(&mut child, |word| {
                let last = matches!(word, Word::Found(_));
                say.send((at, Ok(word))).is_err() || last
            });
            if let Err(failure) = heard {
                say.send((at, Err(failure))).ok();
            }
            child
        });
        self.up.push(Lab { state, listens: Some(listens), listener: Some(listener), found: None });
        Ok(())
    }

    /// Takes down what is still up; the first thing that does not work, after everything was tried.
    fn end(&mut self) -> Result<(), Failure> {
        let ended: Vec<Result<(), Failure>> = self.up.iter_mut().map(Lab::end).collect();
        ended.into_iter().collect()
    }

    fn found(self) -> Vec<Run> {
        self.up.into_iter().filter_map(|lab| lab.found).map(|run| *run).collect()
    }
}

impl Lab {
    fn end(&mut self) -> Result<(), Failure> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        drop(self.listens.take());
        let ended = sandbox::end(&self.state);
        if let Ok(mut child) = listener.join() {
            child.wait().ok();
        }
        ended.map(drop)
    }
}

fn milliseconds(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX)
}
