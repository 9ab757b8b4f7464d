//! Settings in, a running server out; the same for `main` and for tests.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use protocol::context::Prefix;
use protocol::outbound::Outbound;
use protocol::{HttpError, Protocols, RealmContext, State};
use realm::{KeyPool, Realms, Sealer};

use crate::health::Health;
use crate::middleware::{RequestTimeout, around};
use crate::settings::Settings;
use crate::{background, bootstrap, health, tls};

/// A server that runs until [`Running::stop`].
pub struct Running {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where TLS is served.
    pub https: Option<SocketAddr>,
    /// Where health and metrics are served.
    pub management: SocketAddr,
    /// The parts that requests share.
    pub state: web::Data<State>,
    health: Arc<Health>,
    handles: Vec<ServerHandle>,
    management_handle: ServerHandle,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    failed: tokio::sync::watch::Receiver<Option<String>>,
    delay: Duration,
}

/// Binds the ports, starts to serve, and brings the database into place meanwhile.
///
/// # Errors
/// What is wrong with the settings, a port or a TLS file. The database may come later.
pub async fn build(
    settings: Settings,
    options: store::Options,
    protocols: &'static Protocols,
) -> anyhow::Result<Running> {
    let recorder = health::recorder();
    let state = web::Data::new(parts(&settings, &options, options.pool(), protocols)?);
    let health = Arc::new(Health::default());
    let mut tasks = Vec::new();

    let http_listener = bind(&settings.http.host, settings.http.port)?;
    let http = http_listener.local_addr()?;
    let certificate = match (
        &settings.https.certificate_file,
        &settings.https.certificate_key_file,
    ) {
        (Some(certificate), Some(key)) => {
            Some(tls::Certificate::load(certificate.clone(), key.clone())?)
        }
        _ => None,
    };
    let https_listener = certificate
        .as_ref()
        .map(|_| bind(&settings.http.host, settings.https.port))
        .transpose()?;
    let https = https_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    let management_listener = bind(&settings.management.host, settings.management.port)?;
    let management = management_listener.local_addr()?;

    let workers = match settings.http.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers,
    };
    let (data, health_data) = (state.clone(), web::Data::from(Arc::clone(&health)));
    let limit = RequestTimeout(Duration::from_secs(settings.http.request_timeout.max(1)));
    let relative_path = state.web.relative_path.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(health_data.clone())
            .app_data(limit)
            .wrap(from_fn(around))
            .service(
                web::scope(&relative_path)
                    .configure(|cfg| mount(cfg, protocols))
                    .default_service(web::to(unknown)),
            )
            .default_service(web::to(unknown))
    })
    .workers(workers)
    .disable_signals()
    .shutdown_timeout(settings.shutdown.timeout)
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    .listen(http_listener)?;
    if let (Some(certificate), Some(listener)) = (&certificate, https_listener) {
        server = server.listen_rustls_0_23(listener, certificate.config()?)?;
        tasks.push(tokio::spawn(Arc::clone(certificate).watch()));
    }
    let server = server.run();
    let handles = vec![server.handle()];
    tasks.push(tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the server ended");
        }
    }));

    let health_data = web::Data::from(Arc::clone(&health));
    let management_server = HttpServer::new(move || {
        App::new()
            .app_data(health_data.clone())
            .configure(health::routes)
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(management_listener)?
    .run();
    let management_handle = management_server.handle();
    tasks.push(tokio::spawn(async move {
        if let Err(error) = management_server.await {
            tracing::error!(%error, "the management server ended");
        }
    }));

    let (fail, failed) = tokio::sync::watch::channel(None);
    tasks.push(tokio::spawn({
        let (settings, options, state, health) = (
            settings.clone(),
            options.clone(),
            state.clone(),
            Arc::clone(&health),
        );
        async move {
            match bootstrap::run(&settings, &options, &state, &health).await {
                Ok(()) => {
                    // A connection of its own: a queue of requests does not make the database unwell.
                    let mut probe = options;
                    probe.max_connections = 1;
                    tokio::join!(
                        Arc::clone(&health).watch(probe.pool()),
                        background::sweep(state.clone())
                    );
                }
                Err(error) => {
                    tracing::error!("cannot start: {error:#}");
                    let _ = fail.send(Some(format!("{error:#}")));
                }
            }
        }
    }));
    tasks.push(tokio::spawn(background::follow_changes(
        options,
        state.clone(),
    )));
    tasks.push(tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            recorder.run_upkeep();
        }
    }));

    let delay = Duration::from_secs(settings.shutdown.delay);
    Ok(Running {
        http,
        https,
        management,
        state,
        health,
        handles,
        management_handle,
        tasks,
        failed,
        delay,
    })
}

