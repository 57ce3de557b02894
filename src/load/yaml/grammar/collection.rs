//! Sequences and mappings, in block and in flow style.

use super::{Event, Grammar, Place, Properties, State, What};
use crate::load::yaml::fault::Fault;
use crate::load::yaml::scan::Kind;

impl Grammar<'_> {
    pub(super) fn block_sequence(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        match self.scanner.peek()?.kind {
            Kind::BlockEntry => {
                let dash = self.pass()?.end;
                let state = State::BlockSequence { first: false };
                match self.scanner.peek()?.kind {
                    Kind::BlockEntry | Kind::BlockEnd => Ok(self.nothing(dash, state)),
                    _ => self.child(Place::Block, state),
                }
            }
            Kind::BlockEnd => self.close(),
            _ => Err(self.unexpected("did not find expected '-' indicator")),
        }
    }

    pub(super) fn bare_sequence(&mut self) -> Result<Event, Fault> {
        let token = self.scanner.peek()?;
        let here = token.start;
        if token.kind != Kind::BlockEntry {
            self.back();
            return Ok(Event { what: What::End, start: here, end: here });
        }
        let dash = self.pass()?.end;
        match self.scanner.peek()?.kind {
            Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => Ok(self.nothing(dash, State::BareSequence)),
            _ => self.child(Place::Block, State::BareSequence),
        }
    }

    pub(super) fn block_key(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        match self.scanner.peek()?.kind {
            Kind::Key => self.entry(State::BlockValue),
            Kind::BlockEnd => self.close(),
            _ => Err(self.unexpected("did not find expected key")),
        }
    }

    pub(super) fn block_value(&mut self) -> Result<Event, Fault> {
        let state = State::BlockKey { first: false };
        let token = self.scanner.peek()?;
        if token.kind == Kind::Value {
            return self.entry(state);
        }
        let at = token.start;
        Ok(self.nothing(at, state))
    }

    /// What is behind `?` or `:` in a block mapping, after which `state` follows.
    fn entry(&mut self, state: State) -> Result<Event, Fault> {
        let mark = self.pass()?.end;
        match self.scanner.peek()?.kind {
            Kind::Key | Kind::Value | Kind::BlockEnd => Ok(self.nothing(mark, state)),
            _ => self.child(Place::Entry, state),
        }
    }

    pub(super) fn flow_sequence(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        if !first && !self.passes_comma(&Kind::FlowSequenceEnd)? {
            return Err(self.unexpected("did not find expected ',' or ']'"));
        }
        match self.scanner.peek()?.kind {
            Kind::FlowSequenceEnd => self.close(),
            Kind::Key => {
                let token = self.pass()?;
                self.state = State::PairKey;
                let what = What::Mapping { flow: true, properties: Properties::default() };
                Ok(Event { what, start: token.start, end: token.end })
            }
            _ => self.child(Place::Flow, State::FlowSequence { first: false }),
        }
    }

    /// Goes over the comma between elements. False if there is neither a comma nor the end.
    fn passes_comma(&mut self, end: &Kind) -> Result<bool, Fault> {
        let kind = &self.scanner.peek()?.kind;
        if kind == end {
            return Ok(true);
        }
        let comma = *kind == Kind::FlowEntry;
        if comma {
            self.scanner.take();
        }
        Ok(comma)
    }

    pub(super) fn pair_key(&mut self) -> Result<Event, Fault> {
        match self.scanner.peek()?.kind {
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => {
                // The reference goes over this token, whatever it is.
                let mark = self.pass()?.end;
                Ok(self.nothing(mark, State::PairValue))
            }
            _ => self.child(Place::Flow, State::PairValue),
        }
    }

    pub(super) fn pair_value(&mut self) -> Result<Event, Fault> {
        let at = self.scanner.peek()?.start;
        if self.scanner.peek()?.kind == Kind::Value {
            self.scanner.take();
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                return self.child(Place::Flow, State::PairEnd);
            }
        }
        Ok(self.nothing(at, State::PairEnd))
    }

    pub(super) fn flow_key(&mut self, first: bool) -> Result<Event, Fault> {
        self.open(first)?;
        if !first && !self.passes_comma(&Kind::FlowMappingEnd)? {
            return Err(self.unexpected("did not find expected ',' or '}'"));
        }
        match self.scanner.peek()?.kind {
            Kind::FlowMappingEnd => self.close(),
            Kind::Key => {
                self.scanner.take();
                let token = self.scanner.peek()?;
                if matches!(token.kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
                    let at = token.start;
                    return Ok(self.nothing(at, State::FlowValue));
                }
                self.child(Place::Flow, State::FlowValue)
            }
            _ => self.child(Place::Flow, State::FlowNoValue),
        }
    }

    pub(super) fn flow_value(&mut self) -> Result<Event, Fault> {
        let state = State::FlowKey { first: false };
        if self.scanner.peek()?.kind == Kind::Value {
            self.scanner.take();
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                return self.child(Place::Flow, state);
            }
        }
        let at = self.scanner.peek()?.start;
        Ok(self.nothing(at, state))
    }
}
