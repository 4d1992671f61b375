//! A figure beside its goal.

use std::fmt;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is of.
    pub name: String,
    /// The value as it is shown, with its unit.
    pub shown: String,
    /// The goal as it is shown; empty for a figure without one.
    pub goal: String,
    /// Whether the goal is met.
    pub is_met: bool,
}

impl Figure {
    /// A figure that has no goal.
    pub fn plain(name: impl Into<String>, shown: impl Into<String>) -> Figure {
        Figure { name: name.into(), shown: shown.into(), goal: String::new(), is_met: true }
    }

    /// A time that must not be longer than the goal; both in seconds.
    pub fn time(name: impl Into<String>, seconds: f64, at_most: f64) -> Figure {
        Figure {
            name: name.into(),
            shown: time(seconds),
            goal: format!("<= {}", time(at_most)),
            is_met: seconds <= at_most,
        }
    }

    /// A number that must not be larger than the goal.
    pub fn at_most(name: impl Into<String>, value: f64, goal: f64, unit: &str) -> Figure {
        Figure {
            name: name.into(),
            shown: with_unit(value, unit),
            goal: format!("<= {}", with_unit(goal, unit)),
            is_met: value <= goal,
        }
    }

    /// A share that must be larger than the goal; both between 0 and 1.
    pub fn share(name: impl Into<String>, share: f64, above: f64) -> Figure {
        Figure {
            name: name.into(),
            shown: format!("{:.2} %", share * 100.0),
            goal: format!("> {:.0} %", above * 100.0),
            is_met: share > above,
        }
    }

    /// The row of the table in the report.
    pub fn row(&self) -> String {
        let verdict = match (self.goal.is_empty(), self.is_met) {
            (true, _) => "",
            (false, true) => "meets",
            (false, false) => "falls short",
        };
        format!("| {} | {} | {} | {verdict} |", self.name, self.shown, self.goal)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.shown)?;
        if !self.goal.is_empty() {
            write!(f, " (goal {}{})", self.goal, if self.is_met { "" } else { ", falls short" })?;
        }
        Ok(())
    }
}

/// A time with three digits that count and the unit that fits it.
pub fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    with_unit(value, unit)
}

fn with_unit(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}
