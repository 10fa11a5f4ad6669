//! Conditions in Rego: `isCompliant` of the package `sigstore`, as policy-controller asks for it, or the set `deny` of
//! any package.
//!
//! What a compiled policy obeys of regorus's limits is the process-wide time limit alone, so that is set here, once. A
//! function that fails is an error of the run, never "undefined": a rule that should have refused must not be skipped.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Once;

use jiff::Timestamp;
use nonempty::NonEmpty;
use regorus::utils::limits::{ExecutionTimerConfig, set_fallback_execution_timer_config};
use regorus::{CompiledPolicy, Engine, PolicyLengthConfig, Value};

use super::Verdict;
use super::input::Input;
use super::message::{line, refused};
use super::rego_calls;
use crate::limits::{CONDITION_DEPTH, CONDITION_SOURCE_BYTES, REGO_BRACKETS, REGO_TIME};

/// A module that defines at least one of the two.
pub(super) struct Program {
    compliant: Option<CompiledPolicy>,
    deny: Option<CompiledPolicy>,
}

/// The name under which regorus knows the module.
const FILE: &str = "policy.rego";

/// The version of the language.
#[derive(Clone, Copy)]
enum Version {
    V0,
    V1,
}

impl Program {
    /// Compiles `source`, or says on one line what is wrong with it. It is read as version 1, and as version 0 where it is
    /// none of version 1: what both can read means the same in both.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        limit_time();
        let (brackets, levels) = levels(source);
        if brackets > REGO_BRACKETS || levels > CONDITION_DEPTH {
            return Err(format!("is nested deeper than {REGO_BRACKETS} brackets or {CONDITION_DEPTH} levels"));
        }
        let mut engine = match engine(source, Version::V1) {
            Ok(engine) => engine,
            Err(error) if has_words_of_version_1(source) => return Err(error),
            Err(_) => engine(source, Version::V0)?,
        };
        let package = package(&engine)?;
        let is_sigstore = package == ["sigstore"];
        let declares = |engine: &Engine, rule: &str| {
            engine.has_declared_rule_rooted_at(FILE, rule).map_err(|error| say(&error.to_string()))
        };
        let is_compliant_there = declares(&engine, "isCompliant")?;
        let has_deny = declares(&engine, "deny")?;
        let has_compliant = is_compliant_there && is_sigstore;
        if !(has_deny || has_compliant) {
            let hint = if is_compliant_there {
                "`isCompliant` counts in the package `sigstore` only"
            } else {
                "a condition defines `isCompliant` in the package `sigstore`, or the set `deny` in any package"
            };
            return Err(hint.to_owned());
        }
        let mut entry = |rule: &str| compile(&mut engine, &package, rule);
        let compliant = has_compliant.then(|| entry("isCompliant")).transpose()?;
        let deny = has_deny.then(|| entry("deny")).transpose()?;
        Ok(Self { compliant, deny })
    }

    /// Whether `isCompliant` says yes and `deny` is empty, as far as they are there.
    pub(super) fn run(&self, input: &Input, now: Timestamp) -> Verdict {
        let verdict = self.compliant.as_ref().map(|policy| evaluate(policy, input, now, compliant));
        match (verdict, &self.deny) {
            (Some(Verdict::Satisfied) | None, Some(policy)) => evaluate(policy, input, now, denied),
            (Some(verdict), _) => verdict,
            (None, None) => Verdict::Error("it defines nothing that decides".to_owned()),
        }
    }
}

/// Whether an error is that of a function that there is not.
pub(super) fn is_unknown_function(error: &str) -> bool {
    error.contains("could not find function")
}

/// Sets the one limit of time that compiled policies obey.
fn limit_time() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let check_interval = NonZeroU32::new(64).unwrap_or(NonZeroU32::MIN);
        set_fallback_execution_timer_config(Some(ExecutionTimerConfig { limit: REGO_TIME, check_interval }));
    });
}

/// Whether a source uses a word that is none in version 0 unless it is imported. Read as version 0 all the same, it would
/// mean something else, and regorus would say so on stderr.
fn has_words_of_version_1(source: &str) -> bool {
    let imported = |word: &str| {
        let all = source.lines().map(str::trim).any(|line| matches!(line, "import future.keywords" | "import rego.v1"));
        all || source.contains(&format!("import future.keywords.{word}"))
    };
    let code = without_texts(source);
    let mut words = code.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|word| match word.trim_end() {
        "every" | "if" | "in" => !imported(word.trim_end()),
        "contains" => !imported("contains"),
        _ => false,
    })
}

