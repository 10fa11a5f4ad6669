//! Functions of Rego that are bounded, told the time, or not there.
//!
//! One call of some functions can build a value of any size out of small ones before the time is next looked at. Ours
//! stand in front of these: what goes in is measured, and the original is called with what is small enough.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regorus::{CompiledPolicy, Engine, Value};

use crate::limits::REGO_CALL_BYTES;

/// Functions whose result is in proportion to what goes in, each with the number of its arguments.
const PROPORTIONAL: [(&str, u8); 13] = [
    ("array.concat", 2),
    ("base64.encode", 1),
    ("base64url.encode", 1),
    ("base64url.encode_no_pad", 1),
    ("concat", 2),
    ("hex.encode", 1),
    ("json.marshal", 1),
    ("json.unmarshal", 1),
    ("object.union", 2),
    ("object.union_n", 1),
    ("sprintf", 2),
    ("urlquery.encode", 1),
    ("urlquery.encode_object", 1),
];

/// Functions whose result is in proportion to the product of their first and last arguments.
const MULTIPLYING: [(&str, u8); 3] = [("regex.replace", 3), ("replace", 3), ("strings.replace_n", 2)];

/// Functions that are not there: they ask the world, a clock or a die, or give what nobody can bound.
const ABSENT: [(&str, u8); 7] = [
    ("bits.lsh", 2),
    ("graph.reachable_paths", 2),
    ("numbers.range_step", 3),
    ("opa.runtime", 0),
    ("print", 1),
    ("rand.intn", 2),
    ("trace", 1),
];

/// The longest range of numbers.
const RANGE: i64 = 100_000;

thread_local! {
    /// The present of the run on this thread.
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
}

/// The functions themselves, behind ours.
static ORIGINALS: LazyLock<BTreeMap<&'static str, CompiledPolicy>> = LazyLock::new(|| {
    let all = PROPORTIONAL.iter().chain(&MULTIPLYING).chain(&[("numbers.range", 2)]);
    all.filter_map(|(name, arguments)| Some((*name, original(name, *arguments)?))).collect()
});

fn original(name: &str, arguments: u8) -> Option<CompiledPolicy> {
    let arguments: Vec<_> = (0..arguments).map(|index| format!("input[{index}]")).collect();
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    let module = format!("package original\nresult := {name}({})\n", arguments.join(", "));
    engine.add_policy("original.rego".to_owned(), module).ok()?;
    engine.compile_with_entrypoint(&"data.original.result".into()).ok()
}

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("`{0}` is not there in conditions")]
    Absent(&'static str),
    #[error("{0}")]
    Failed(String),
    #[error("`{0}` was called with too much, or would give too much")]
    Size(&'static str),
}

/// Puts our functions into `engine`.
pub(super) fn install(engine: &mut Engine) -> Result<(), String> {
    let mut added = Vec::new();
    for (name, arguments) in PROPORTIONAL {
        added.push(engine.add_extension(
            name.to_owned(),
            arguments,
            Box::new(move |given| {
                let fits = size(&given) <= REGO_CALL_BYTES && (name != "sprintf" || has_no_width(&given));
                if fits { Ok(call(name, given)?) } else { Err(Refusal::Size(name).into()) }
            }),
        ));
    }
    for (name, arguments) in MULTIPLYING {
        added.push(engine.add_extension(
            name.to_owned(),
            arguments,
            Box::new(move |given| {
                let of = |value: Option<&Value>| value.map_or(0, |value| size(std::slice::from_ref(value)));
                let product = of(given.first()).saturating_mul(of(given.last()));
                let fits = size(&given) <= REGO_CALL_BYTES && product <= REGO_CALL_BYTES.saturating_mul(8);
                if fits { Ok(call(name, given)?) } else { Err(Refusal::Size(name).into()) }
            }),
        ));
    }
    for (name, arguments) in ABSENT {
        added.push(engine.add_extension(
            name.to_owned(),
            arguments,
            Box::new(move |_given| Err(Refusal::Absent(name).into())),
        ));
    }
    let range = "numbers.range";
    added.push(engine.add_extension(
        range.to_owned(),
        2,
        Box::new(move |given| {
            let ends: Option<Vec<i64>> = given.iter().map(|value| value.as_i64().ok()).collect();
            match ends.as_deref() {
                Some([from, to]) if from.abs_diff(*to) < RANGE.unsigned_abs() => Ok(call(range, given)?),
                _ => Err(Refusal::Size(range).into()),
            }
        }),
    ));
    added.push(engine.add_extension(
        "time.now_ns".to_owned(),
        0,
        Box::new(|_given| {
            let nanoseconds = NOW.get().as_nanosecond();
            Ok(i64::try_from(nanoseconds).map_or(Value::Undefined, Value::from))
        }),
    ));
    added.into_iter().collect::<Result<Vec<()>, _>>().map(drop).map_err(|error| error.to_string())
}

/// Does `work`, for which the present is `now`.
pub(super) fn at<T>(now: Timestamp, work: impl FnOnce() -> T) -> T {
    NOW.set(now);
    work()
}

/// Whether a value can be printed.
pub(super) fn is_small(value: &Value) -> bool {
    size(std::slice::from_ref(value)) <= REGO_CALL_BYTES
}

/// Calls the function itself.
fn call(name: &'static str, given: Vec<Value>) -> Result<Value, Refusal> {
    let original = ORIGINALS.get(name).ok_or(Refusal::Absent(name))?;
    original.eval_with_input(Value::from(given)).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        Refusal::Failed(last.strip_prefix("error: ").unwrap_or(last).to_owned())
    })
}

/// The bytes of values as they would be written out, or more than are allowed: a value may stand in another a thousand
/// times and take no room there.
fn size(values: &[Value]) -> usize {
    let mut left = REGO_CALL_BYTES;
    let fits = values.iter().all(|value| measure(value, 0, &mut left).is_some());
    if fits { REGO_CALL_BYTES.saturating_sub(left) } else { usize::MAX }
}

fn measure(value: &Value, depth: usize, left: &mut usize) -> Option<()> {
    /// A value as deep as this is not looked at: it takes the stack to do so.
    const DEPTH: usize = 256;
    if depth > DEPTH {
        return None;
    }
    let mut spend = |bytes: usize| {
        *left = left.checked_sub(bytes)?;
        Some(())
    };
    spend(8)?;
    match value {
        Value::Array(elements) => elements.iter().try_for_each(|element| measure(element, depth + 1, left)),
        Value::Bool(_) | Value::Null | Value::Undefined => Some(()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(_), _) | (None, Some(_)) => spend(16),
            // As many digits as it likes.
            (None, None) => None,
        },
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            measure(key, depth + 1, left)?;
            measure(field, depth + 1, left)
        }),
        Value::Set(elements) => elements.iter().try_for_each(|element| measure(element, depth + 1, left)),
        Value::String(text) => spend(text.len()),
    }
}

/// Whether a format asks for no width or precision of more than two digits.
fn has_no_width(given: &[Value]) -> bool {
    let Some(Value::String(format)) = given.first() else {
        return true;
    };
    let mut digits = 0;
    let mut in_verb = false;
    for character in format.chars() {
        match character {
            '%' => (in_verb, digits) = (!in_verb, 0),
            '0'..='9' if in_verb => digits += 1,
            '.' | '+' | '-' | '#' | ' ' if in_verb => digits = 0,
            '*' if in_verb => return false,
            _ => in_verb = false,
        }
        if digits > 2 {
            return false;
        }
    }
    true
}
