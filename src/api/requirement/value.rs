//! The kinds of values in requirements.

use std::time::Duration;

use jiff::Timestamp;
use nonempty::NonEmpty;

use crate::api::field::{Field, Object};
use crate::api::lint;
use crate::api::node::Value;
use crate::api::problem::{Problem, listed, quoted};
use crate::policy::{AnchoredRegex, MaxAge, RepositoryRule, SourceRepository, TextPattern, TextRule, VersionRange};

/// One way to write a text: itself, or one of the three in a mapping.
enum Written<'a> {
    Exact(Field<'a>, &'a str),
    Prefix(Field<'a>, &'a str),
    Regex(AnchoredRegex),
}

/// What a text has to be: a text, a mapping with one of `exact`, `prefix` and `regExp`, or a list of these.
pub(in crate::api) fn text(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<TextRule> {
    let patterns = written(field, problems, warnings)?.map(|written| match written {
        Written::Exact(_, text) => TextPattern::Exact(text.to_owned()),
        Written::Prefix(_, text) => TextPattern::Prefix(text.to_owned()),
        Written::Regex(regex) => TextPattern::Regex(regex),
    });
    Some(TextRule(patterns))
}

/// The same, for repositories in any of their spellings.
pub(super) fn repository(
    field: &Field<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<NonEmpty<RepositoryRule>> {
    let mut read = |field: &Field<'_>, text: &str| {
        let repository = SourceRepository::parse(text);
        if repository.is_none() {
            let message = format!("{} is no repository such as `https://github.com/acme/app`", quoted(text));
            problems.push(field.problem(message));
        }
        repository
    };
    let mut own = Vec::new();
    let rules = written(field, &mut own, warnings).and_then(|all| {
        let rules = all.into_iter().map(|written| match written {
            Written::Exact(field, text) => Some(RepositoryRule::Exact(read(&field, text)?)),
            Written::Prefix(field, text) => Some(RepositoryRule::Under(read(&field, text)?)),
            Written::Regex(regex) => Some(RepositoryRule::Regex(regex)),
        });
        NonEmpty::from_vec(rules.collect::<Option<Vec<_>>>()?)
    });
    problems.extend(own);
    rules
}

fn written<'a>(
    field: &Field<'a>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<NonEmpty<Written<'a>>> {
    match field.value() {
        Value::List(_) => {
            let entries = field.list(problems)?;
            if entries.is_empty() {
                problems.push(field.problem("is empty, and nothing would satisfy it"));
            }
            let read: Vec<_> = entries.iter().map(|entry| one(entry, problems, warnings)).collect();
            NonEmpty::from_vec(read.into_iter().collect::<Option<Vec<_>>>()?)
        }
        Value::Bool(_) | Value::Map(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
            one(field, problems, warnings).map(NonEmpty::new)
        }
    }
}

const KINDS: [&str; 3] = ["exact", "prefix", "regExp"];

fn one<'a>(field: &Field<'a>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<Written<'a>> {
    match field.value() {
        Value::Map(_) => {
            let mut object = field.object(problems)?;
            let kinds = KINDS.map(|kind| object.take(kind));
            let read = match kinds {
                [Some(field), None, None] => {
                    field.required_text(problems).map(|text| Written::Exact(field.clone(), text))
                }
                [None, Some(field), None] => {
                    field.required_text(problems).map(|text| Written::Prefix(field.clone(), text))
                }
                [None, None, Some(field)] => regex(&field, problems, warnings).map(Written::Regex),
                _ => {
                    problems.push(object.problem(format!("exactly one of {} is needed", listed(&KINDS, " or "))));
                    None
                }
            };
            object.finish(problems);
            read
        }
        Value::Bool(_) | Value::List(_) | Value::Null | Value::Number(_) | Value::Text(_) => {
            field.required_text(problems).map(|text| Written::Exact(field.clone(), text))
        }
    }
}

fn regex(field: &Field<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) -> Option<AnchoredRegex> {
    let text = field.required_text(problems)?;
    match AnchoredRegex::new(text) {
        Ok(regex) => {
            warnings.extend(lint::other_expression(field, text, regex.matches_anything()));
            Some(regex)
        }
        Err(error) => {
            problems.push(field.problem(error));
            None
        }
    }
}

/// Reads the field `name` as [`text`], where it is there.
pub(super) fn take_text(
    object: &mut Object<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Option<TextRule> {
    object.take(name).and_then(|field| text(&field, problems, warnings))
}

/// Reads the field `name` as a range of versions, where it is there.
pub(super) fn take_versions(
    object: &mut Object<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<VersionRange> {
    let field = object.take(name)?;
    let text = field.required_text(problems)?;
    VersionRange::parse(text).map_err(|error| problems.push(field.problem(error))).ok()
}

/// Reads `maxAge`, where it is there.
pub(in crate::api) fn take_max_age(object: &mut Object<'_>, problems: &mut Vec<Problem>) -> Option<MaxAge> {
    let field = object.take("maxAge")?;
    let text = field.required_text(problems)?;
    let duration = duration(text);
    if duration.is_none() {
        problems.push(field.problem(format!("{} is no time such as `90m`, `24h` or `30d`", quoted(text))));
    }
    duration.map(MaxAge)
}

/// A time of RFC 3339, or a day, which begins at midnight UTC.
pub(in crate::api) fn time(field: &Field<'_>, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = field.required_text(problems)?;
    let time = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok();
    if time.is_none() {
        let message = format!("{} is no time such as `2026-01-31` or `2026-01-31T12:00:00Z`", quoted(text));
        problems.push(field.problem(message));
    }
    time
}

/// A number with its unit, or several from the largest on, as in `1d12h`. Nothing at all is no time.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut last = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at_checked(digits)?;
        let unit = behind.chars().next()?;
        let of_unit: u64 = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            'w' => 604_800,
            _ => return None,
        };
        if of_unit >= last {
            return None;
        }
        last = of_unit;
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(of_unit)?)?;
        rest = behind.split_at_checked(1)?.1;
    }
    // A thousand years are as good as more, and can be added to any time.
    (seconds > 0).then(|| Duration::from_secs(seconds.min(1_000 * 366 * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("90m", Some(5_400)),
            ("24h", Some(86_400)),
            ("30d", Some(2_592_000)),
            ("1d12h", Some(129_600)),
            ("2w", Some(1_209_600)),
            ("", None),
            ("0s", None),
            ("1", None),
            ("d", None),
            ("-1d", None),
            ("1.5h", None),
            ("1h1d", None),
            ("1h1h", None),
            ("1y", None),
            ("1é", None),
            ("99999999999999999999s", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(duration(text).map(|time| time.as_secs()), seconds, "{text}");
        }
    }
}
