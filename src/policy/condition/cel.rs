//! Conditions in CEL: one expression that is true or false.
//!
//! The `cel` crate has no limit of its own and cannot be interrupted. So every expression is rewritten when it is
//! loaded: each loop pays for its rounds before it starts, and everything that looks at whole values or copies them pays
//! for their size, in calls of functions that no source can name. Whoever cannot pay unwinds out of the run. Regular
//! expressions have to be written out, and are compiled once.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock};

use ::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use ::cel::common::types::{CelBool, CelBytes, CelInt, CelList, CelMap, CelString, DYN_TYPE};
use ::cel::common::value::{CowVal, Val};
use ::cel::objects::{Key, Value};
use ::cel::parser::PrattParser;
use ::cel::{Context, Env, ExecutionError};
use regex::{Regex, RegexBuilder};

use super::Verdict;
use super::cost::{Spent, Steps, of_bytes};
use super::message::{line, quoted, refused};
use crate::limits::{CEL_LEVELS, CEL_SOURCE_BYTES, CONDITION_DEPTH, REGEX_BYTES, REGEX_CHARS};

/// An expression that pays for what it does.
pub(super) struct Program {
    expression: IdedExpr,
    regexes: Arc<[Regex]>,
}

impl Program {
    /// Compiles `source`, or says on one line what is wrong with it.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > CEL_SOURCE_BYTES {
            return Err(format!("has more than {CEL_SOURCE_BYTES} bytes"));
        }
        let depth = u16::try_from(CONDITION_DEPTH).unwrap_or(u16::MAX);
        let parser = PrattParser::new().max_recursion_depth(depth);
        let mut expression = parser.parse(source).map_err(|errors| {
            let first = errors.errors.iter().find(|error| error.pos.0 > 0).or(errors.errors.first());
            first.map_or_else(
                || "is no CEL expression".to_owned(),
                |error| {
                    let (row, column) = error.pos;
                    let text = line(&error.msg);
                    if row > 0 { format!("line {row}, column {column}: {text}") } else { text }
                },
            )
        })?;
        let mut rewriter = Rewriter { scope: Vec::new(), regexes: Vec::new() };
        rewriter.rewrite(&mut expression, 0)?;
        Ok(Self { expression, regexes: rewriter.regexes.into() })
    }

    /// Whether it is true of `input`, whose fields are its variables, and how many of `most` steps that took.
    pub(super) fn run(&self, input: &serde_json::Value, most: u64) -> (Verdict, u64) {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in input.as_object().into_iter().flatten() {
            if VARIABLES.contains(&name.as_str()) {
                context.add_variable_from_value(name.as_str(), read(value));
            }
        }
        STEPS.set(Some(Steps::new(most)));
        REGEXES.set(Arc::clone(&self.regexes));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let value = Value::resolve_val(&self.expression, &context).map_err(|error| say(&error))?;
            match value.downcast_ref::<CelBool>() {
                Some(value) => Ok(*value.inner()),
                None => Err(format!("it gives a value of the type `{}`, not true or false", value.get_type().name())),
            }
        }));
        // Whoever could not pay has nothing left.
        let steps = most.saturating_sub(STEPS.take().map_or(0, |left| left.left()));
        REGEXES.set(Arc::default());
        let verdict = match result {
            Ok(Ok(true)) => Verdict::Satisfied,
            Ok(Ok(false)) => refused(Vec::new(), "the expression is false"),
            Ok(Err(error)) => Verdict::Error(error),
            Err(unwound) if unwound.is::<Spent>() => Verdict::Spent(Spent::message(most)),
            Err(panicked) => resume_unwind(panicked),
        };
        (verdict, steps)
    }
}

/// The variables that there are: the fields of a statement, and those of what all authorities found.
const VARIABLES: [&str; 9] =
    ["_type", "predicateType", "predicate", "subject", "authorityMatches", "config", "spec", "metadata", "typemeta"];

