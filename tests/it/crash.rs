//! The real server process, killed under load at random and at named points, and started again on what it
//! left behind: nothing that was acknowledged is lost, nothing is told twice, every retry hears the truth
//! (C3.2, C3.9, C4.3, C4.4).
//!
//! `BELFRY_TEST_ROUNDS` says how often; `BELFRY_TEST_SEED`, which is printed, repeats the order of points.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant as Moment};

use belfry_actors::{Clock, SystemClock};
use belfry_domain::Instant;
use belfry_domain::account::Role;
use belfry_domain::booking_rules::BookingRules;
use belfry_domain::channel::Channel;
use belfry_store::ledger::Ledger;
use chrono::TimeDelta;
use futures::join;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::always;
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::{eventually, within};
use crate::ledger::{self, Terms};
use crate::mail::server::MailServer;
use crate::town::{PASSWORD, guests};
use check::Counts;
use load::{Known, Load, Member, Told, Wish, answer, id};
use server::Server;

/// One node dies, another lives on.
mod beside;
/// What must be true afterwards.
mod check;
/// What people do until the server dies.
mod load;
/// Whether every point is come by.
mod points;
/// The keeper of a line dies.
mod queue;
/// Series among what people do.
mod series;
/// The server as a process.
pub mod server;
/// Group sessions among what people do.
mod session;

on_both_engines!(a_killed_server_keeps_its_promises_when_it_comes_back);

/// Kills when nobody says otherwise.
const ROUNDS: usize = 8;
const HOSTS: usize = 8;
const CLIENTS: usize = 8;
/// Longest wait until the server comes by its point.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than a key stays locked when its request died.
const LOCKED: Duration = Duration::from_secs(62);

/// What the rounds leave behind.
#[derive(Default)]
struct Tally {
    /// How often the server died where.
    deaths: BTreeMap<String, usize>,
    missed_points: Vec<String>,
    /// Acknowledged bookings with the wish each answers.
    promised: BTreeMap<String, Wish>,
    told: Vec<Told>,
    unanswered: usize,
    made_unheard: usize,
    /// Wishes whose key was still locked by a dead request, and since when.
    locked: Vec<(Moment, Wish)>,
    unlocked: usize,
    signed_out: usize,
    restarts: usize,
}

struct Stage<'a> {
    fresh: &'a Fresh,
    mail: MailServer,
    hosts: Vec<(String, String)>,
    clients: Vec<String>,
    tokens: Vec<String>,
    first: Instant,
    known: Vec<Known>,
    member: Member,
    tally: Tally,
}

