//! Logs and figures of the process.

use std::io::IsTerminal;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Every figure of the house.
pub mod catalogue;

/// The recorder is the process's own by the design of the `metrics` crate.
static FIGURES: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Of what people wait for, in seconds.
const MINUTES: [f64; 11] = [
    60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0,
];

/// How long people wait, unlike programs.
fn people_wait() -> impl Iterator<Item = Matcher> {
    let waits = catalogue::ALL.iter().map(|figure| figure.name);
    let waits = waits.filter(|name| name.ends_with("_wait_seconds"));
    waits.map(|name| Matcher::Full(name.to_owned()))
}

/// Starts collecting figures. Repeating it changes nothing.
pub fn collect() {
    FIGURES.get_or_init(|| {
        builder()
            .and_then(PrometheusBuilder::install_recorder)
            .inspect_err(|error| tracing::warn!(%error, "no figures are collected"))
            .ok()
            .inspect(|_| catalogue::announce())
    });
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?;
    people_wait().try_fold(builder, |builder, name| {
        builder.set_buckets_for_metric(name, &MINUTES)
    })
}

/// All figures in the Prometheus text format.
pub fn render() -> String {
    let handle = FIGURES.get().and_then(Option::as_ref);
    handle.map(PrometheusHandle::render).unwrap_or_default()
}

/// Starts logging: lines for people on a terminal, JSON for machines elsewhere. `RUST_LOG` chooses.
pub fn log() {
    // The HTTP server calls every connection that a stranger breaks off or garbles an error of its own.
    let quiet = "info,sqlx=warn,actix_server=warn,actix_http::h1::dispatcher=off";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start within one process (tests) keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}
