//! The table.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::scene::Scene;

/// One scene, and what came of it.
pub(super) struct Row {
    pub(super) scene: Scene,
    /// Admitted, or the code of the reason why not.
    pub(super) verdict: Result<(), String>,
    /// What the author of the pod is told.
    pub(super) message: String,
    pub(super) time: Duration,
    pub(super) requests: u64,
}

impl Row {
    /// Whether the verdict is the one that the scene asks for, reason included.
    pub(super) fn is_expected(&self) -> bool {
        match (&self.verdict, self.scene.expected) {
            (Ok(()), Ok(())) => true,
            (Err(code), Err(reason)) => code == reason.code(),
            (Ok(()), Err(_)) | (Err(_), Ok(())) => false,
        }
    }

    pub(super) fn is_denied(&self) -> bool {
        self.verdict.is_err()
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The images without the registry, which is the same everywhere.
    fn images(&self) -> String {
        let short = |image: &String| image.split_once('/').map_or(image.clone(), |(_, path)| path.to_owned());
        self.scene.images.iter().map(short).collect::<Vec<_>>().join(" + ")
    }
}

/// The rows as text. Its colours are dropped where the output is no terminal.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let cells: Vec<[String; 6]> = rows.iter().map(cells).collect();
    let head = ["IMAGE", "WHAT IT IS", "VERDICT", "REASON", "TIME", "REQUESTS"].map(str::to_owned);
    let width = |column: usize| {
        let all = std::iter::once(&head).chain(&cells);
        all.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    line(&mut text, &head, &widths, Style::new().bold());
    for (row, cells) in rows.iter().zip(&cells) {
        let style = match (row.is_expected(), &row.verdict) {
            (false, _) => Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())),
            (true, Ok(())) => Style::new().fg_color(Some(AnsiColor::Green.into())),
            (true, Err(_)) => Style::new().fg_color(Some(AnsiColor::Red.into())),
        };
        line(&mut text, cells, &widths, style);
        if let (false, Err(reason)) = (row.is_expected(), row.scene.expected) {
            let _ = writeln!(text, "  expected to be denied with {reason}");
        } else if !row.is_expected() {
            let _ = writeln!(text, "  expected to be admitted: {}", row.message);
        }
    }
    text
}

fn cells(row: &Row) -> [String; 6] {
    let (verdict, reason) = match &row.verdict {
        Ok(()) => ("admitted", String::new()),
        Err(code) => ("denied", code.clone()),
    };
    let time = format!("{:.1} ms", row.time.as_secs_f64() * 1e3);
    [row.images(), row.scene.title.to_owned(), verdict.to_owned(), reason, time, row.requests.to_string()]
}

/// One line; of a row, the verdict alone is coloured.
fn line(text: &mut String, cells: &[String; 6], widths: &[usize], style: Style) {
    let head = cells.first().is_some_and(|first| first == "IMAGE");
    let mut padded = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        padded = format!("{cell:<width$}");
        if column + 1 == cells.len() {
            break;
        }
        let _ = match column == 2 || head {
            true => write!(text, "{style}{padded}{style:#}  "),
            false => write!(text, "{padded}  "),
        };
    }
    let _ = match head {
        true => writeln!(text, "{style}{}{style:#}", padded.trim_end()),
        false => writeln!(text, "{}", padded.trim_end()),
    };
}
