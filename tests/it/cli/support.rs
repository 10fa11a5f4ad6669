//! Running the program.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A place of its own for one test: the directory in which the program runs.
pub(super) struct Place(tempfile::TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub(super) fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The program with these arguments, in this place, with nothing in its environment.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(args).current_dir(self.path()).env_clear().env("HOME", self.path());
        command
    }

    /// What comes of running it: exit code, stdout and stderr, as a snapshot shows them.
    pub(super) fn run(&self, args: &[&str]) -> String {
        self.shown(args, &self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// The same, with text on stdin.
    pub(super) fn run_with(&self, args: &[&str], stdin: &str) -> String {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        self.shown(args, &child.wait_with_output().unwrap())
    }

    fn shown(&self, args: &[&str], output: &Output) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap().replace(self.path().to_str().unwrap(), "[place]");
            assert!(!text.contains('\u{1b}'), "colours where there is no terminal: {text}");
            text
        };
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let exit = output.status.code().unwrap();
        let mut shown = format!("$ countersign {}\n", args.join(" "));
        for (name, text) in [("stdout", out), ("stderr", err)] {
            if !text.is_empty() {
                shown.push_str(&format!("--- {name}\n{text}"));
            }
        }
        shown.push_str(&format!("--- exit {exit}\n"));
        shown
    }
}
