//! The command line.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use belfry_actors::{Clock, SystemClock};
use belfry_domain::account::{self, Account, Role};
use belfry_domain::id::UserId;
use clap::builder::{FalseyValueParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, value_parser};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Settings;
use crate::house::{House, Options, open_store};
use crate::password::Passwords;
use crate::secret::Secret;
use crate::simulate::{self, Plan};
use crate::{demo, health, http, telemetry, tls};

/// Belfry books people's time and tells everybody concerned at once.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the live connections and the web app.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address and port to listen on.
        #[arg(long, env = "BELFRY_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Fill an empty database with people and bookings to look at.
        #[arg(long, env = "BELFRY_DEMO", value_parser = FalseyValueParser::new())]
        demo: bool,
    },
    /// Bring the database's schema up to date and stop.
    Migrate {
        #[command(flatten)]
        place: Place,
    },
    /// Administrators.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Ask a running server whether it is ready; fails when it is not.
    Health {
        /// Where it listens.
        #[arg(long, env = "BELFRY_LISTEN", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Try something out on made-up weeks.
    Simulate {
        #[command(subcommand)]
        command: SimulateCommand,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Print every setting with its default and meaning.
    Settings,
}

#[derive(Subcommand)]
enum SimulateCommand {
    /// How a branch shares bookings among its experts: each strategy over the same weeks.
    Assignment {
        #[arg(long, default_value_t = Plan::default().experts, value_parser = RangedU64ValueParser::<usize>::new().range(1..=200))]
        experts: usize,
        #[arg(long, default_value_t = Plan::default().weeks, value_parser = value_parser!(i64).range(1..=520))]
        weeks: i64,
        /// Wishes, in percent of the hours that all experts are there.
        #[arg(long, default_value_t = Plan::default().demand_percent, value_parser = value_parser!(u32).range(1..=200))]
        demand_percent: u32,
        #[arg(long, default_value_t = Plan::default().seed)]
        seed: u64,
        /// Where to draw the distance from the fair share, as SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
    },
    /// How well waits in a branch's line are foretold: clinics whose truth is known.
    Queue {
        #[arg(long, default_value_t = simulate::queue::Plan::default().days, value_parser = value_parser!(i64).range(11..=1000))]
        days: i64,
        #[arg(long, default_value_t = simulate::queue::Plan::default().seed)]
        seed: u64,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make an administrator; the password is read from standard input.
    Create {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        email: String,
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
}

#[derive(Args)]
struct Place {
    /// Where the embedded database is kept.
    #[arg(long, env = "BELFRY_DATA_DIR", default_value = "./data")]
    data_dir: PathBuf,
    /// postgres://…; the embedded database when left out.
    #[arg(long, env = "BELFRY_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// redis://…, for several nodes; in-process when left out.
    #[arg(long, env = "BELFRY_REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Settings that differ from the defaults.
    #[arg(long, env = "BELFRY_CONFIG")]
    config: Option<PathBuf>,
}

impl Place {
    fn options(self, listen: SocketAddr) -> Result<Options> {
        let present = |url: Option<String>| url.filter(|url| !url.is_empty()).map(Secret::new);
        Ok(Options {
            listen,
            settings: Settings::load(self.config.as_deref(), std::env::vars())
                .context("reading the settings")?,
            data_dir: self.data_dir,
            database_url: present(self.database_url),
            redis_url: present(self.redis_url),
        })
    }
}

/// Runs the program; what went wrong is printed.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    telemetry::log();
    // Fails only if one was installed before, which serves as well.
    tls::install();
    match actix_web::rt::System::new().block_on(execute(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How often `drain_seconds` fits into the way down: sockets, requests, couriers, and the database's end.
const LONGEST_DRAINS: u32 = 4;
/// The exit code of a server that was not let finish.
const FORCED: i32 = 3;

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn execute(command: Command) -> Result<()> {
    match command {
        Command::Serve {
            place,
            listen,
            demo,
        } => serve(place.options(listen)?, demo).await,
        Command::Migrate { place } => {
            open_store(&place.options(NOWHERE)?).await?;
            say("The schema is up to date.")
        }
        Command::Admin {
            command: AdminCommand::Create { place, email, name },
        } => create_admin(&place.options(NOWHERE)?, &email, &name).await,
        Command::Health { listen } => health::check(listen).await,
        Command::Simulate {
            command:
                SimulateCommand::Assignment {
                    experts,
                    weeks,
                    demand_percent,
                    seed,
                    chart,
                },
        } => {
            let plan = Plan {
                experts,
                weeks,
                demand_percent,
                seed,
            };
            let outcomes = simulate::run(plan);
            if let Some(file) = chart {
                let drawn = simulate::chart::draw(&outcomes)?;
                std::fs::write(&file, drawn)
                    .with_context(|| format!("writing {}", file.display()))?;
            }
            say(&simulate::table(plan, &outcomes))
        }
        Command::Simulate {
            command: SimulateCommand::Queue { days, seed },
        } => {
            let plan = simulate::queue::Plan {
                days,
                seed,
                ..simulate::queue::Plan::default()
            };
            let outcomes = simulate::queue::run(plan);
            say(&simulate::queue::table(plan, &outcomes))
        }
        Command::Openapi => say(http::openapi::document()?.trim_end()),
        Command::Settings => say(crate::config::DEFAULT.trim_end()),
    }
}

async fn serve(options: Options, with_demo: bool) -> Result<()> {
    // Every connection is an open file, and the usual limit is for programs that have a few.
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!(limit, "files that may be open"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let longest = LONGEST_DRAINS * Duration::from_secs(options.settings.http.drain_seconds.max(5));
    let store = open_store(&options).await?;
    if with_demo {
        demo::fill(&store, &options.settings, clock.now()).await?;
    }
    // Both must be listened to before the address is announced.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let house = House::start(options, store, clock).await?;
    say(&format!("Belfry is ready at http://{}", house.address))?;
    if with_demo {
        say(&demo::logins())?;
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("going down; once more ends it at once");
    tokio::select! {
        ended = tokio::time::timeout(longest, house.stop()) => {
            if ended.is_ok() {
                return Ok(());
            }
            tracing::error!("not everything ended in time");
        }
        _ = terminated.recv() => tracing::warn!("ended at once"),
        _ = interrupted.recv() => tracing::warn!("ended at once"),
    }
    // Not by returning: the runtime would wait for threads that may be what hangs. What was committed is
    // kept, and what was not is undone by the database.
    std::process::exit(FORCED);
}

async fn create_admin(options: &Options, email: &str, name: &str) -> Result<()> {
    let mut password = String::new();
    std::io::stdin()
        .read_to_string(&mut password)
        .context("reading the password")?;
    let password = password.trim_end_matches(['\r', '\n']);
    let fault = |fault: belfry_domain::field::FieldError| {
        anyhow::anyhow!("{}: {}", fault.pointer, fault.detail)
    };
    account::password("password", password).map_err(fault)?;
    let now = SystemClock.now();
    let account = Account {
        id: UserId::at(now),
        email: account::email("email", email).map_err(fault)?,
        name: account::name("name", name).map_err(fault)?,
        role: Role::Admin,
        branch_id: None,
        phone: None,
        gender: None,
        description: String::new(),
        locale: account::LANGUAGES[0].to_owned(),
        time_zone: chrono_tz::UTC,
        avatar_tag: None,
        email_verified: true,
        guest: false,
        disabled: false,
        auth_epoch: 0,
        version: 1,
        created_at: now,
    };
    let store = open_store(options).await?;
    let hash = Passwords::new(1, 1)?.hash(password).await?;
    let mut tx = store.begin().await?;
    if !belfry_store::account::insert(&mut tx, &account, &hash).await? {
        bail!("an account with this e-mail address exists");
    }
    tx.commit().await?;
    say(&format!("{} can sign in now.", account.email))
}

/// Writes a line for the person who started the program; the log goes elsewhere.
fn say(line: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_put_together_well() {
        Cli::command().debug_assert();
    }
}