async fn a_killed_server_keeps_its_promises_when_it_comes_back(fresh: &Fresh) {
    let setting = |name| std::env::var(name).ok().map(|v: String| v.parse().unwrap());
    let seed: u64 = setting("BELFRY_TEST_SEED").unwrap_or_else(|| rand::rng().random());
    let rounds = setting("BELFRY_TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds as usize);
    println!("BELFRY_TEST_SEED={seed} BELFRY_TEST_ROUNDS={rounds}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut points = server::points();
    points.shuffle(&mut rng);
    let mut points = points.into_iter().cycle();
    let mut stage = Stage::set(fresh).await;
    for round in 0..rounds {
        // One death in five comes at no point in particular.
        let at = if round % 5 == 4 { None } else { points.next() };
        stage.round(at, &mut rng).await;
        // The tables grow, and with them the time that it takes to compare everything.
        stage.check(rounds <= 10 || round % 10 == 9).await;
    }
    let counts = stage.rest().await;
    let tally = stage.tally;
    println!(
        "{} deaths: {:?}, not come by: {:?}; {} bookings promised and there, {} changes told and there; {} \
         wishes unanswered, of which {} were made; {} keys of dead requests freed in time; {} refreshes, {} \
         families lost with an answer; {} reminders given once, the latest {:.1} s after its time, {} void; {} \
         mails sent once, {} ambiguous of which {} had come, {} others",
        tally.deaths.values().sum::<usize>(),
        tally.deaths,
        tally.missed_points,
        tally.promised.len(),
        tally.told.len(),
        tally.unanswered,
        tally.made_unheard,
        tally.unlocked,
        stage.member.refreshed,
        tally.signed_out,
        counts.reminders,
        counts.latest.num_milliseconds() as f64 / 1000.0,
        counts.void,
        counts.sent,
        counts.ambiguous.0,
        counts.ambiguous.1,
        counts.other,
    );
    assert!(tally.promised.len() > CLIENTS, "the load books at all");
    assert!(tally.missed_points.is_empty(), "every point is come by");
}

impl<'a> Stage<'a> {
    async fn set(fresh: &'a Fresh) -> Self {
        let now = SystemClock.now();
        let hosts = guests(&fresh.store, HOSTS, Role::Expert, now).await;
        let clients = guests(&fresh.store, CLIENTS, Role::User, now).await;
        let mut tx = fresh.store.begin().await.unwrap();
        for (host, _) in &hosts {
            let (zone, rules) = (chrono_tz::UTC, BookingRules::default());
            belfry_store::expert::insert(&mut tx, host.id, zone, &rules, now)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        let mail = MailServer::start().await;
        let server = Server::start(fresh, &mail, None).await;
        let http = crate::engine::http();
        for (host, token) in &hosts {
            open_always(&http, &server.base, &host.id.to_string(), token).await;
        }
        let email = "member@belfry.test".to_owned();
        let body =
            json!({ "email": email, "password": PASSWORD, "name": "Member", "time_zone": "UTC" });
        let request = http.post(format!("{}/api/v1/auth/register", server.base));
        let (status, session) = answer(request.json(&body)).await.unwrap();
        assert_eq!(status, 201, "{session}");
        // Tomorrow's midnight and a day: what clients want is never near.
        let first = (now.date_naive() + TimeDelta::days(2)).and_time(chrono::NaiveTime::MIN);
        Self {
            fresh,
            mail,
            hosts: hosts
                .into_iter()
                .map(|(host, token)| (host.id.to_string(), token))
                .collect(),
            tokens: clients.iter().map(|(_, token)| token.clone()).collect(),
            clients: clients.iter().map(|(c, _)| c.id.to_string()).collect(),
            first: first.and_utc(),
            known: Vec::new(),
            member: Member {
                email,
                refresh_token: session["refresh_token"].as_str().unwrap().to_owned(),
                unsure: false,
                refreshed: 0,
            },
            tally: Tally::default(),
        }
    }

    /// What is done to a server at `base`, going on from what is known.
    fn load(&self, base: &str) -> Load<'_> {
        Load {
            http: crate::engine::http(),
            base: base.to_owned(),
            tokens: &self.tokens,
            hosts: &self.hosts,
            first: self.first,
            wishes: RefCell::default(),
            told: RefCell::default(),
            member: RefCell::new(self.member.clone()),
            known: RefCell::new(self.known.clone()),
            refreshes: true,
            over: Cell::new(false),
            lost: Cell::new(0),
        }
    }

    /// Lets a server die under load, at the point named or at some moment; then hears the next one out.
    async fn round(&mut self, at: Option<String>, rng: &mut StdRng) {
        let armed = at.as_ref().map(|point| {
            let often = !point.starts_with("scheduler.");
            let times = if often { rng.random_range(1..6) } else { 1 };
            format!("{point}:{times}")
        });
        let mut server = Server::start(self.fresh, &self.mail, armed.as_deref()).await;
        let load = self.load(&server.base);
        let patience = match at {
            Some(_) => PATIENCE,
            None => Duration::from_millis(rng.random_range(300..2500)),
        };
        let (died, ()) = join!(server.outlast(patience), load.run());
        let (wishes, told) = (load.wishes.take(), load.told.take());
        (self.known, self.member) = (load.known.take(), load.member.into_inner());
        let name = match &at {
            Some(point) if died => point.clone(),
            Some(point) => {
                self.tally.missed_points.push(point.clone());
                "too late".to_owned()
            }
            None => "at random".to_owned(),
        };
        *self.tally.deaths.entry(name).or_default() += 1;
        self.tally.told.extend(told);
        let mut server = Server::start(self.fresh, &self.mail, None).await;
        self.retry(&server.base, wishes).await;
        self.sign_in_again(&server.base).await;
        ledger::planned(&self.fresh.store).await;
        server.kill();
    }

    /// Sends every wish again that was acknowledged or never answered, and compares.
    async fn retry(&mut self, base: &str, wishes: Vec<Wish>) {
        let before = self.fresh.store.ledger().await.unwrap();
        let heard: BTreeSet<String> = wishes
            .iter()
            .filter_map(|wish| wish.acknowledged.clone())
            .chain(self.tally.promised.keys().cloned())
            .collect();
        let load = self.load(base);
        let (mut promised, mut locked) = (Vec::new(), Vec::new());
        let (mut unanswered, mut made_unheard) = (0, 0);
        for wish in wishes {
            let (status, body) = eventually("an answer to the retry", async || {
                let answer = load.send(&wish).await.expect("the server is back");
                (answer.0 != 503).then_some(answer)
            })
            .await;
            if let Some(acknowledged) = &wish.acknowledged {
                assert_eq!(status, 201, "{body}");
                assert_eq!(
                    &id(&body),
                    acknowledged,
                    "the retry of what was acknowledged"
                );
                promised.push((acknowledged.clone(), wish));
                continue;
            }
            unanswered += 1;
            // Made for this very wish: nobody has heard of it yet.
            let made = self.made(&before, &wish).find(|id| !heard.contains(id));
            let running = body["type"] == "/problems/idempotency-key-running";
            match (status, made) {
                (201, Some(made)) => {
                    made_unheard += 1;
                    assert_eq!(id(&body), made, "the retry of what was made");
                    promised.push((made, wish));
                }
                (201, None) => promised.push((id(&body), wish)),
                (409, None) if running => locked.push((Moment::now(), wish)),
                (409 | 422 | 429, None) => {}
                (_, made) => panic!("{status} {body} to a retry, though there is {made:?}"),
            }
        }
        let bookings = promised
            .into_iter()
            .filter(|(_, wish)| wish.path == "/bookings");
        self.tally.promised.extend(bookings);
        self.tally.unanswered += unanswered;
        self.tally.made_unheard += made_unheard;
        self.tally.locked.extend(locked);
        self.unlock(base).await;
    }

    fn made(&self, before: &Ledger, wish: &Wish) -> impl Iterator<Item = String> {
        let starts_at: Instant = wish.body["starts_at"].as_str().unwrap().parse().unwrap();
        let client = self.clients[wish.client].clone();
        let is_booking = wish.path == "/bookings";
        let mine = before.bookings.iter().filter(move |b| {
            is_booking && b.client_id.to_string() == client && b.starts_at == starts_at
        });
        let ids: Vec<String> = mine.map(|b| b.id.to_string()).collect();
        ids.into_iter()
    }

    /// A key that a dead request had locked is free again after its time.
    async fn unlock(&mut self, base: &str) {
        let (due, waiting) = std::mem::take(&mut self.tally.locked)
            .into_iter()
            .partition(|(since, _)| since.elapsed() > LOCKED);
        self.tally.locked = waiting;
        let due: Vec<(Moment, Wish)> = due;
        for (_, wish) in due {
            let (status, body) = self
                .load(base)
                .send(&wish)
                .await
                .expect("the server is there");
            let running = body["type"] == "/problems/idempotency-key-running";
            assert!(
                matches!(status, 201 | 409 | 422 | 429) && !running,
                "{status} {body}"
            );
            self.tally.unlocked += 1;
            if status == 201 && wish.path == "/bookings" {
                self.tally.promised.insert(id(&body), wish);
            }
        }
    }

    /// A refresh token that was acknowledged works; one whose refresh was never answered may be spent.
    async fn sign_in_again(&mut self, base: &str) {
        let http = crate::engine::http();
        let body = json!({ "refresh_token": self.member.refresh_token });
        let request = http.post(format!("{base}/api/v1/auth/refresh"));
        let (status, mut session) = answer(request.json(&body)).await.unwrap();
        if status != 200 {
            assert!(
                self.member.unsure,
                "an acknowledged token was lost: {session}"
            );
            assert_eq!(session["type"], "/problems/bad-refresh-token");
            self.tally.signed_out += 1;
            let body = json!({ "email": self.member.email, "password": PASSWORD });
            let request = http.post(format!("{base}/api/v1/auth/login"));
            let (status, fresh) = answer(request.json(&body)).await.unwrap();
            assert_eq!(status, 200, "{fresh}");
            session = fresh;
        }
        self.member.refresh_token = session["refresh_token"].as_str().unwrap().to_owned();
        self.member.unsure = false;
    }

    /// Compares the tables while nothing runs, and answers them.
    async fn check(&mut self, everything: bool) -> Option<Ledger> {
        // A sweep may have appended an event right before the end.
        while self.fresh.store.oldest_unplanned().await.unwrap().is_some() {
            self.tally.restarts += 1;
            assert!(self.tally.restarts < 1000, "events are left unplanned");
            let server = Server::start(self.fresh, &self.mail, None).await;
            ledger::planned(&self.fresh.store).await;
            drop(server);
        }
        if !everything {
            return None;
        }
        let terms = Terms {
            reminder_offsets: &[1, 2],
            ..Terms::at(SystemClock.now())
        };
        let acknowledged = self.tally.promised.keys().cloned().collect();
        let ledger = ledger::sound(&self.fresh.store, terms, &acknowledged).await;
        check::what_was_told_is_there(&ledger, &self.tally.told);
        check::both_sides_have_a_message(&ledger);
        Some(ledger)
    }

    /// Lets a server do all that is left, then compares everything, mails included.
    async fn rest(&mut self) -> Counts {
        let mut server = Server::start(self.fresh, &self.mail, None).await;
        self.all_is_done().await;
        self.unlock(&server.base).await;
        server.kill();
        let ledger = self.check(true).await.expect("everything was compared");
        let mut counts = Counts::default();
        let now = SystemClock.now() - TimeDelta::seconds(1);
        check::reminders_were_given_once(&ledger, now, &mut counts);
        check::mails_came_at_most_once(&ledger, &self.mail.mails(0).await, &mut counts);
        counts
    }
}

impl Stage<'_> {
    /// Waits until the servers that run have planned, sent and reminded all that is due.
    async fn all_is_done(&self) {
        let store = &self.fresh.store;
        // Leases of the dead run out first, and every mail is sent.
        within(Duration::from_secs(150), "all is done", async || {
            ledger::planned(store).await;
            let due = store
                .deliveries_due(Channel::Email, SystemClock.now())
                .await
                .unwrap();
            let reminder = store.next_reminder().await.unwrap();
            let now = SystemClock.now();
            due.send_at().is_none()
                && due.lease_until.is_none()
                && reminder.is_none_or(|at| at > now + TimeDelta::seconds(2))
        })
        .await;
    }
}

async fn open_always(http: &reqwest::Client, base: &str, expert: &str, token: &str) {
    let request = http.put(format!("{base}/api/v1/experts/{expert}/schedule"));
    let (status, body) = answer(request.bearer_auth(token).json(&always::open()))
        .await
        .unwrap();
    assert_eq!(status, 200, "{body}");
}
