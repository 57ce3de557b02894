//! Tokens to events, by YAML's grammar: what a list, a mapping or an absent value is.
//!
//! Nothing recurses: what is to be done behind a collection waits on a stack.

mod collection;
mod document;

use super::Style;
use super::cursor::Mark;
use super::fault::Fault;
use super::scan::{Kind, Scanner, Token};

/// A part of a document, with where it begins and ends.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) what: What,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

/// What an event is.
#[derive(Debug)]
pub(super) enum What {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(String),
    Scalar { text: String, style: Style, properties: Properties },
    Sequence { flow: bool, properties: Properties },
    Mapping { flow: bool, properties: Properties },
    End,
}

/// Anchor and tag of a node, the tag's handle resolved.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) anchor: Option<String>,
    pub(super) tag: Option<String>,
}

/// What may come next.
#[derive(Debug, Clone, Copy)]
enum State {
    StreamStart,
    ImplicitDocument,
    Document,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequence {
        first: bool,
    },
    /// A sequence that is no further in than the key before it.
    BareSequence,
    BlockKey {
        first: bool,
    },
    BlockValue,
    FlowSequence {
        first: bool,
    },
    /// `[key: value]` is a mapping in a sequence.
    PairKey,
    PairValue,
    PairEnd,
    FlowKey {
        first: bool,
    },
    FlowValue,
    FlowNoValue,
    End,
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    /// As a key or value of a block mapping.
    Entry,
    Flow,
}

/// Makes events.
pub(super) struct Grammar<'t> {
    scanner: Scanner<'t>,
    state: State,
    /// What comes behind the open collections.
    then: Vec<State>,
    /// Where the open collections begin.
    opened: Vec<Mark>,
    /// Handles of tags and what they stand for.
    handles: Vec<(String, String)>,
}

impl<'t> Grammar<'t> {
    pub(super) fn new(scanner: Scanner<'t>) -> Self {
        Self { scanner, state: State::StreamStart, then: Vec::new(), opened: Vec::new(), handles: Vec::new() }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event, Fault> {
        match self.state {
            State::StreamStart => {
                let token = self.pass()?;
                self.state = State::ImplicitDocument;
                Ok(Event { what: What::StreamStart, start: token.start, end: token.end })
            }
            State::ImplicitDocument => self.document(true),
            State::Document => self.document(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(Place::Block),
            State::BlockSequence { first } => self.block_sequence(first),
            State::BareSequence => self.bare_sequence(),
            State::BlockKey { first } => self.block_key(first),
            State::BlockValue => self.block_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => {
                let here = self.scanner.peek()?.start;
                self.state = State::FlowSequence { first: false };
                Ok(Event { what: What::End, start: here, end: here })
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue => self.flow_value(),
            State::FlowNoValue => {
                let here = self.scanner.peek()?.start;
                Ok(self.nothing(here, State::FlowKey { first: false }))
            }
            State::End => Ok(Event { what: What::StreamEnd, start: Mark::default(), end: Mark::default() }),
        }
    }

    /// Takes the next token.
    fn pass(&mut self) -> Result<Token, Fault> {
        self.scanner.peek()?;
        self.scanner.take().ok_or_else(|| Fault::of_text("no token"))
    }

    fn back(&mut self) {
        self.state = self.then.pop().unwrap_or(State::End);
    }

    /// A node that is not written, after which `state` follows.
    fn nothing(&mut self, at: Mark, state: State) -> Event {
        self.state = state;
        let what = What::Scalar { text: String::new(), style: Style::Plain, properties: Properties::default() };
        Event { what, start: at, end: at }
    }

    /// A node, after which `state` follows.
    fn child(&mut self, place: Place, state: State) -> Result<Event, Fault> {
        self.then.push(state);
        self.node(place)
    }

    /// The next token, which must end a collection, as the end of it.
    fn close(&mut self) -> Result<Event, Fault> {
        let token = self.pass()?;
        self.back();
        self.opened.pop();
        Ok(Event { what: What::End, start: token.start, end: token.end })
    }

    /// Something else than what a collection wants.
    fn unexpected(&mut self, message: &'static str) -> Fault {
        let context = self.opened.pop().unwrap_or_default();
        let problem = self.scanner.peek().map(|token| token.start).unwrap_or_default();
        Fault::of_grammar(message, context, problem)
    }

    /// Goes over the token that begins a collection.
    fn open(&mut self, first: bool) -> Result<(), Fault> {
        if first {
            let token = self.pass()?;
            self.opened.push(token.start);
        }
        Ok(())
    }

    fn node(&mut self, place: Place) -> Result<Event, Fault> {
        let token = self.scanner.peek()?;
        let start = token.start;
        if matches!(token.kind, Kind::Alias(_)) {
            let token = self.pass()?;
            self.back();
            let Kind::Alias(name) = token.kind else { return Err(Fault::of_text("no alias")) };
            return Ok(Event { what: What::Alias(name), start, end: token.end });
        }
        let (properties, mut end) = self.properties(start)?;
        let token = self.scanner.peek()?;
        let (kind, problem, token_end) = (&token.kind, token.start, token.end);
        let block = place != Place::Flow;
        let (what, state) = match kind {
            Kind::BlockEntry if place == Place::Entry => {
                (What::Sequence { flow: false, properties }, State::BareSequence)
            }
            Kind::Scalar { .. } => {
                self.back();
                let Kind::Scalar { text, style } = self.pass()?.kind else { return Err(Fault::of_text("no text")) };
                (What::Scalar { text, style, properties }, self.state)
            }
            Kind::FlowSequence => (What::Sequence { flow: true, properties }, State::FlowSequence { first: true }),
            Kind::FlowMapping => (What::Mapping { flow: true, properties }, State::FlowKey { first: true }),
            Kind::BlockSequence if block => {
                (What::Sequence { flow: false, properties }, State::BlockSequence { first: true })
            }
            Kind::BlockMapping if block => (What::Mapping { flow: false, properties }, State::BlockKey { first: true }),
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                self.back();
                let what = What::Scalar { text: String::new(), style: Style::Plain, properties };
                return Ok(Event { what, start, end });
            }
            _ => return Err(Fault::of_grammar("did not find expected node content", start, problem)),
        };
        end = token_end;
        self.state = state;
        Ok(Event { what, start, end })
    }

    /// Anchor and tag, in either order, and where they end.
    fn properties(&mut self, start: Mark) -> Result<(Properties, Mark), Fault> {
        let mut properties = Properties::default();
        let mut tag = None;
        let mut end = start;
        loop {
            match &self.scanner.peek()?.kind {
                Kind::Anchor(_) if properties.anchor.is_none() => {}
                Kind::Tag { .. } if tag.is_none() => {}
                _ => break,
            }
            let token = self.pass()?;
            end = token.end;
            match token.kind {
                Kind::Anchor(name) => properties.anchor = Some(name),
                Kind::Tag { handle, suffix } => tag = Some((handle, suffix, token.start)),
                _ => {}
            }
        }
        if let Some((handle, suffix, at)) = tag {
            let prefix = self.handles.iter().find(|(known, _)| *known == handle).map(|(_, prefix)| prefix.as_str());
            let whole = match prefix {
                _ if handle.is_empty() => suffix,
                Some(prefix) => format!("{prefix}{suffix}"),
                None => String::new(),
            };
            if whole.is_empty() {
                return Err(Fault::of_grammar("found undefined tag handle", start, at));
            }
            properties.tag = Some(whole);
        }
        Ok((properties, end))
    }
}
