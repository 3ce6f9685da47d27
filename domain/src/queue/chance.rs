//! What is not known of a line, and how it is drawn: lengths, paces, who leaves, who comes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use statrs::distribution::{ContinuousCDF, Normal};

use super::duration::{Learned, Length};
use super::line::{Desk, Entry, Purpose};
use super::replay::Luck;
use crate::Instant;
use crate::assignment::mixed;
use crate::id::UserId;

/// How often a line is played on.
pub(super) const DRAWS: usize = 200;
/// Whoever has an appointment and is not here yet comes with this probability.
const EXPECTED_COMES: f64 = 0.9;

/// What a number is drawn for; the number itself parts the streams.
#[derive(Clone, Copy)]
enum Stream {
    Order = 1,
    Within = 2,
    Patience = 3,
    Comes = 4,
    Handover = 5,
}

/// The middles of as many equal strata of the standard normal distribution as there are draws.
static NORMAL: LazyLock<[f64; DRAWS]> = LazyLock::new(|| {
    let normal = Normal::standard();
    std::array::from_fn(|place| normal.inverse_cdf((place as f64 + 0.5) / DRAWS as f64))
});

/// All chances of a line.
pub(super) struct Chances<'a> {
    learned: &'a Learned,
    entries: Vec<Person>,
    desks: Vec<Place>,
    /// Of each service, as standard normal numbers.
    paces: Vec<Vec<f64>>,
    missing: f64,
    handover_minutes: f64,
}

struct Person {
    lots: Lots,
    waited: f64,
    /// At each desk.
    visits: Vec<Service>,
}

struct Place {
    lots: Lots,
    pace: Vec<f64>,
    serving: Option<(Service, f64)>,
    expected: Vec<Option<(Lots, Service)>>,
}

/// A service at a desk, and which of the paces is its own.
#[derive(Clone)]
struct Service {
    length: Rc<Length>,
    pace: usize,
}

/// One subject's luck in each draw.
struct Lots {
    key: u64,
    /// Every stratum once.
    order: Vec<usize>,
}

impl Lots {
    fn new(seed: u64, subject: impl IntoIterator<Item = u64>) -> Lots {
        let key = subject
            .into_iter()
            .fold(mixed(seed), |key, part| mixed(key ^ part));
        let mut order: Vec<usize> = (0..DRAWS).collect();
        // Fisher and Yates.
        for last in (1..DRAWS).rev() {
            let other = number(key, Stream::Order, last) % (last as u64 + 1);
            order.swap(last, other as usize);
        }
        Lots { key, order }
    }

    fn uniform(&self, stream: Stream, draw: usize) -> f64 {
        // Fifty-three bits, and never zero.
        ((number(self.key, stream, draw) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Even over all draws.
    fn spread(&self, draw: usize) -> f64 {
        (self.order[draw] as f64 + self.uniform(Stream::Within, draw)) / DRAWS as f64
    }

    fn normal(&self) -> Vec<f64> {
        self.order.iter().map(|place| NORMAL[*place]).collect()
    }
}

fn number(key: u64, stream: Stream, draw: usize) -> u64 {
    mixed(key ^ mixed(((stream as u64) << 32) | draw as u64))
}

fn of_text(text: Option<&str>) -> impl Iterator<Item = u64> + '_ {
    let bytes = text
        .into_iter()
        .flat_map(|text| text.bytes().map(u64::from));
    std::iter::once(u64::from(text.is_some())).chain(bytes)
}

fn of_uuid(uuid: uuid::Uuid) -> [u64; 2] {
    let (high, low) = uuid.as_u64_pair();
    [high, low]
}

/// Lengths and services, each looked up once.
struct Catalogue<'a> {
    learned: &'a Learned,
    lengths: BTreeMap<(UserId, Option<&'a str>, u32), Rc<Length>>,
    services: BTreeMap<Option<&'a str>, usize>,
}

impl<'a> Catalogue<'a> {
    fn service(&mut self, expert: UserId, skill: Option<&'a str>, minutes: u32) -> Service {
        let next = self.services.len();
        let learned = self.learned;
        let length = self.lengths.entry((expert, skill, minutes));
        let length = length.or_insert_with(|| Rc::new(learned.length(expert, skill, minutes)));
        Service {
            length: length.clone(),
            pace: *self.services.entry(skill).or_insert(next),
        }
    }
}

impl<'a> Chances<'a> {
    pub fn new(
        entries: &'a [Entry],
        desks: &'a [Desk],
        learned: &'a Learned,
        seed: u64,
        now: Instant,
    ) -> Chances<'a> {
        let mut known = Catalogue {
            learned,
            lengths: BTreeMap::new(),
            services: BTreeMap::new(),
        };
        let people = entries.iter().map(|entry| {
            let skill = entry.skill.as_deref();
            let at = |desk: &Desk| known.service(desk.expert, skill, entry.expected_minutes);
            Person {
                lots: Lots::new(seed, of_uuid(entry.id)),
                waited: (now - entry.joined_at).as_seconds_f64() / 60.0,
                visits: desks.iter().map(at).collect(),
            }
        });
        let people = people.collect();
        let places = desks
            .iter()
            .map(|desk| Place::new(desk, &mut known, seed, now));
        let places = places.collect();
        let services = known.services.iter();
        let mut paces: Vec<(usize, Vec<f64>)> = services
            .map(|(skill, place)| (*place, Lots::new(seed, of_text(*skill)).normal()))
            .collect();
        paces.sort_by_key(|(place, _)| *place);
        Chances {
            entries: people,
            desks: places,
            paces: paces.into_iter().map(|(_, pace)| pace).collect(),
            learned,
            missing: learned.missing(),
            handover_minutes: learned.handover_minutes(),
        }
    }

    /// One of the draws.
    pub fn drawn(&self, draw: usize) -> Drawn<'_> {
        Drawn {
            chances: self,
            draw,
        }
    }

