//! HTTP: `/metrics`, `/livez`, `/readyz` and a status page for people.
//!
//! Place in the flow: beside it, on the thread that waits. It reads the live view and the metrics and
//! refuses to change anything: there is no request that does.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, SecondsFormat};
use tokio::net::TcpListener;

use super::Shared;

/// What Prometheus' text format is called.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A port that is taken is a mistake that is told at once.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening for HTTP on {address}"))?;
    tracing::info!(%address, "HTTP: /metrics /livez /readyz /");
    Ok(listener)
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/", get(status))
        .with_state(shared);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "HTTP");
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match shared.metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn livez(State(shared): State<Arc<Shared>>) -> Response {
    answer(shared.view.live())
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    answer(shared.view.ready())
}

fn answer(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Html<String> {
    let mut page = String::from(HEAD);
    // Writing to a String cannot fail.
    let _ = write_status(&mut page, &shared);
    Html(page)
}

const HEAD: &str = "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5>\
<title>trailhound</title><style>body{font:15px system-ui;margin:2em;max-width:70em}\
table{border-collapse:collapse}td,th{padding:.25em .9em;text-align:left;border-bottom:1px solid #ccc}\
td.n{text-align:right;font-variant-numeric:tabular-nums}</style><h1>trailhound</h1>";

fn write_status(page: &mut String, shared: &Shared) -> std::fmt::Result {
    let state = match (shared.view.live(), shared.view.ready()) {
        (Err(why), _) => format!("stuck: {why}"),
        (_, Err(why)) => format!("not ready: {why}"),
        _ => "ready".to_owned(),
    };
    let metrics = &shared.metrics;
    write!(
        page,
        "<p>{} &middot; up {} s &middot; {} lines &middot; {} indicators &middot; {} hits</p>",
        escape(&state),
        shared.view.uptime().as_secs(),
        metrics.input_lines.get(),
        metrics.indicators.get(),
        metrics.indicator_hits.get(),
    )?;
    page.push_str("<h2>Partitions</h2><table><tr><th>topic<th>partition<th>worker<th>hosts<th>open events<th>bytes<th>lag<th>next offset<th>event time");
    let mut partitions: Vec<_> = shared
        .view
        .partitions
        .iter()
        .map(|entry| (entry.key().clone(), entry.value().clone()))
        .collect();
    partitions.sort_by(|a, b| a.0.cmp(&b.0));
    let number = |number: Option<i64>| number.map_or("–".to_owned(), |number| number.to_string());
    for ((topic, partition), view) in &partitions {
        let time = view
            .event_time
            .and_then(|time| DateTime::from_timestamp_millis(time.0))
            .map_or("–".to_owned(), |time| {
                time.to_rfc3339_opts(SecondsFormat::Millis, true)
            });
        write!(
            page,
            "<tr><td>{}<td class=n>{partition}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{time}",
            escape(topic),
            view.worker,
            view.hosts,
            view.open_events,
            view.open_bytes,
            number(view.lag),
            number(view.next_offset),
        )?;
    }
    page.push_str(
        "</table><h2>Last alerts</h2><table><tr><th>host<th>severity<th>title<th>message",
    );
    for alert in shared.view.alerts() {
        write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}",
            escape(&alert.host),
            escape(&alert.severity),
            escape(&alert.title),
            escape(&alert.message),
        )?;
    }
    page.push_str("</table>");
    Ok(())
}

/// What stands on the page came from others' logs.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_host_name_cannot_write_the_page() {
        assert_eq!(escape("<b>&'\""), "&lt;b&gt;&amp;&#39;&quot;");
    }
}