/// Names that are types.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// The functions of the standard library.
const FUNCTIONS: [&str; 25] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Functions of ours, with names that cannot be written in a source.
const PAY: &str = "@pay";
const ROUNDS: &str = "@rounds";
const MATCHES: &str = "@matches";

/// What the macros of CEL call the value that a loop builds up.
const RESULT: &str = "@result";

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    // They are declared once, under names of their own; without them every call of them is an error of the run.
    let declared = [
        env.add_overload(PAY, PAY, vec![DYN_TYPE], pay),
        env.add_overload(ROUNDS, ROUNDS, vec![DYN_TYPE, DYN_TYPE], rounds),
        env.add_overload(MATCHES, MATCHES, vec![DYN_TYPE, DYN_TYPE], matches),
    ];
    debug_assert!(declared.iter().all(Result::is_ok));
    Arc::new(env)
});

thread_local! {
    /// What the run on this thread may still spend.
    static STEPS: Cell<Option<Steps>> = const { Cell::new(None) };
    /// Its regular expressions.
    static REGEXES: RefCell<Arc<[Regex]>> = RefCell::default();
}

/// Pays, or leaves the run: an error could be swallowed by `||` and `&&`, an unwinding cannot.
fn spend(steps: u64) {
    let mut left = STEPS.take().unwrap_or_else(|| Steps::new(0));
    match left.spend(steps) {
        Ok(()) => STEPS.set(Some(left)),
        Err(spent) => resume_unwind(Box::new(spent)),
    }
}

/// Pays for the size of a value, and gives it back.
fn pay<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let value = arguments.next().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    walk(value.as_ref());
    Ok(value)
}

/// Pays for a loop over a value whose rounds cost so much each, and gives the value back.
fn rounds<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let value = arguments.next().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    let each = arguments.next().and_then(|each| each.downcast_ref::<CelInt>().map(|each| *each.inner()));
    let each = each.and_then(|each| u64::try_from(each).ok()).unwrap_or(u64::MAX);
    let rounds = value.as_sizer().and_then(|sizer| u64::try_from(*sizer.size().inner()).ok()).unwrap_or(1);
    walk(value.as_ref());
    spend(rounds.saturating_mul(each));
    Ok(value)
}

/// Whether a text matches the regular expression with that number.
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let mut arguments = arguments.into_iter();
    let (Some(text), Some(index)) = (arguments.next(), arguments.next()) else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let regexes = REGEXES.with_borrow(Arc::clone);
    let index = index.downcast_ref::<CelInt>().and_then(|index| usize::try_from(*index.inner()).ok());
    match (text.downcast_ref::<CelString<'_>>(), index.and_then(|index| regexes.get(index))) {
        (Some(text), Some(regex)) => Ok(CowVal::owned(CelBool::from(regex.is_match(text.inner())))),
        (None, _) => {
            let types = vec![text.get_type().name().to_owned(), "string".to_owned()];
            Err(ExecutionError::no_such_overload("matches", types))
        }
        (Some(_), None) => Err(ExecutionError::InternalError("no such regular expression".to_owned())),
    }
}

/// Pays for everything in a value.
fn walk(value: &dyn Val) {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        spend(of_bytes(text.inner().len()));
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        spend(of_bytes(bytes.inner().len()));
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        spend(1);
        for element in list.inner() {
            walk(element.as_ref());
        }
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        spend(1);
        for element in map.inner().values() {
            spend(1);
            walk(element.as_ref());
        }
    } else {
        spend(1);
    }
}

/// Puts payments into an expression, and refuses what could not be paid for or is not there.
struct Rewriter {
    /// The variables of the loops around.
    scope: Vec<String>,
    regexes: Vec<Regex>,
}

