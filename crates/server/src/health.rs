//! Health and metrics on the management port, in the shape of Keycloak's.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

/// Whether the server can do its work just now.
#[derive(Default)]
pub(crate) struct Health {
    /// Schema, seal and realm master are in place.
    pub bootstrapped: AtomicBool,
    /// The database has just answered.
    pub database: AtomicBool,
    /// SIGTERM has come.
    pub draining: AtomicBool,
}

impl Health {
    pub(crate) fn ready(&self) -> bool {
        let on = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        on(&self.bootstrapped) && on(&self.database) && !on(&self.draining)
    }

    /// Asks the database twice a second, for ever.
    pub(crate) async fn watch(self: Arc<Self>, pool: store::Pool) {
        loop {
            let asked = tokio::time::timeout(Duration::from_secs(1), store::ping(&pool)).await;
            let well = matches!(asked, Ok(Ok(())));
            if self.database.swap(well, Ordering::SeqCst) != well {
                if well {
                    tracing::info!("the database answers");
                } else {
                    tracing::warn!("the database does not answer");
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The metrics of this process; one recorder, however many servers a test starts.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

pub(crate) fn routes(cfg: &mut web::ServiceConfig) {
    cfg.route("/health/live", web::get().to(live))
        .route("/health/started", web::get().to(started))
        .route("/health/ready", web::get().to(ready))
        .route("/health", web::get().to(ready))
        .route("/metrics", web::get().to(metrics));
}

async fn live() -> HttpResponse {
    answer(true, "Process")
}

async fn started(health: web::Data<Health>) -> HttpResponse {
    answer(health.bootstrapped.load(Ordering::SeqCst), "Bootstrap")
}

async fn ready(health: web::Data<Health>) -> HttpResponse {
    answer(health.ready(), "Database connections health check")
}

fn answer(up: bool, check: &str) -> HttpResponse {
    let status = if up { "UP" } else { "DOWN" };
    let mut response = if up {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(json!({ "status": status, "checks": [{ "name": check, "status": status }] }))
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(recorder().render())
}
