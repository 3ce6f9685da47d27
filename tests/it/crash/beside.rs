//! One of two nodes dies under load, the other goes on without a fault: nothing acknowledged by either is lost, and
//! what the dead one had claimed (events, mails, the lease of the clockwork) is taken over.

use std::collections::BTreeMap;
use std::time::Duration;

use belfry_actors::{Clock, SystemClock};
use futures::join;
use rand::Rng;

use super::load::Known;
use super::server::Server;
use super::{PATIENCE, Stage};
use crate::engine::Fresh;
use crate::eventually::{eventually, within};
use crate::ledger;

/// Deaths when nobody says otherwise.
const ROUNDS: usize = 3;
/// What the survivor is to do after each.
const AFTERWARDS: usize = 40;
/// In which the dying node has something in its hands, and how often it comes by until then.
const POINTS: [&str; 6] = [
    "scheduler.sweeping:3",
    "courier.claimed:3",
    "planner.claimed:5",
    "booking.committed:9",
    "courier.sent:9",
    "change.before_commit:9",
];
/// Longer than the lease of the clockwork lasts.
const LEASE: Duration = Duration::from_secs(3);

/// On PostgreSQL with Redis alone: two processes share no SQLite file.
#[actix_rt::test]
async fn a_node_that_dies_leaves_the_other_whole() {
    let Some(fresh) = Fresh::postgres().await else {
        return;
    };
    if std::env::var("BELFRY_TEST_REDIS_URL").is_err() {
        return eprintln!("BELFRY_TEST_REDIS_URL is not set: not tried over two nodes");
    }
    let rounds = std::env::var("BELFRY_TEST_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    let mut stage = Stage::set(&fresh).await;
    let (mut answered, mut deaths) = (0, BTreeMap::new());
    for round in 0..rounds {
        // One death in three comes at no point in particular.
        let at = (round % 3 != 2).then(|| POINTS[(round - round / 3) % POINTS.len()]);
        answered += stage.round_beside(at).await;
        *deaths.entry(at.unwrap_or("at random")).or_insert(0) += 1;
    }
    let counts = stage.rest().await;
    let tally = stage.tally;
    println!(
        "a node died beside another {rounds} times, {deaths:?}; the other acknowledged {answered} wishes afterwards and \
         none failed; {} bookings promised and there, {} changes told and there, {} wishes unanswered, of which {} were \
         made; {} reminders given once, {} mails sent once, {} ambiguous",
        tally.promised.len(),
        tally.told.len(),
        tally.unanswered,
        tally.made_unheard,
        counts.reminders,
        counts.sent,
        counts.ambiguous.0,
    );
    assert!(answered >= rounds * AFTERWARDS);
}

impl Stage<'_> {
    /// Lets one node die under load beside another that goes on; answers what that one did afterwards.
    async fn round_beside(&mut self, at: Option<&str>) -> usize {
        // The first to come has the lease of the clockwork.
        self.lease_is_held(false).await;
        let mut dying = Server::start(self.fresh, &self.mail, at).await;
        self.lease_is_held(true).await;
        let mut living = Server::start(self.fresh, &self.mail, None).await;
        let first = self.load(&dying.base);
        let mut second = self.load(&living.base);
        // One session refreshed at two nodes would spend its own tokens.
        second.refreshes = false;
        let patience = match at {
            Some(_) => PATIENCE,
            None => Duration::from_millis(rand::rng().random_range(500..2500)),
        };
        let mut afterwards = 0;
        let mut begun = std::time::Instant::now();
        let go_on = async {
            let died = dying.outlast(patience).await;
            assert_eq!(died, at.is_some(), "{at:?} is come by");
            let before = second.told.borrow().len();
            begun = std::time::Instant::now();
            within(2 * PATIENCE, "the other goes on", async || {
                afterwards = second.told.borrow().len() - before;
                afterwards >= AFTERWARDS || second.lost.get() > 0
            })
            .await;
            second.over.set(true);
        };
        join!(go_on, first.run(), second.run());
        assert_eq!(second.lost.get(), 0, "the other answered everybody");
        let mut wishes = first.wishes.take();
        wishes.extend(second.wishes.take());
        let told = [first.told.take(), second.told.take()].concat();
        // Where both knew a booking, the one that lives knows better.
        let known = first.known.take().into_iter().chain(second.known.take());
        let known: BTreeMap<String, Known> =
            known.map(|known| (known.id().to_owned(), known)).collect();
        let member = first.member.take();
        (self.known, self.member) = (known.into_values().collect(), member);
        self.tally.told.extend(told);
        self.retry(&living.base, wishes).await;
        self.sign_in_again(&living.base).await;
        ledger::planned(&self.fresh.store).await;
        // What the dead one had claimed is done by the other.
        self.all_is_done().await;
        // Before, it could still be the dead one's: a lease has no other end than its time.
        tokio::time::sleep(LEASE.saturating_sub(begun.elapsed())).await;
        self.lease_is_held(true).await;
        living.kill();
        self.check(true).await;
        afterwards
    }

    /// Waits until somebody holds the lease of the clockwork, or nobody does.
    async fn lease_is_held(&self, held: bool) {
        eventually(&format!("the lease is held: {held}"), async || {
            // Asked for until this very moment, it is given back as it is taken.
            let now = SystemClock.now();
            let free = self
                .fresh
                .store
                .take_lease("scheduler", "nobody", now, now)
                .await;
            free.unwrap() != held
        })
        .await;
    }
}
