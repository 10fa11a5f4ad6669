//! Spans at work.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task_local;

use super::clock::Beginning;
use super::id::{SpanId, TraceId};
use super::otlp::{self, KeyValue, Status, Value};
use super::parent::Parent;
use super::{Exporter, Sampler, Settings};
use crate::telemetry::Metrics;
use crate::telemetry::label::SpanOutcome;

task_local! {
    /// The span in which the work at hand is done.
    static AT_HAND: Option<Context>;
}

/// Begins traces, or none where it is off, as its default is.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    sampler: Sampler,
    text_chars: usize,
    queue: mpsc::Sender<otlp::Span>,
    metrics: Arc<Metrics>,
}

/// What took some time; or nothing. It ends when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    at: Context,
    parent: Option<SpanId>,
    is_remote: bool,
    name: String,
    /// One of [`otlp`].
    kind: i32,
    began: Beginning,
    said: Mutex<Said>,
}

/// What is said of a span while it lasts.
#[derive(Debug, Default)]
struct Said {
    attributes: Vec<KeyValue>,
    failure: Option<String>,
}

/// Where the children of a span find it.
#[derive(Clone, Debug)]
struct Context {
    tracing: Arc<Tracing>,
    trace: TraceId,
    span: SpanId,
}

impl Tracer {
    /// Begins traces as `settings` say, and what sends them by `http`: it has to be run.
    pub fn new(settings: Settings, http: reqwest::Client, metrics: &Arc<Metrics>) -> (Self, Exporter) {
        let (queue, waiting) = mpsc::channel(settings.ceilings.queue.max(1));
        let tracing = Tracing {
            sampler: settings.sampler,
            text_chars: settings.ceilings.text_chars,
            queue,
            metrics: Arc::clone(metrics),
        };
        (Self(Some(Arc::new(tracing))), Exporter::new(settings, waiting, http, Arc::clone(metrics)))
    }

    /// The span of a request, if it is one to trace, as what its caller says of itself (`traceparent`) may decide.
    pub fn request<'a>(&self, name: &str, traceparent: impl FnOnce() -> Option<&'a [u8]>) -> Span {
        let begin = || {
            let tracing = self.0.as_ref()?;
            let parent = traceparent().and_then(Parent::parse);
            let trace = match &parent {
                Some(parent) => parent.trace,
                None => TraceId::random()?,
            };
            if !tracing.sampler.takes(trace, parent.as_ref()) {
                return None;
            }
            let at = Context { tracing: Arc::clone(tracing), trace, span: SpanId::random()? };
            Some(Open::new(at, parent.map(|parent| parent.span), parent.is_some(), name, otlp::SERVER))
        };
        Span(begin())
    }
}

/// A part of the work at hand; nothing where that has no span.
pub fn span(name: &str) -> Span {
    Span::below(name, otlp::INTERNAL)
}

/// A request that is made in the work at hand; nothing where that has no span.
pub fn request(name: &str) -> Span {
    Span::below(name, otlp::CLIENT)
}

/// The trace of the work at hand.
pub fn at_hand() -> Option<TraceId> {
    AT_HAND.try_with(|at| at.as_ref().map(|at| at.trace)).ok().flatten()
}

impl Span {
    fn below(name: &str, kind: i32) -> Self {
        let begin = |at: &Context| {
            let child = Context { span: SpanId::random()?, ..at.clone() };
            Some(Open::new(child, Some(at.span), false, name, kind))
        };
        Self(AT_HAND.try_with(|at| at.as_ref().and_then(begin)).ok().flatten())
    }

    /// Whether there is a span.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// The same `work`, done in this span.
    pub fn carry<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        AT_HAND.scope(self.0.as_ref().map(|open| open.at.clone()), work)
    }

    /// Says what holds for it, in text. What is long is cut.
    pub fn text(&self, key: &'static str, value: impl fmt::Display) {
        if let Some(open) = &self.0 {
            let value = Value::Text(cut(value, open.at.tracing.text_chars));
            open.say(|said| said.attributes.push(KeyValue::new(key, value)));
        }
    }

    /// Says what holds for it, in a number.
    pub fn number(&self, key: &'static str, value: impl Into<i64>) {
        if let Some(open) = &self.0 {
            let value = Value::Number(value.into());
            open.say(|said| said.attributes.push(KeyValue::new(key, value)));
        }
    }

    /// Says that it failed, by a word of a closed list.
    pub fn fail(&self, why: &str) {
        if let Some(open) = &self.0 {
            open.say(|said| said.failure = Some(why.to_owned()));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            (*open).end();
        }
    }
}

impl Open {
    fn new(at: Context, parent: Option<SpanId>, is_remote: bool, name: &str, kind: i32) -> Box<Self> {
        let (name, began, said) = (name.to_owned(), Beginning::now(), Mutex::default());
        Box::new(Self { at, parent, is_remote, name, kind, began, said })
    }

    fn say(&self, what: impl FnOnce(&mut Said)) {
        what(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Puts it into the queue, if there is room.
    fn end(self) {
        let (start, end) = self.began.until_now();
        let Said { attributes, failure } = self.said.into_inner().unwrap_or_else(PoisonError::into_inner);
        let span = otlp::Span {
            trace_id: self.at.trace.bytes().to_vec(),
            span_id: self.at.span.bytes().to_vec(),
            parent_span_id: self.parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
            name: self.name,
            kind: self.kind,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes,
            status: failure.map(|message| Status { message, code: otlp::ERROR }),
            flags: otlp::SAMPLED | otlp::KNOWS_PARENT | if self.is_remote { otlp::REMOTE_PARENT } else { 0 },
        };
        let tracing = self.at.tracing;
        if tracing.queue.try_send(span).is_err() {
            tracing.metrics.spans(SpanOutcome::Dropped, 1);
        }
    }
}

/// A text of at most so many characters.
fn cut(value: impl fmt::Display, chars: usize) -> String {
    struct Cut {
        text: String,
        left: usize,
    }
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
                self.text.push(c);
            }
            Ok(())
        }
    }
    let mut cut = Cut { text: String::new(), left: chars };
    // It ends with what does not fit.
    let _ = write!(cut, "{value}");
    cut.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut() {
        for (text, expected) in [("", ""), ("abc", "abc"), ("abcd", "abc"), ("äöüß", "äöü")] {
            assert_eq!(cut(text, 3), expected);
        }
    }
}
