//! Whether the process lives, and whether it should be asked.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// What readiness depends on.
#[derive(Default)]
pub struct Health {
    draining: AtomicBool,
    checks: Vec<Check>,
}

/// One thing that readiness depends on.
pub struct Check {
    name: &'static str,
    look: Box<dyn Fn() -> State + Send + Sync>,
}

/// How one thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The server should not be asked, for this reason.
    Failed(String),
    /// All is well; what there is to say, or nothing.
    Good(String),
    /// The server can be asked, and somebody should look, for this reason.
    Worrying(String),
}

impl Check {
    /// A check called `name`, which `look` carries out whenever somebody asks. It must answer at once.
    pub fn new(name: &'static str, look: impl Fn() -> State + Send + Sync + 'static) -> Self {
        Self { name, look: Box::new(look) }
    }
}

impl Health {
    /// Ready when every one of `checks` says so, and not draining.
    pub fn new(checks: Vec<Check>) -> Self {
        Self { draining: AtomicBool::new(false), checks }
    }

    /// From now on the server is not ready: it is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server should be asked, and the account of it, a line for each check.
    pub(super) fn readiness(&self) -> (bool, String) {
        let mut ready = true;
        let mut text = String::new();
        let draining = if self.draining.load(Ordering::Relaxed) {
            State::Failed("the server is about to end".to_owned())
        } else {
            State::Good(String::new())
        };
        let states = self.checks.iter().map(|check| (check.name, (check.look)())).chain([("not_draining", draining)]);
        for (name, state) in states {
            let (mark, word, mut said) = match state {
                State::Failed(said) => {
                    ready = false;
                    ('-', "failed", said)
                }
                State::Good(said) => ('+', "ok", said),
                State::Worrying(said) => ('!', "ok, but", said),
            };
            said.retain(|c| !c.is_control());
            let colon = if said.is_empty() || word == "ok, but" { "" } else { ":" };
            let line = format!("[{mark}]{name} {word}{colon} {said}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "{}", if ready { "ready" } else { "not ready" });
        (ready, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_is_enough() {
        let good = || Check::new("a", || State::Good("12 policies".to_owned()));
        let worrying = || Check::new("b", || State::Worrying("policies.yaml:3: no\nmapping".to_owned()));
        let failed = || Check::new("c", || State::Failed("expired".to_owned()));
        let health = Health::new(vec![good(), worrying()]);
        let text = "[+]a ok: 12 policies\n[!]b ok, but policies.yaml:3: nomapping\n[+]not_draining ok\nready\n";
        assert_eq!(health.readiness(), (true, text.to_owned()));
        let health = Health::new(vec![good(), failed()]);
        let text = "[+]a ok: 12 policies\n[-]c failed: expired\n[+]not_draining ok\nnot ready\n";
        assert_eq!(health.readiness(), (false, text.to_owned()));
    }

    #[test]
    fn draining_is_not_ready() {
        let health = Health::new(Vec::new());
        assert!(health.readiness().0);
        health.drain();
        let text = "[-]not_draining failed: the server is about to end\nnot ready\n";
        assert_eq!(health.readiness(), (false, text.to_owned()));
    }
}
