//! Saying how a command ended.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::{Error, Exit, Outcome};

/// Says what came of a command. What cannot be said for a reader that has gone, as `head` does, is not: the exit code
/// remains. Another error while writing is one of the command.
pub(super) fn outcome(outcome: &Outcome, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let written = out.write_all(outcome.data.as_bytes()).and_then(|()| out.flush());
    if let Err(failed) = written
        && failed.kind() != std::io::ErrorKind::BrokenPipe
    {
        return error(&Error::unavailable(format!("cannot write the answer: {failed}")), err);
    }
    let (color, word) = match outcome.exit {
        Exit::Success => (AnsiColor::Yellow, "note"),
        Exit::Refused | Exit::Unavailable | Exit::Usage => (AnsiColor::Red, "error"),
    };
    for message in &outcome.messages {
        say(err, color, word, message);
    }
    for note in &outcome.notes {
        say(err, AnsiColor::Yellow, "note", note);
    }
    for hint in &outcome.hints {
        say(err, AnsiColor::Cyan, "hint", hint);
    }
    outcome.exit
}

/// Says why a command did nothing.
pub(super) fn error(error: &Error, err: &mut dyn Write) -> Exit {
    say(err, AnsiColor::Red, "error", &error.to_string());
    if let Some(hint) = error.what_to_do() {
        say(err, AnsiColor::Cyan, "hint", hint);
    }
    error.exit()
}

/// Says what the parser of the command line says: a mistake, or the help or version that was asked for.
pub(super) fn usage(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let text = error.render();
    if error.use_stderr() {
        let _ = write!(err, "{}", text.ansi());
        return Exit::Usage;
    }
    let _ = write!(out, "{}", text.ansi());
    Exit::Success
}

/// One line: a word in colour, and the text.
pub(super) fn say(err: &mut dyn Write, color: AnsiColor, word: &str, text: &str) {
    let style = Style::new().bold().fg_color(Some(color.into()));
    let _ = writeln!(err, "{style}{word}:{style:#} {text}");
}

/// How what was found is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum TableFormat {
    /// One line for each, for people
    Table,
    /// JSON
    Json,
}

/// A table: columns as wide as their widest cell, the last one ragged. The first row is the head.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_blanks_at_its_right() {
        let rows = [["A", "B"], ["long", ""], ["c", "d"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong\nc     d\n");
    }

    #[test]
    fn the_exit_code_survives_a_reader_that_went_away() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let rejected = Outcome { data: "x\n".to_owned(), exit: Exit::Refused, ..Outcome::default() };
        assert_eq!(outcome(&rejected, &mut Gone, &mut Vec::new()), Exit::Refused);
    }
}
