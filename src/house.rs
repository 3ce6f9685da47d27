//! The house put together: from options to a running node, and down again in order.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_server::ServerHandle;
use actix_web::ResponseError;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use belfry_actors::cache::SlotCache;
use belfry_actors::courier::{Courier, CourierSettings};
use belfry_actors::expert::{BookingRules, Committed};
use belfry_actors::importer::Importer;
use belfry_actors::planner::{Books, Desk, Planner};
use belfry_actors::queue::{Keeper, Keeping};
use belfry_actors::scheduler::{Nudge, Retire};
use belfry_actors::setting::InForce;
use belfry_actors::{
    Attendance, Branches, Bus, Clock, Experts, Provider, Queues, Scheduler, Supervisor, Sweep,
    World,
};
use belfry_domain::api_key::Scope;
use belfry_domain::channel::Channel;
use belfry_domain::cron::Cron;
use belfry_domain::gate::Policy;
use belfry_domain::retention::Retention;
use belfry_domain::template::Templates;
use belfry_store::{Bounds, Store};
use chrono::TimeDelta;
use futures::future::join_all;
use tokio::task::JoinHandle;

use crate::bus::{InProcessBus, RedisBus};
use crate::cache::RedisSlotCache;
use crate::channel::calendar::WebCalendars;
use crate::channel::{self, Oidc, telegram::Bot};
use crate::config::Settings;
use crate::grpc::Grpc;
use crate::http::auth::Gate;
use crate::http::figures::Figures;
use crate::http::limit::Limiter;
use crate::http::live::{Live, Unknown};
use crate::http::ticket::{Grant, Tickets};
use crate::http::{App, layer, pages, routes, server};
use crate::links::PublicLinks;
use crate::password::Passwords;
use crate::seal::Seal;
use crate::secret::{self, Secret};
use crate::telegram::{Chats, Inlet, Listener};
use crate::telemetry;
use crate::tether::Tether;
use crate::tls;
use crate::token::Tokens;

/// Where the house keeps things and listens.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    /// Holds the SQLite file when there is no database address.
    pub data_dir: PathBuf,
    pub database_url: Option<Secret>,
    pub redis_url: Option<Secret>,
    pub settings: Settings,
}

/// A running node.
pub struct House {
    pub address: SocketAddr,
    /// Where gRPC is served, if it is.
    pub grpc_address: Option<SocketAddr>,
    pub world: World,
    pub experts: Experts,
    pub branches: Branches,
    pub attendance: Attendance,
    pub planner: Planner,
    pub passwords: Passwords,
    couriers: Vec<Courier>,
    scheduler: Addr<Scheduler>,
    importer: JoinHandle<()>,
    signing: JoinHandle<()>,
    keeping: Keeping,
    chats: Option<Listener>,
    grpc: Option<Grpc>,
    server: ServerHandle,
    served: JoinHandle<std::io::Result<()>>,
    live: Live,
    drain: Duration,
}

/// Opens the database that the options name and brings its schema up to date.
///
/// # Errors
/// When it cannot be reached, made or migrated.
pub async fn open_store(options: &Options) -> Result<Store> {
    let store = match &options.database_url {
        Some(url) => {
            let connections = options.settings.database.connections;
            let connected = Store::connect_postgres(url.expose(), connections).await;
            connected.context("connecting to PostgreSQL")?
        }
        None => {
            std::fs::create_dir_all(&options.data_dir)
                .with_context(|| format!("making {}", options.data_dir.display()))?;
            let file = options.data_dir.join("belfry.db");
            let opened = Store::open_sqlite(&file).await;
            opened.with_context(|| format!("opening {}", file.display()))?
        }
    };
    store
        .migrate()
        .await
        .context("bringing the schema up to date")?;
    Ok(store.within(Bounds {
        waiting: options.settings.database.waiting,
        ..Bounds::default()
    }))
}

