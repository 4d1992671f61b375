//! What clients asked for and what came back, in the form that the checker reads.

use std::fmt::Write;

use adya::{History, Opts, Valid, Workload, check};

/// A step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A value put to the end of a list. No value is appended twice.
    Append(u64, u64),
    /// A list as it was read.
    Read(u64, Vec<u64>),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Committed,
    Failed,
}

/// A transaction with the moments at which it began and ended.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub process: u64,
    pub begin: u64,
    pub end: u64,
    pub outcome: End,
    pub steps: Vec<Step>,
}

/// A history: transactions, in no particular order.
#[derive(Clone, Debug, Default)]
pub struct Record(pub Vec<Transaction>);

impl Record {
    /// The anomalies that a consistency model forbids and that this history has, or an
    /// empty text. A history that tells nothing is an anomaly too.
    pub fn anomalies(&self, model: &str) -> String {
        let history = History::from_json(&self.lines()).expect("histories are well-formed");
        let options = Opts {
            models: vec![model.to_owned()],
            timeout: std::time::Duration::from_secs(60),
            ..Opts::default()
        };
        let report = check(&history, Workload::ListAppend, &options);
        match report.valid {
            Valid::True => String::new(),
            Valid::False | Valid::Unknown => report.anomaly_types.join(", "),
        }
    }

    pub fn committed(&self) -> usize {
        self.0.iter().filter(|t| t.outcome == End::Committed).count()
    }

    pub fn failed(&self) -> usize {
        self.0.len() - self.committed()
    }

    /// One line for each beginning and each end, in the order in which they were.
    fn lines(&self) -> String {
        let mut moments: Vec<(u64, &Transaction, &str)> = Vec::new();
        for transaction in &self.0 {
            moments.push((transaction.begin, transaction, "invoke"));
            let end = match transaction.outcome {
                End::Committed => "ok",
                End::Failed => "fail",
            };
            moments.push((transaction.end, transaction, end));
        }
        moments.sort_by_key(|(moment, ..)| *moment);
        let mut lines = String::new();
        for (index, (_, transaction, kind)) in moments.iter().enumerate() {
            let steps: Vec<String> =
                transaction.steps.iter().map(|step| step.json(*kind == "ok")).collect();
            let _ = writeln!(
                lines,
                r#"{{"index":{index},"type":"{kind}","process":{},"value":[{}]}}"#,
                transaction.process,
                steps.join(",")
            );
        }
        lines
    }
}

impl Step {
    fn json(&self, is_known: bool) -> String {
        match self {
            Step::Append(key, value) => format!(r#"["append",{key},{value}]"#),
            Step::Read(key, values) if is_known => format!(r#"["r",{key},{values:?}]"#),
            Step::Read(key, _) => format!(r#"["r",{key},null]"#),
        }
    }
}