/// How deep the square and curly brackets of a source stand in each other, which doubles the time of its parser each
/// time; and how deep all brackets do and how long its longest chain of operators and names is, for which it takes the
/// stack.
fn levels(source: &str) -> (usize, usize) {
    let is_operator = |c: char| matches!(c, '+' | '-' | '*' | '/' | '%' | '|' | '&' | '.' | '=' | '<' | '>' | '!');
    let mut depth: usize = 0;
    let mut chain: usize = 0;
    let mut brackets: usize = 0;
    let mut deepest = (0, 0);
    let mut last = ' ';
    let mut is_new_line = false;
    for character in without_texts(source).chars() {
        match character {
            '\n' => is_new_line = true,
            space if space.is_whitespace() => {}
            _ => {
                // A line goes on where one side of its end is an operator.
                if is_new_line && !is_operator(character) && !is_operator(last) {
                    chain = 0;
                }
                is_new_line = false;
                match character {
                    '(' => (depth, chain) = (depth + 1, chain + 1),
                    ')' => depth = depth.saturating_sub(1),
                    '[' => (brackets, depth, chain) = (brackets + 1, depth + 1, chain + 1),
                    ']' => (brackets, depth) = (brackets.saturating_sub(1), depth.saturating_sub(1)),
                    '{' => (brackets, depth, chain) = (brackets + 1, depth + 1, 0),
                    '}' => (brackets, depth, chain) = (brackets.saturating_sub(1), depth.saturating_sub(1), 0),
                    ',' | ';' => chain = 0,
                    operator if is_operator(operator) => chain += 1,
                    _ => {}
                }
                last = character;
            }
        }
        deepest = (deepest.0.max(brackets), deepest.1.max(depth).max(chain / CHAIN));
    }
    deepest
}

/// As many links of a chain as take no more of the stack than one bracket in another.
const CHAIN: usize = 4;

/// A source without its comments and texts.
fn without_texts(source: &str) -> String {
    let mut code = String::new();
    let mut end = None;
    let mut is_escaped = false;
    for character in source.chars() {
        match end {
            None => match character {
                '"' | '`' => end = Some(character),
                '#' => end = Some('\n'),
                _ => code.push(character),
            },
            Some('"') if is_escaped => is_escaped = false,
            Some('"') if character == '\\' => is_escaped = true,
            Some(close) if close == character => {
                end = None;
                code.push(if close == '\n' { '\n' } else { 'x' });
            }
            Some(_) => {}
        }
    }
    code
}

fn engine(source: &str, version: Version) -> Result<Engine, String> {
    let mut engine = Engine::new();
    engine.set_rego_v0(match version {
        Version::V0 => true,
        Version::V1 => false,
    });
    engine.set_strict_builtin_errors(true);
    let wide = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN);
    let bytes = NonZeroUsize::new(CONDITION_SOURCE_BYTES).unwrap_or(NonZeroUsize::MIN);
    engine.set_policy_length_config(PolicyLengthConfig { max_col: wide, max_file_bytes: bytes, max_lines: bytes });
    rego_calls::install(&mut engine)?;
    engine.add_policy(FILE.to_owned(), source.to_owned()).map_err(|error| say(&error.to_string()))?;
    Ok(engine)
}

fn package(engine: &Engine) -> Result<Vec<String>, String> {
    let packages = engine.get_policy_package_components().map_err(|error| say(&error.to_string()))?;
    let first = packages.into_iter().next();
    first.map(|package| package.components).ok_or_else(|| "has no package".to_owned())
}

fn compile(engine: &mut Engine, package: &[String], rule: &str) -> Result<CompiledPolicy, String> {
    let package = package.iter().map(|name| serde_json::Value::from(name.as_str()).to_string());
    let path: String = package.map(|name| format!("[{name}]")).collect();
    let path = format!("data{path}.{rule}");
    engine.compile_with_entrypoint(&path.into()).map_err(|error| say(&error.to_string()))
}