/// The parts of a server, on this pool.
fn parts(
    settings: &Settings,
    options: &store::Options,
    pool: store::Pool,
    protocols: &'static Protocols,
) -> anyhow::Result<State> {
    let sealer = Sealer::new(settings.master_keys()?);
    // Connections of their own: an event that an answer waits for does not queue behind requests.
    let mut few = options.clone();
    few.max_connections = 3;
    Ok(State {
        events: realm::event::Log::start(few.pool(), sealer.clone()),
        realms: Realms::new(pool.clone(), sealer.clone()),
        clients: client::Clients::new(),
        hasher: user::Hasher::new(),
        gate: user::lockout::Gate::new(),
        remembered: protocol::login::Remembered::new()?,
        keys: KeyPool::start(settings.key_pool),
        key_sets: protocol::key_sets::KeySets::default(),
        outbound: Arc::new(Outbound::new(
            settings.outbound.allow_private.unwrap_or(false),
        )),
        protocols,
        web: settings.web()?,
        pool,
        sealer,
    })
}

/// The parts of a server for a command that does its work and ends. With `prepare` a new database becomes that of a
/// server first, and an old schema a new one; without, nothing is changed.
///
/// # Errors
/// When the database does not answer, was sealed with another key, or is not that of a server.
pub async fn for_command(
    settings: &Settings,
    options: &store::Options,
    protocols: &'static Protocols,
    prepare: bool,
) -> anyhow::Result<State> {
    let state = parts(settings, options, options.patient_pool(), protocols)?;
    if prepare {
        bootstrap::once(settings, options, &state).await?;
        return Ok(state);
    }
    let mut connection = options.connect().await?;
    if !store::migrate::exists(&mut connection).await? {
        anyhow::bail!("there are no realms in this database: no server has ever used it");
    }
    state.sealer.open_database(&mut connection).await?;
    Ok(state)
}

impl Running {
    /// Waits until the server can do its work.
    ///
    /// # Errors
    /// What keeps it from ever being ready.
    pub async fn ready(&self) -> anyhow::Result<()> {
        while !self.health.ready() {
            if let Some(failed) = &*self.failed.borrow() {
                anyhow::bail!("{failed}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Waits until the start has failed for good; for ever, if it has not.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(text) => text.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops without losing an answer: not ready any more, then every answer ends its connection, then no new
    /// connections, then what is in flight, then the rest.
    pub async fn stop(self) {
        self.health.draining.store(true, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        for handle in &self.handles {
            handle.stop(true).await;
        }
        self.state.events.stop().await;
        self.management_handle.stop(false).await;
        for task in self.tasks {
            task.abort();
        }
        self.state.pool.close().await;
    }
}

fn bind(host: &str, port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((host, port)).with_context(|| {
        format!("cannot listen on {host}:{port}; another program may be there, give another port")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Realms and the admin API, once as they are and once below `/auth`, as older clients and Keycloak's guide have it
/// (decision D23). The more special one first: actix does not come back.
fn mount(cfg: &mut ServiceConfig, protocols: &'static Protocols) {
    cfg.service(
        web::scope("/auth")
            .app_data(Prefix("/auth"))
            .configure(|cfg| routes(cfg, protocols))
            .default_service(web::to(unknown)),
    );
    routes(cfg, protocols);
}

fn routes(cfg: &mut ServiceConfig, protocols: &'static Protocols) {
    cfg.service(admin::scope(protocols));
    cfg.service(admin::resources());
    cfg.service(
        web::scope("/realms/{realm}")
            .configure(|cfg| protocols.mount(cfg))
            .default_service(web::to(unknown_in_realm)),
    );
}

async fn unknown() -> Result<HttpResponse, HttpError> {
    Err(HttpError::not_found())
}

/// An unknown realm is told first, as everywhere.
async fn unknown_in_realm(_: RealmContext) -> Result<HttpResponse, HttpError> {
    Err(HttpError::not_found())
}