    /// Nobody leaves, everybody comes, and everything takes as long as it does in the middle.
    pub fn usual(&self) -> Usual<'_> {
        Usual(self)
    }
}

impl Place {
    fn new<'a>(desk: &'a Desk, known: &mut Catalogue<'a>, seed: u64, now: Instant) -> Place {
        let own = of_uuid(desk.expert.uuid());
        let serving = desk.serving.as_ref().map(|serving| {
            let elapsed = (now - serving.since).as_seconds_f64() / 60.0;
            let skill = serving.skill.as_deref();
            (
                known.service(desk.expert, skill, serving.expected_minutes),
                elapsed,
            )
        });
        let expected = desk.booked.iter().map(|stretch| {
            let Purpose::Expected { skill } = &stretch.purpose else {
                return None;
            };
            let minutes = (stretch.until - stretch.from).num_minutes();
            let minutes = u32::try_from(minutes).unwrap_or(0);
            let start = stretch.from.timestamp().unsigned_abs();
            Some((
                Lots::new(seed, own.into_iter().chain([start])),
                known.service(desk.expert, skill.as_deref(), minutes),
            ))
        });
        let expected = expected.collect();
        let lots = Lots::new(seed, own);
        Place {
            pace: Lots::new(seed, own.into_iter().chain([u64::MAX])).normal(),
            lots,
            serving,
            expected,
        }
    }
}

/// How everything turns out in one draw.
pub(super) struct Drawn<'a> {
    chances: &'a Chances<'a>,
    draw: usize,
}

impl Drawn<'_> {
    fn pace(&self, desk: usize, service: &Service) -> f64 {
        let of_service = self.chances.paces[service.pace][self.draw];
        service
            .length
            .pace(of_service, self.chances.desks[desk].pace[self.draw])
    }
}

impl Luck for Drawn<'_> {
    fn remaining(&self, desk: usize) -> f64 {
        let place = &self.chances.desks[desk];
        place.serving.as_ref().map_or(0.0, |(service, elapsed)| {
            let pace = self.pace(desk, service);
            pace * service
                .length
                .remaining(place.lots.spread(self.draw), elapsed / pace)
        })
    }

    fn length(&self, desk: usize, entry: usize) -> f64 {
        let person = &self.chances.entries[entry];
        let service = &person.visits[desk];
        self.pace(desk, service) * service.length.quantile(person.lots.spread(self.draw))
    }

    fn expected(&self, desk: usize, stretch: usize) -> Option<f64> {
        let (lots, service) = self.chances.desks[desk].expected[stretch].as_ref()?;
        let comes = lots.uniform(Stream::Comes, self.draw) < EXPECTED_COMES;
        comes.then(|| self.pace(desk, service) * service.length.quantile(lots.spread(self.draw)))
    }

    fn patience(&self, entry: usize) -> f64 {
        let person = &self.chances.entries[entry];
        let u = person.lots.uniform(Stream::Patience, self.draw);
        self.chances.learned.stays(u, person.waited)
    }

    fn comes(&self, entry: usize) -> bool {
        let lots = &self.chances.entries[entry].lots;
        lots.uniform(Stream::Comes, self.draw) >= self.chances.missing
    }

    fn handover(&self, entry: usize) -> f64 {
        let lots = &self.chances.entries[entry].lots;
        -lots.uniform(Stream::Handover, self.draw).ln() * self.chances.handover_minutes
    }
}

/// How everything turns out if nothing is out of the ordinary.
pub(super) struct Usual<'a>(&'a Chances<'a>);

impl Luck for Usual<'_> {
    fn remaining(&self, desk: usize) -> f64 {
        let serving = self.0.desks[desk].serving.as_ref();
        serving.map_or(0.0, |(service, elapsed)| {
            service.length.remaining(0.5, *elapsed)
        })
    }

    fn length(&self, desk: usize, entry: usize) -> f64 {
        self.0.entries[entry].visits[desk].length.quantile(0.5)
    }

    fn expected(&self, desk: usize, stretch: usize) -> Option<f64> {
        let expected = self.0.desks[desk].expected[stretch].as_ref();
        expected.map(|(_, service)| service.length.quantile(0.5))
    }

    fn patience(&self, _entry: usize) -> f64 {
        f64::INFINITY
    }

    fn comes(&self, _entry: usize) -> bool {
        true
    }

    fn handover(&self, _entry: usize) -> f64 {
        0.0
    }
}