fn evaluate(policy: &CompiledPolicy, input: &Input, now: Timestamp, read: fn(&Value) -> Verdict) -> Verdict {
    match rego_calls::at(now, || policy.eval_with_input(input.rego())) {
        Ok(value) => read(&value),
        // The type of the error does not always survive the way out of a function's body.
        Err(error) if error.to_string().contains("exceeded time limit") => {
            Verdict::Spent(format!("it took longer than {} ms", REGO_TIME.as_millis()))
        }
        Err(error) => Verdict::Error(say(&error.to_string())),
    }
}

/// What `isCompliant` says: true, or a set of results of which the first good one counts, as in policy-controller. A
/// result with a warning counts as a refusal there.
fn compliant(value: &Value) -> Verdict {
    let results: Vec<_> = match value {
        Value::Array(results) => results.iter().collect(),
        Value::Bool(true) => return Verdict::Satisfied,
        Value::Bool(false) => return refused(Vec::new(), "`isCompliant` is false"),
        Value::Set(results) => results.iter().collect(),
        Value::Undefined => return refused(Vec::new(), "`isCompliant` is undefined"),
        Value::Null | Value::Number(_) | Value::Object(_) | Value::String(_) => {
            return Verdict::Error("`isCompliant` is neither true or false nor a set of results".to_owned());
        }
    };
    let mut messages = Vec::new();
    for result in results {
        let Value::Object(fields) = result else {
            return Verdict::Error("`isCompliant` holds what is no result".to_owned());
        };
        let text = |name: &str| match fields.get(&Value::from(name)) {
            Some(Value::String(text)) => line(text),
            _ => String::new(),
        };
        let (error, warning) = (text("error"), text("warning"));
        match fields.get(&Value::from("result")) {
            Some(Value::Bool(true)) if warning.is_empty() => return Verdict::Satisfied,
            Some(Value::Bool(true)) => return refused(vec![format!("warning: {warning}")], ""),
            _ => messages.extend([error, warning].into_iter().filter(|text| !text.is_empty())),
        }
    }
    refused(messages, "`isCompliant` holds no result that is true")
}

/// What `deny` says: nothing, or why not.
fn denied(value: &Value) -> Verdict {
    let messages: Vec<_> = match value {
        Value::Array(messages) => messages.iter().map(message).collect(),
        Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec!["`deny` is true".to_owned()],
        // A set as version 1 reads it where its author wrote `deny[message] if`.
        Value::Object(messages) => {
            messages.iter().filter(|(_, holds)| **holds != Value::Bool(false)).map(|(key, _)| message(key)).collect()
        }
        Value::Set(messages) => messages.iter().map(message).collect(),
        Value::Undefined => {
            return Verdict::Error("`deny` is undefined; define it as a set: `deny contains message if`".to_owned());
        }
        Value::Null | Value::Number(_) | Value::String(_) => {
            return Verdict::Error("`deny` is no set of messages".to_owned());
        }
    };
    match NonEmpty::from_vec(messages) {
        None => Verdict::Satisfied,
        Some(messages) => refused(messages.into(), ""),
    }
}

/// A message: a text, an object with one under `msg` or `message`, or whatever else as JSON.
fn message(value: &Value) -> String {
    let text = match value {
        Value::Object(fields) => {
            let named = ["msg", "message"].iter().find_map(|name| fields.get(&Value::from(*name)));
            named.unwrap_or(value)
        }
        Value::Array(_)
        | Value::Bool(_)
        | Value::Null
        | Value::Number(_)
        | Value::Set(_)
        | Value::String(_)
        | Value::Undefined => value,
    };
    match text {
        Value::String(text) => line(text),
        Value::Array(_)
        | Value::Bool(_)
        | Value::Null
        | Value::Number(_)
        | Value::Object(_)
        | Value::Set(_)
        | Value::Undefined => {
            if rego_calls::is_small(text) {
                line(&text.to_string())
            } else {
                "a message that is too long to be told".to_owned()
            }
        }
    }
}

/// The error of regorus on one line: its place, and its last line, without the picture of the source in between.
fn say(error: &str) -> String {
    let place = error.lines().find_map(|line| line.trim().strip_prefix("--> "));
    let mut numbers = place.and_then(|place| place.strip_prefix(FILE)).into_iter().flat_map(|place| place.split(':'));
    let place = (numbers.nth(1), numbers.next());
    let last = error.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let last = line(last.strip_prefix("error: ").unwrap_or(last));
    match place {
        (Some(row), Some(column)) => format!("line {row}, column {column}: {last}"),
        (None | Some(_), _) => last,
    }
}
