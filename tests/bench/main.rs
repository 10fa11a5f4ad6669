//! Measures the admission path from outside: the optimised program as a process of its own, real images that are really
//! signed in a registry on loopback, real AdmissionReviews over TLS.
//!
//! `make bench` prints the rows of `docs/benchmarks.md`. Nothing here asserts a speed: figures are read, not tested. What
//! is asserted is that every answer is the right one, since a fast wrong answer measures nothing.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark may fail loudly, and measures time"
)]
#![expect(clippy::print_stderr, reason = "rows are told while they are measured")]

mod keyless;
mod load;
mod policies;
mod process;
mod report;
#[path = "../it/support/virtual_sigstore/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    reason = "it is made for tests, which use more of it"
)]
mod virtual_sigstore;

use std::time::Duration;

use load::{Load, Review};
use process::{Served, Workshop};
use report::Report;

/// Different images, each first seen once.
const COLD_IMAGES: usize = 200;
/// Requests of a closed loop with one client.
const ONE_AT_A_TIME: usize = 2_000;
/// How long the loops with several clients run.
const LOOP: Duration = Duration::from_secs(5);
/// Clients of the saturating loop.
const CLIENTS: usize = 16;

#[tokio::main]
async fn main() {
    let workshop = Workshop::set_up(COLD_IMAGES).await;
    let mut report = Report::new();
    report.row("program", "size, stripped", format!("{:.1} MB", process::binary_megabytes()));

    let served = Served::start(&workshop).await;
    report.row("program", "start to ready", format!("{:.0} ms", served.start_to_ready().as_secs_f64() * 1e3));
    report.row("program", "memory, idle", format!("{:.1} MB", served.resident_megabytes()));

    let load = Load::new(&served, &workshop);
    let tag = |index: usize| workshop.image(index).tag.clone();
    let pinned = |index: usize| workshop.image(index).pinned.clone();

    let before = workshop.registry_requests();
    let cold = load.one_by_one((0..COLD_IMAGES).map(|index| Review::mutate(&tag(index)))).await;
    let resolved = workshop.registry_requests();
    report.latencies("first seen, one at a time: /mutate", &cold);
    let judged = load.one_by_one((0..COLD_IMAGES).map(|index| Review::validate(&pinned(index)))).await;
    let asked = workshop.registry_requests();
    report.latencies("first seen, one at a time: /validate", &judged);
    let per_image = |requests: usize| ratio(requests, COLD_IMAGES);
    report.row("first seen", "registry requests, /mutate", per_image(resolved - before));
    report.row("first seen", "registry requests, /validate", per_image(asked - resolved));

    let cpu = served.cpu();
    let warm = load.one_by_one((0..ONE_AT_A_TIME).map(|_| Review::validate(&pinned(0)))).await;
    report.latencies("seen before, one at a time: /validate", &warm);
    report.row("seen before", "CPU per /validate", microseconds(served.cpu() - cpu, ONE_AT_A_TIME));
    let requests = workshop.registry_requests();
    report.row("seen before", "registry requests, /validate", ratio(requests - asked, ONE_AT_A_TIME));

    let cpu = served.cpu();
    let saturated = load.closed_loop(CLIENTS, LOOP, &Review::validate(&pinned(0))).await;
    let per_second = float(saturated.len()) / LOOP.as_secs_f64();
    report.row("seen before", &format!("throughput, {CLIENTS} clients"), format!("{per_second:.0}/s"));
    report.latencies(&format!("seen before, {CLIENTS} clients: /validate"), &saturated);
    report.row("seen before", "CPU per /validate, saturated", microseconds(served.cpu() - cpu, saturated.len()));

    let half = load.open_loop(per_second / 2.0, LOOP, &Review::validate(&pinned(0))).await;
    report.latencies("seen before, half of that rate: /validate", &half);
    report.row("program", "memory, after load", format!("{:.1} MB", served.resident_megabytes()));
    policies::measure(&mut report);
    keyless::measure(&mut report);
    report.print();
}

fn microseconds(cpu: Duration, requests: usize) -> String {
    format!("{:.0} µs", cpu.as_secs_f64() * 1e6 / float(requests.max(1)))
}

fn ratio(of: usize, to: usize) -> String {
    format!("{:.2}", float(of) / float(to))
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a count of this benchmark"))
}