impl House {
    /// Starts a node. Must be called inside a running actix system.
    ///
    /// # Errors
    /// When the database or the address to listen on cannot be had, or a setting does not fit. Redis may come
    /// later.
    pub async fn start(options: Options, store: Store, clock: Arc<dyn Clock>) -> Result<Self> {
        telemetry::collect();
        tls::install();
        let settings = Arc::new(options.settings.clone());
        let listener = TcpListener::bind(options.listen)
            .with_context(|| format!("listening on {}", options.listen))?;
        let address = listener.local_addr()?;
        let calling = settings.grpc.address()?;
        let calling = calling.map(|address| {
            let bound = TcpListener::bind(address);
            bound.with_context(|| format!("listening on {address} for gRPC"))
        });
        let calling = calling.transpose()?;
        let tokens = Tokens::new(shared_secret(&settings, &store).await?);
        let redis = options.redis_url.as_ref().map(Secret::expose);
        let bus: Arc<dyn Bus> = match redis {
            Some(url) => Arc::new(RedisBus::start(url)?),
            None => Arc::new(InProcessBus::default()),
        };
        let in_force = InForce::new(settings.usual());
        in_force.refresh(&store).await?;
        let world = World {
            store,
            clock,
            bus,
            settings: in_force,
            node: uuid::Uuid::now_v7().to_string().into(),
        };
        // The house's own workers are few, and what they do must not wait for the crowd to go away.
        let backstage = World {
            store: world.store.patient(),
            ..world.clone()
        };
        let heartbeat = Duration::from_secs(settings.live.heartbeat_seconds);
        let supervisor = Supervisor::start(world.clone(), heartbeat);

        let email = &settings.email;
        let mail = channel::email(email)?;
        let bot = bot(&settings)?;
        let telegram = bot
            .clone()
            .map(|bot| channel::telegram(bot, &backstage.store));
        let mut channels = vec![
            (Channel::Email, mail),
            (Channel::Telegram, telegram.into_iter().collect()),
            (Channel::Sms, channel::sms(&settings.sms, &backstage.store)?),
        ];
        let (outbound, providers) = channel::outbound(&settings, &backstage.store).await?;
        for provider in providers {
            channels.push((provider.channel(), vec![provider]));
        }
        let policy = policy(&settings, &channels);
        let couriers = start_couriers(&backstage, channels, &settings, &policy);
        let base = match settings.http.public_url.as_str() {
            "" => format!("http://{address}"),
            url => url.to_owned(),
        };
        let templates = Arc::new(Templates::builtin()?);
        let links = Arc::new(PublicLinks::new(&base, tokens.clone()));
        let planner = Planner::start(Desk {
            world: backstage.clone(),
            books: Books::new(templates.clone(), world.settings.clone()),
            policy,
            links: links.clone(),
            supervisor: supervisor.clone(),
            couriers: couriers.clone(),
        });
        let committed: Committed = {
            let planner = planner.clone();
            Arc::new(move || planner.nudge())
        };
        let tether = match redis {
            Some(url) => Some(Tether::start(url).await?),
            None => None,
        };
        let cache = tether.clone().map(RedisSlotCache::start);
        let experts = Experts::new(
            supervisor.clone(),
            booking_rules(&settings),
            committed.clone(),
            cache.map(|cache| cache as Arc<dyn SlotCache>),
        );
        let branches = Branches::new(supervisor.clone(), experts.clone());
        let queues = Queues::new(supervisor.clone(), experts.clone(), committed.clone());
        let keeper = Keeper::new(queues.clone(), backstage.clone());
        let attendance = Attendance::new(
            backstage.clone(),
            supervisor.clone(),
            branches.clone(),
            TimeDelta::minutes(settings.presence.offline_after_minutes.into()),
        );
        let nudge = Nudge::default();
        let lease = TimeDelta::seconds(settings.scheduler.lease_seconds.into());
        let importing = backstage.clone();
        let sweep = Sweep::new(backstage, retention(&settings), committed.clone());
        let sweep = sweep.telling(experts.clone()).leasing(lease);
        let sweep = sweep.attending(attendance.clone());
        let scheduler = start_scheduler(&settings, &world, sweep, &nudge)?;

        let seal = Seal::new(tokens.secret(), "calendar imports");
        let calendars =
            WebCalendars::new(outbound.guard.clone(), seal.clone(), world.clock.clone())?;
        let importer = Importer::new(
            importing,
            Arc::new(calendars),
            experts.clone(),
            committed.clone(),
        );
        let reading = importer.start();

        let chats = bot.map(|bot| Arc::new(Chats::new(bot, world.clone(), experts.clone())));
        let inlet = Inlet::of(&settings.telegram.mode, &base, tokens.secret())?;
        let listener_of_chats = chats.clone().map(|chats| Listener::start(chats, inlet));

        let session = TimeDelta::minutes(i64::from(settings.auth.access_minutes));
        let gate = Gate::new(world.clone(), tokens.clone(), session);
        let live = live(&settings, &supervisor, &tokens, &gate);
        let passwords = Passwords::new(settings.auth.hashing, settings.auth.hashing_waiting)?;
        let app = Data::new(App {
            limiter: Limiter::new(&settings.limits, tether),
            unsettled: Arc::default(),
            passwords: passwords.clone(),
            oidc: Oidc::of(&settings.auth.oidc, &base)?,
            departures: Seal::new(tokens.secret(), "sign-in"),
            chats,
            figures: Figures::new(world.clone()),
            links,
            importer,
            seal,
            templates,
            content_security_policy: pages::content_security_policy(),
            outbound,
            world: world.clone(),
            experts: experts.clone(),
            branches: branches.clone(),
            queues: queues.clone(),
            attendance: attendance.clone(),
            couriers: couriers.clone(),
            scheduler: nudge,
            supervisor,
            committed,
            planner: planner.clone(),
            gate,
            tokens,
            settings: settings.clone(),
        });
        keep_tidy(app.clone());
        let app_for_grpc = app.clone().into_inner();
        let workers =
            NonZeroUsize::new(settings.http.workers).or(std::thread::available_parallelism().ok());
        let live_data = Data::new(live.clone());
        let server = server::serve(
            listener,
            workers,
            settings.http.drain_seconds,
            server::Bounds {
                head: Duration::from_secs(settings.http.head_seconds),
                body: Duration::from_secs(settings.http.body_seconds),
            },
            live.clone(),
            move || {
                actix_web::App::new()
                    .app_data(app.clone())
                    .app_data(live_data.clone())
                    .wrap(from_fn(layer::around))
                    .wrap(Compress::default())
                    .configure(routes)
            },
        )?;
        let grpc = calling.map(|listener| Grpc::start(listener, app_for_grpc));
        let grpc = grpc.transpose()?;
        let handle = server.handle();
        let served = tokio::spawn(server);
        Ok(Self {
            address,
            grpc_address: grpc.as_ref().map(|grpc| grpc.address),
            grpc,
            world,
            experts,
            branches,
            keeping: keeper.start(),
            signing: attendance.start(),
            attendance,
            planner,
            passwords,
            couriers,
            scheduler,
            importer: reading,
            chats: listener_of_chats,
            server: handle,
            served,
            live,
            drain: Duration::from_secs(settings.http.drain_seconds),
        })
    }

