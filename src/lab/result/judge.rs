//! The verdict: derived from what was found, so that no report can say otherwise.

use super::{Assertion, Move, Run, Scenario, Skipped};
use serde::Serialize;

/// How a run or a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that had to be tried was, and was as it had to be.
    Passed,
    /// Nothing was wrong, but something that had to be tried was not: not a pass.
    Incomplete,
    /// Something was wrong.
    Failed,
}

impl Verdict {
    /// One word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

impl Run {
    /// The worst of the scenarios, and of what is missing altogether.
    pub fn verdict(&self) -> Verdict {
        let missing = self.scenarios.is_empty() || self.skipped.iter().any(|part| part.required);
        let own = if missing { Verdict::Incomplete } else { Verdict::Passed };
        self.scenarios.iter().map(Scenario::verdict).fold(own, Ord::max)
    }

    /// Every assertion of every scenario.
    pub fn assertions(&self) -> impl Iterator<Item = &Assertion> {
        self.scenarios.iter().flat_map(|scenario| &scenario.assertions)
    }

    /// Every part that was not tried, those within scenarios with the scenario.
    pub fn all_skipped(&self) -> impl Iterator<Item = (Option<&Scenario>, &Skipped)> {
        let whole = self.skipped.iter().map(|part| (None, part));
        let inner = self.scenarios.iter().flat_map(|one| one.skipped.iter().map(move |part| (Some(one), part)));
        whole.chain(inner)
    }
}

impl Scenario {
    /// Failed when an assertion or a prediction did; incomplete when nothing was asserted or a part that is required was
    /// left out.
    pub fn verdict(&self) -> Verdict {
        let wrong = self.assertions.iter().any(|one| !one.passed);
        let missed = self.vips.iter().flat_map(|watch| &watch.moves).any(|one| one.agrees() == Some(false));
        if wrong || missed {
            Verdict::Failed
        } else if self.assertions.is_empty() || self.skipped.iter().any(|part| part.required) {
            Verdict::Incomplete
        } else {
            Verdict::Passed
        }
    }
}

impl Move {
    /// Whether it came as foretold, in owner and in time; `None` when nothing was foretold. A VIP that was to stay, and
    /// did, agrees.
    pub fn agrees(&self) -> Option<bool> {
        let predicted = self.predicted.as_ref()?;
        Some(predicted.owners == self.measured.owners && self.in_time() != Some(false))
    }

    /// Whether it came when it was foretold; `None` when nothing was foretold or nothing moved.
    pub fn in_time(&self) -> Option<bool> {
        let (predicted, took) = (self.predicted.as_ref()?, self.measured.moved_ms?);
        let least = predicted.least_ms.saturating_sub(predicted.tolerance_ms);
        let most = predicted.most_ms.saturating_add(predicted.tolerance_ms);
        Some((least..=most).contains(&took))
    }
}
