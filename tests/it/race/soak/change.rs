//! Experts who change hours, rules, single days and time off while others book.

use std::cell::Cell;
use std::time::{Duration, Instant as Moment};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::offer::{self, Offer, Span};
use super::record::{Edge, Version};
use super::{MONDAY, Soak};

impl Soak<'_> {
    /// Lets an expert change hours, rules, single days and time off while the others wish.
    pub async fn expert(&self, expert: usize, seed: u64, running: &Cell<bool>) {
        let mut rng = StdRng::seed_from_u64(seed ^ (expert as u64 + 1) << 16);
        let pause = self.calls_between_changes();
        let mut next = pause;
        while running.get() {
            if self.asked.get() < next {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            next = self.asked.get() + pause;
            self.alter(expert, &mut rng).await;
        }
    }

    fn calls_between_changes(&self) -> usize {
        (self.clients.len() * self.per_client / 12).max(1)
    }

    async fn alter(&self, expert: usize, rng: &mut StdRng) {
        let node = rng.random_range(0..2);
        let last = self.offers.borrow()[expert].last().unwrap().offer.clone();
        let mut offer = last;
        let host = self.experts[expert].at(self.town, node);
        let path = format!("/experts/{}", host.id);
        let day = MONDAY + rng.random_range(0..9);
        let edge = |sent| Edge {
            sent,
            answered: Moment::now(),
            node,
        };
        match rng.random_range(0..4) {
            0 => {
                offer.redraw(rng);
                return self.put(expert, node, offer).await;
            }
            1 => {
                let hours = Offer::draw_hours(rng);
                offer.overrides.insert(day, hours);
                let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
                let hours = hours.iter();
                let hours: Vec<Value> = hours
                    .map(|h| json!({ "from": clock(h.from), "until": clock(h.until) }))
                    .collect();
                let date = offer::text(day * offer::DAY);
                let path = format!("{path}/overrides/{}", &date[..10]);
                let sent = Moment::now();
                let body = json!({ "intervals": hours });
                host.put(&path, body).await.expect(200);
                self.change_offer(expert, offer, edge(sent));
            }
            2 if offer.time_off.len() > 1 => {
                let (id, _) = offer.time_off.pop_first().unwrap();
                let sent = Moment::now();
                let path = format!("{path}/time-off/{id}");
                host.delete(&path).await.expect(204);
                self.change_offer(expert, offer, edge(sent));
            }
            _ => {
                let from = offer.at(day + 1, 60 * rng.random_range(8..16));
                let off = Span::lasting(from, 60 * rng.random_range(1..5));
                let (starts_at, ends_at) = (offer::text(off.from), offer::text(off.until));
                let sent = Moment::now();
                let body = json!({ "starts_at": starts_at, "ends_at": ends_at });
                let made = host
                    .post(&format!("{path}/time-off"), body)
                    .await
                    .expect(201);
                offer.time_off.insert(made.text("id"), off);
                self.change_offer(expert, offer, edge(sent));
            }
        }
    }

    /// Sets week and rules.
    pub async fn put(&self, expert: usize, node: usize, offer: Offer) {
        let host = self.experts[expert].at(self.town, node);
        let sent = Moment::now();
        let path = format!("/experts/{}/schedule", host.id);
        host.put(&path, offer.schedule()).await.expect(200);
        let answered = Moment::now();
        let edge = Edge {
            sent,
            answered,
            node,
        };
        self.change_offer(expert, offer, edge);
    }

    fn change_offer(&self, expert: usize, offer: Offer, edge: Edge) {
        self.offers.borrow_mut()[expert].push(Version { offer, edge });
    }
}