    /// Takes the node down: nothing new is accepted, live connections are told to come back elsewhere,
    /// requests and messages under way are finished, leases are given back.
    pub async fn stop(self) {
        let calls = async {
            match self.grpc {
                Some(grpc) => Some(grpc.drain(self.drain).await),
                None => None,
            }
        };
        // Its threads are kept until the database is closed.
        let ((), _threads) =
            futures::join!(server::drain(&self.server, &self.live, self.drain), calls);
        if let Err(error) = self.served.await {
            tracing::warn!(%error, "the server did not end well");
        }
        // What is cut off is read again when its claim has run out.
        self.importer.abort();
        self.signing.abort();
        self.keeping.stop().await;
        if let Some(chats) = self.chats {
            chats.stop(self.drain).await;
        }
        let couriers = self.couriers.iter().map(|courier| courier.stop(self.drain));
        let retired = self.scheduler.send(Retire).timeout(self.drain);
        let (stopped, retired) = futures::join!(join_all(couriers), retired);
        if stopped.contains(&false) {
            tracing::warn!("messages were still under way; their leases will tell");
        }
        if let Err(error) = retired {
            tracing::warn!(%error, "the scheduler's lease runs out by itself");
        }
        self.world.store.close().await;
    }
}

/// The house's bot, if it has one.
fn bot(settings: &Settings) -> Result<Option<Bot>> {
    let telegram = &settings.telegram;
    let bot = || Bot::new(&telegram.api_url, &telegram.token);
    let has_one = !telegram.token.expose().is_empty();
    has_one.then(bot).transpose()
}

