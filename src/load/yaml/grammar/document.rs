//! Documents: where they begin and end, and their directives.

use super::{Event, Grammar, Place, State, What};
use crate::load::yaml::cursor::Mark;
use crate::load::yaml::fault::Fault;
use crate::load::yaml::scan::Kind;

impl Grammar<'_> {
    pub(super) fn document(&mut self, implicit: bool) -> Result<Event, Fault> {
        while !implicit && self.scanner.peek()?.kind == Kind::DocumentEnd {
            self.scanner.take();
        }
        let token = self.scanner.peek()?;
        let start = token.start;
        let bare = !matches!(
            token.kind,
            Kind::Version { .. } | Kind::TagDirective { .. } | Kind::DocumentStart | Kind::StreamEnd
        );
        if token.kind == Kind::StreamEnd {
            self.state = State::End;
            let token = self.pass()?;
            return Ok(Event { what: What::StreamEnd, start, end: token.end });
        }
        self.directives()?;
        self.then.push(State::DocumentEnd);
        if implicit && bare {
            self.state = State::BlockNode;
            return Ok(Event { what: What::DocumentStart, start, end: start });
        }
        let token = self.scanner.peek()?;
        if token.kind != Kind::DocumentStart {
            let problem = token.start;
            return Err(Fault::of_grammar("did not find expected <document start>", Mark::default(), problem));
        }
        self.state = State::DocumentContent;
        let token = self.pass()?;
        Ok(Event { what: What::DocumentStart, start, end: token.end })
    }

    /// Goes over directives.
    fn directives(&mut self) -> Result<(), Fault> {
        let mut version = false;
        loop {
            let token = self.scanner.peek()?;
            let fault = |message| Err(Fault::of_grammar(message, Mark::default(), token.start));
            match &token.kind {
                Kind::Version { .. } if version => return fault("found duplicate %YAML directive"),
                Kind::Version { major: 1, minor: 1 } => version = true,
                Kind::Version { .. } => return fault("found incompatible YAML document"),
                Kind::TagDirective { handle, .. } if self.handles.iter().any(|(known, _)| known == handle) => {
                    return fault("found duplicate %TAG directive");
                }
                Kind::TagDirective { handle, prefix } => self.handles.push((handle.clone(), prefix.clone())),
                _ => break,
            }
            self.scanner.take();
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if self.handles.iter().all(|(known, _)| known != handle) {
                self.handles.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    pub(super) fn document_content(&mut self) -> Result<Event, Fault> {
        let token = self.scanner.peek()?;
        match token.kind {
            Kind::Version { .. }
            | Kind::TagDirective { .. }
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                let at = token.start;
                self.back();
                Ok(self.nothing(at, self.state))
            }
            _ => self.node(Place::Block),
        }
    }

    pub(super) fn document_end(&mut self) -> Result<Event, Fault> {
        let token = self.scanner.peek()?;
        let (start, mut end) = (token.start, token.start);
        if token.kind == Kind::DocumentEnd {
            end = token.end;
            self.scanner.take();
        }
        self.handles.clear();
        self.state = State::Document;
        Ok(Event { what: What::DocumentEnd, start, end })
    }
}
