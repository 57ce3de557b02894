//! A duration that depends on when, between two ticks of a clock, something happens.

use std::fmt;

/// From `least` to `most` seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seconds {
    /// At least so many.
    pub least: f64,
    /// At most so many.
    pub most: f64,
}

impl Seconds {
    /// No time at all.
    pub const NOW: Self = Self { least: 0.0, most: 0.0 };

    /// Always the same time.
    pub fn exactly(seconds: f64) -> Self {
        Self { least: seconds, most: seconds }
    }

    /// One after the other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { least: self.least + other.least, most: self.most + other.most }
    }

    /// Both must have passed.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.max(other.most) }
    }

    /// One must have passed.
    #[must_use]
    pub fn shorter(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.min(other.most) }
    }

    /// The middle.
    pub fn middle(self) -> f64 {
        f64::midpoint(self.least, self.most)
    }
}

impl fmt::Display for Seconds {
    /// `0.6 s` or `2.6 to 3.6 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.most - self.least < 0.05 {
            format!("{:.1} s", self.most)
        } else {
            format!("{:.1} to {:.1} s", self.least, self.most)
        };
        f.pad(&text)
    }
}