impl Rewriter {
    /// Rewrites one expression and gives its steps, its loops not counted.
    fn rewrite(&mut self, node: &mut IdedExpr, depth: usize) -> Result<u64, String> {
        if depth >= CEL_LEVELS {
            return Err(format!("is nested deeper than {CEL_LEVELS} levels"));
        }
        let mut steps = 1;
        match &mut node.expr {
            Expr::Call(call) => {
                if let Some(replacement) = self.call(call, depth, &mut steps)? {
                    node.expr = replacement;
                }
            }
            Expr::Comprehension(comprehension) => steps += self.comprehension(comprehension, depth)?,
            Expr::Ident(name) => self.variable(name)?,
            Expr::List(list) => {
                for element in &mut list.elements {
                    steps += self.paid(element, depth)?;
                }
            }
            Expr::Literal(_) => {}
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    match &mut entry.expr {
                        EntryExpr::MapEntry(entry) => {
                            steps += self.paid(&mut entry.key, depth)?;
                            steps += self.paid(&mut entry.value, depth)?;
                        }
                        EntryExpr::StructField(_) => return Err(no_messages()),
                    }
                }
            }
            Expr::Select(select) => steps += self.rewrite(&mut select.operand, depth + 1)?,
            Expr::Struct(_) => return Err(no_messages()),
            Expr::Unspecified => return Err("is no CEL expression".to_owned()),
        }
        Ok(steps)
    }

    /// Rewrites an expression whose value will be looked at or copied as a whole.
    fn paid(&mut self, node: &mut IdedExpr, depth: usize) -> Result<u64, String> {
        // The payment is a level of its own.
        let steps = self.rewrite(node, depth + 2)?;
        // What a literal costs is bounded by the source. What a loop builds up has paid for its parts, and the crate
        // knows the loops whose result it can extend in place by their form.
        let is_free = match &node.expr {
            Expr::Ident(name) => name == RESULT,
            Expr::List(_) | Expr::Literal(_) => true,
            Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_)
            | Expr::Unspecified => false,
        };
        if !is_free {
            let inner = std::mem::take(node);
            *node = call(inner.id, PAY, vec![inner]);
        }
        Ok(steps + 1)
    }

    /// A call; what stands in its place, where something else does.
    fn call(&mut self, call: &mut CallExpr, depth: usize, steps: &mut u64) -> Result<Option<Expr>, String> {
        let name = call.func_name.clone();
        match name.as_str() {
            operators::LOGICAL_AND
            | operators::LOGICAL_OR
            | operators::LOGICAL_NOT
            | operators::CONDITIONAL
            | operators::NOT_STRICTLY_FALSE => {
                for argument in &mut call.args {
                    *steps += self.rewrite(argument, depth + 1)?;
                }
            }
            operators::INDEX => {
                let mut arguments = call.args.iter_mut();
                if let Some(indexed) = arguments.next() {
                    *steps += self.rewrite(indexed, depth + 1)?;
                }
                for index in arguments {
                    *steps += self.paid(index, depth)?;
                }
            }
            operators::SUBSTRACT
            | operators::ADD
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::EQUALS
            | operators::NOT_EQUALS
            | operators::GREATER_EQUALS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::LESS
            | operators::NEGATE
            | operators::IN => {
                for argument in &mut call.args {
                    *steps += self.paid(argument, depth)?;
                }
            }
            "matches" => return self.matches(call, depth, steps).map(Some),
            name if FUNCTIONS.contains(&name) => {
                if let Some(target) = &mut call.target {
                    *steps += self.paid(target, depth)?;
                }
                for argument in &mut call.args {
                    *steps += self.paid(argument, depth)?;
                }
            }
            name => return Err(format!("there is no function {}", quoted(name))),
        }
        Ok(None)
    }

    fn matches(&mut self, call: &mut CallExpr, depth: usize, steps: &mut u64) -> Result<Expr, String> {
        let arguments = std::mem::take(&mut call.args);
        let arguments: Vec<_> = call.target.take().map(|target| *target).into_iter().chain(arguments).collect();
        let Ok([mut text, pattern]) = <[IdedExpr; 2]>::try_from(arguments) else {
            return Err("`matches` takes a text and a regular expression".to_owned());
        };
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return Err("the regular expression of `matches` has to be written out".to_owned());
        };
        let written = pattern.inner();
        if written.chars().count() > REGEX_CHARS {
            return Err(format!("a regular expression has more than {REGEX_CHARS} characters"));
        }
        let regex = RegexBuilder::new(written).size_limit(REGEX_BYTES).build();
        let regex = regex.map_err(|_| format!("{} is no regular expression", quoted(written)))?;
        *steps += self.paid(&mut text, depth)?;
        let index = i64::try_from(self.regexes.len()).unwrap_or(i64::MAX);
        self.regexes.push(regex);
        let index = IdedExpr { id: text.id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(index))) };
        Ok(Expr::Call(CallExpr { func_name: MATCHES.to_owned(), target: None, args: vec![text, index] }))
    }

    fn comprehension(&mut self, loop_: &mut ComprehensionExpr, depth: usize) -> Result<u64, String> {
        let mut steps = self.rewrite(&mut loop_.iter_range, depth + 2)?;
        steps += self.rewrite(&mut loop_.accu_init, depth + 1)?;
        let before = self.scope.len();
        self.scope.push(loop_.accu_var.clone());
        steps += self.rewrite(&mut loop_.result, depth + 1)?;
        self.scope.push(loop_.iter_var.clone());
        self.scope.extend(loop_.iter_var2.clone());
        let each = self.rewrite(&mut loop_.loop_cond, depth + 1)? + self.rewrite(&mut loop_.loop_step, depth + 1)?;
        self.scope.truncate(before);
        let range = std::mem::take(&mut loop_.iter_range);
        let each = LiteralValue::Int(CelInt::from(i64::try_from(each).unwrap_or(i64::MAX)));
        let each = IdedExpr { id: range.id, expr: Expr::Literal(each) };
        loop_.iter_range = call(range.id, ROUNDS, vec![range, each]);
        Ok(steps)
    }

    fn variable(&self, name: &str) -> Result<(), String> {
        let known = VARIABLES.contains(&name) || TYPES.contains(&name) || self.scope.iter().any(|known| known == name);
        if known {
            return Ok(());
        }
        let hint = "a condition sees `predicateType`, `predicate` and `subject`, or `authorityMatches` where it is the \
                    policy's own";
        Err(format!("there is no variable {}: {hint}", quoted(name)))
    }
}