/// The configured secret, or the one that all nodes share through the database.
async fn shared_secret(settings: &Settings, store: &Store) -> Result<Secret> {
    if !settings.auth.secret.expose().is_empty() {
        return Ok(settings.auth.secret.clone());
    }
    let fresh = STANDARD_NO_PAD.encode(secret::fresh::<32>());
    Ok(Secret::new(
        store.setting_or_insert("auth.secret", &fresh).await?,
    ))
}

fn booking_rules(settings: &Settings) -> BookingRules {
    BookingRules {
        hold: TimeDelta::minutes(i64::from(settings.booking.hold_minutes)),
        holds_per_person: i64::from(settings.booking.holds_per_person),
        offer: TimeDelta::minutes(i64::from(settings.waiting_list.offer_minutes)),
    }
}

/// One courier for each channel that has providers; they are called in their order.
fn start_couriers(
    world: &World,
    channels: Vec<(Channel, Vec<Arc<dyn Provider>>)>,
    settings: &Settings,
    policy: &Policy,
) -> Vec<Courier> {
    let policy = Arc::new(policy.clone());
    let provided = channels.into_iter();
    let provided = provided.filter(|(_, providers)| !providers.is_empty());
    let couriers = provided.map(|(channel, providers)| {
        let pace = settings.pace(channel);
        let settings = CourierSettings {
            concurrency: pace.workers,
            lease: Duration::from_secs(pace.lease_seconds.into()),
            policy: policy.clone(),
            ..Default::default()
        };
        Courier::start(world.clone(), channel, providers, settings)
    });
    let couriers: Vec<Courier> = couriers.collect();
    Courier::acquaint(&couriers);
    couriers
}

fn policy(settings: &Settings, channels: &[(Channel, Vec<Arc<dyn Provider>>)]) -> Policy {
    let (marketing, digest) = (&settings.marketing, &settings.digest);
    let set_up = channels
        .iter()
        .filter(|(_, providers)| !providers.is_empty());
    Policy {
        marketing_from: marketing.from,
        marketing_until: marketing.until,
        marketing_label: marketing.label.clone(),
        digest_at: digest.at,
        channels: set_up.map(|(channel, _)| *channel).collect(),
    }
}

fn retention(settings: &Settings) -> Retention {
    Retention {
        bookings_days: settings.retention.bookings_days,
        read_notifications_days: settings.retention.read_notifications_days,
        logs_days: settings.retention.logs_days,
    }
}

fn start_scheduler(
    settings: &Settings,
    world: &World,
    sweep: Sweep,
    nudge: &Nudge,
) -> Result<Addr<Scheduler>> {
    let schedule = &settings.scheduler;
    let cron = Cron::parse(&schedule.sweep, schedule.time_zone).context("[scheduler] sweep")?;
    Ok(Scheduler::new(world.clock.clone(), sweep, cron, nudge.clone()).start())
}

fn live(settings: &Settings, supervisor: &Supervisor, tokens: &Tokens, gate: &Gate) -> Live {
    let session = TimeDelta::minutes(i64::from(settings.auth.access_minutes));
    let tickets = Tickets::new(tokens.secret().expose().as_bytes(), session);
    let gate = gate.clone();
    let check_token = Box::new(move |token: String| {
        let gate = gate.clone();
        let checked = async move {
            match gate.admit(&token).await {
                Ok(admitted) if admitted.may(Scope::LiveRead) => Ok(Some(Grant::from(&admitted))),
                Ok(_) => Ok(None),
                // The token may be as good as ever; it is the house that cannot tell.
                Err(problem) if problem.status_code().is_server_error() => Err(Unknown),
                Err(_) => Ok(None),
            }
        };
        Box::pin(checked) as futures::future::LocalBoxFuture<'static, _>
    });
    Live::new(supervisor.clone(), tickets, check_token)
}

/// Lets go of what is remembered of people who have left.
fn keep_tidy(app: Data<App>) {
    actix_web::rt::spawn(async move {
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        loop {
            minute.tick().await;
            app.gate.sweep();
            app.limiter.sweep();
        }
    });
}
