//! The rows that are printed.

use std::time::Duration;

/// A table of figures, printed as Markdown.
pub(crate) struct Report {
    rows: Vec<[String; 3]>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, what: &str, figure: &str, value: String) {
        eprintln!("{what}, {figure}: {value}");
        self.rows.push([what.to_owned(), figure.to_owned(), value]);
    }

    /// Median and 99th percentile.
    pub(crate) fn latencies(&mut self, what: &str, latencies: &[Duration]) {
        let mut sorted = latencies.to_vec();
        sorted.sort();
        let at = |percent: usize| sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied();
        for (figure, percent) in [("p50", 50), ("p99", 99)] {
            let value = at(percent).map_or("-".to_owned(), |time| format!("{:.2} ms", time.as_secs_f64() * 1e3));
            self.row(what, figure, value);
        }
    }

    #[expect(clippy::print_stdout, reason = "the table is what the benchmark is run for")]
    pub(crate) fn print(&self) {
        println!("\n| What | Figure | Value |\n|---|---|---|");
        for [what, figure, value] in &self.rows {
            println!("| {what} | {figure} | {value} |");
        }
    }
}