fn call(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }) }
}

fn no_messages() -> String {
    "messages cannot be made in conditions".to_owned()
}

/// A JSON value as CEL has it.
fn read(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Array(elements) => Value::List(Arc::new(elements.iter().map(read).collect())),
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Number(number) => {
            let whole = number.as_i64().map(Value::Int).or_else(|| number.as_u64().map(Value::UInt));
            whole.or_else(|| number.as_f64().map(Value::Float)).unwrap_or(Value::Null)
        }
        serde_json::Value::Object(fields) => {
            let fields: HashMap<Key, Value> =
                fields.iter().map(|(name, value)| (Key::from(name.as_str()), read(value))).collect();
            Value::from(fields)
        }
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
    }
}

/// What went wrong, without the values that it went wrong with: they may be large, and somebody else's.
fn say(error: &ExecutionError) -> String {
    if let ExecutionError::NoSuchKey(name) = error {
        format!("there is no field {}", quoted(name))
    } else if let ExecutionError::UndeclaredReference(name) = error {
        format!("there is no {}", quoted(name))
    } else if let ExecutionError::NoSuchOverload(overload) = error {
        line(&overload.to_string())
    } else if let ExecutionError::UnexpectedType { got, want } = error {
        format!("a value of the type {} stands where {} is needed", quoted(got), quoted(want))
    } else if let ExecutionError::FunctionError { function, message } = error {
        format!("{}: {}", quoted(function), line(message))
    } else if let ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) = error {
        "division by zero".to_owned()
    } else if let ExecutionError::Overflow(..) = error {
        "a number is out of range".to_owned()
    } else if let ExecutionError::IndexOutOfBounds(_) = error {
        "an index is out of bounds".to_owned()
    } else {
        "an operator or function was used with values that it does not take".to_owned()
    }
}
