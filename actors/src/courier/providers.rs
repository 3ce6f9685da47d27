//! The providers of a channel in their order: who may be called now, who is next when one fails, how each fares.

use std::collections::BTreeMap;
use std::sync::Arc;

use belfry_domain::Instant;
use belfry_domain::channel::Channel;
use belfry_domain::delivery::{CALLED_OFF, Receipt, SendError};
use belfry_domain::id::DeliveryId;
use belfry_store::delivery::{Claimed, Pause};
use chrono::TimeDelta;
use metrics::gauge;

use super::breaker::{Breaker, Passage, Sign};
use super::bucket::Bucket;
use crate::channel::Provider;

/// How a provider fares on this node.
#[derive(Clone, PartialEq, Debug)]
pub struct ProviderState {
    pub channel: Channel,
    pub provider: Arc<str>,
    /// `ready`, `paused` (it asked for it), `broken` (it failed too often) or `probing` (one message finds out).
    pub state: &'static str,
    /// When it is called again, where it is not now.
    pub until: Option<Instant>,
    /// What it said when it asked for a pause.
    pub pause: Option<String>,
    /// How many messages may leave at once now; `None` for any number.
    pub tokens: Option<usize>,
    pub under_way: usize,
    pub last_error: Option<(Instant, String)>,
    /// How attempts ended since the node started, by outcome.
    pub counts: BTreeMap<&'static str, u64>,
}

/// The providers of one channel.
pub(super) struct Providers {
    channel: Channel,
    posts: Vec<Post>,
}

struct Post {
    name: Arc<str>,
    provider: Arc<dyn Provider>,
    breaker: Breaker,
    bucket: Bucket,
    /// When an address may be written to again, where there must be a pause between two messages to it.
    addresses: BTreeMap<String, Instant>,
    paused: Option<(Instant, String)>,
    under_way: usize,
    last_error: Option<(Instant, String)>,
    counts: BTreeMap<&'static str, u64>,
}

impl Post {
    /// What may be sent now, as far as pauses and the breaker go.
    fn passage(&self, now: Instant) -> Passage {
        match &self.paused {
            Some((until, _)) if *until > now => Passage::Shut(*until),
            _ => self.breaker.passage(now),
        }
    }

    fn pace(&self) -> Option<TimeDelta> {
        TimeDelta::from_std(self.provider.rate().per_address?).ok()
    }
}

/// Whom a message was given to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Given {
    pub(super) place: usize,
    /// It finds out whether the provider is well again.
    pub(super) probe: bool,
    /// Those whose turn it was cannot be called: whoever has it now was tried before.
    pub(super) second_round: bool,
}

/// Who may be given how much at one moment; a claim hands messages out by it.
pub(super) struct Openings {
    now: Instant,
    doors: Vec<Door>,
    pub(super) given: BTreeMap<DeliveryId, Given>,
}

struct Door {
    name: Arc<str>,
    passage: Passage,
    bucket: Bucket,
    pace: Option<TimeDelta>,
    addresses: BTreeMap<String, Instant>,
}

/// Whether a message may leave now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    Go(Arc<str>),
    Wait(Instant),
}

/// Looked at again after this, where nothing says when: something under way will tell.
const A_WHILE: TimeDelta = TimeDelta::seconds(1);

impl Providers {
    pub(super) fn new(channel: Channel, providers: Vec<Arc<dyn Provider>>) -> Self {
        let posts = providers.into_iter().map(|provider| Post {
            name: provider.name().into(),
            breaker: Breaker::default(),
            bucket: Bucket::new(&provider.rate()),
            addresses: BTreeMap::new(),
            paused: None,
            under_way: 0,
            last_error: None,
            counts: BTreeMap::new(),
            provider,
        });
        Self {
            channel,
            posts: posts.collect(),
        }
    }

    /// Takes in the pauses that the database knows of, asked for by this node or another, now or before a restart.
    pub(super) fn learn(&mut self, pauses: Vec<Pause>) {
        for pause in pauses {
            let post = self.posts.iter_mut();
            if let Some(post) = post.into_iter().find(|post| *post.name == *pause.provider) {
                post.pause(pause.until, pause.detail);
            }
        }
    }

    /// Who may be given how much; `Err` with when to look again while nobody may.
    pub(super) fn openings(&mut self, now: Instant) -> Result<Openings, Instant> {
        if self.free_at(now) > now {
            return Err(self.free_at(now));
        }
        let doors = self.posts.iter_mut().map(|post| {
            post.addresses.retain(|_, free_at| *free_at > now);
            Door {
                name: post.name.clone(),
                passage: post.passage(now),
                bucket: post.bucket.clone(),
                pace: post.pace(),
                addresses: post.addresses.clone(),
            }
        });
        let openings = Openings {
            now,
            doors: doors.collect(),
            given: BTreeMap::new(),
        };
        match openings.most() {
            0 => Err(self.token_at(now)),
            _ => Ok(openings),
        }
    }

    /// Gives a message to its provider; `false` when that one has fallen out since it was chosen.
    pub(super) fn set_off(&mut self, given: Given, address: &str, now: Instant) -> bool {
        let post = &mut self.posts[given.place];
        let passes = match post.passage(now) {
            Passage::Free => true,
            Passage::Probe => given.probe,
            Passage::Shut(_) | Passage::Probing => false,
        };
        if passes {
            post.under_way += 1;
            post.bucket.take(now);
            if let Some(pace) = post.pace() {
                post.addresses.insert(address.to_owned(), now + pace);
            }
            if given.probe {
                post.breaker.probe();
            }
        }
        passes
    }

    pub(super) fn provider(&self, place: usize) -> Arc<dyn Provider> {
        self.posts[place].provider.clone()
    }

    /// A provider's name, and whether it recognises repeats.
    pub(super) fn traits(&self, place: usize) -> (Arc<str>, bool) {
        let post = &self.posts[place];
        (
            post.name.clone(),
            post.provider.capabilities().recognises_repeats,
        )
    }

    /// Finds these by a name that was written down; a provider that is not set up any more is `gone`.
    pub(super) fn known(&self) -> impl Fn(&str) -> (Arc<str>, bool) + Send + Sync + 'static {
        let known: Vec<_> = (0..self.posts.len())
            .map(|place| self.traits(place))
            .collect();
        move |name| {
            let found = known.iter().find(|(known, _)| &**known == name);
            found.cloned().unwrap_or_else(|| ("gone".into(), false))
        }
    }

    /// Takes in how a message ended.
    pub(super) fn ended(
        &mut self,
        given: Given,
        result: &Result<Receipt, SendError>,
        now: Instant,
    ) {
        let post = &mut self.posts[given.place];
        post.under_way = post.under_way.saturating_sub(1);
        let sign = match result {
            Ok(_)
            | Err(
                SendError::DeadAddress { .. }
                | SendError::Refused(_)
                | SendError::Unserved(_)
                | SendError::Limited { .. }
                | SendError::Postponed { .. },
            ) => Sign::Well,
            Err(SendError::Transient(_) | SendError::Ambiguous(_)) => Sign::Ill,
            Err(SendError::Unconfigured(_)) => Sign::Hopeless,
        };
        post.breaker.note(sign, given.probe, now);
        if let Err(SendError::Limited { until, detail }) = result {
            post.pause(*until, detail.clone());
        }
    }

    /// Counts an end as it was written down.
    pub(super) fn count(
        &mut self,
        name: &str,
        outcome: &'static str,
        error: Option<&str>,
        now: Instant,
    ) {
        let Some(post) = self.posts.iter_mut().find(|post| *post.name == *name) else {
            return;
        };
        *post.counts.entry(outcome).or_default() += 1;
        // What was called off says nothing of the provider.
        if let Some(error) = error.filter(|_| outcome != CALLED_OFF) {
            post.last_error = Some((now, error.to_owned()));
        }
    }

    /// The next provider after `place` that may be called now.
    pub(super) fn after(&self, place: usize, now: Instant) -> Option<Arc<str>> {
        let later = self.posts.iter().skip(place + 1);
        let mut later =
            later.filter(|post| matches!(post.passage(now), Passage::Free | Passage::Probe));
        later.next().map(|post| post.name.clone())
    }

    /// Whether there is one provider only.
    pub(super) fn is_single(&self) -> bool {
        self.posts.len() == 1
    }

    /// When any provider may be called, as far as pauses and breakers go.
    pub(super) fn free_at(&self, now: Instant) -> Instant {
        let free = self.posts.iter().map(|post| match post.passage(now) {
            Passage::Free | Passage::Probe => now,
            Passage::Shut(until) => until,
            Passage::Probing => now + A_WHILE,
        });
        free.min().unwrap_or(now + A_WHILE)
    }

    /// When there is a token again at one of those who may be called.
    fn token_at(&self, now: Instant) -> Instant {
        let open = self.posts.iter();
        let open = open.filter(|post| matches!(post.passage(now), Passage::Free | Passage::Probe));
        let at = open.map(|post| post.bucket.next_at(now)).min();
        at.unwrap_or(now + A_WHILE)
    }

    /// How each fares.
    pub(super) fn states(&self, now: Instant) -> Vec<ProviderState> {
        let states = self.posts.iter().map(|post| {
            let paused = post.paused.as_ref().filter(|(until, _)| *until > now);
            let (state, until) = match (paused, post.breaker.passage(now)) {
                (Some((until, _)), _) => ("paused", Some(*until)),
                (None, Passage::Free) => ("ready", None),
                (None, Passage::Shut(until)) => ("broken", Some(until)),
                (None, Passage::Probe | Passage::Probing) => ("probing", None),
            };
            ProviderState {
                channel: self.channel,
                provider: post.name.clone(),
                state,
                until,
                pause: paused.map(|(_, detail)| detail.clone()),
                tokens: post.bucket.tokens(now),
                under_way: post.under_way,
                last_error: post.last_error.clone(),
                counts: post.counts.clone(),
            }
        });
        states.collect()
    }

    /// Sets the figures of each.
    pub(super) fn show(&self, now: Instant) {
        for post in &self.posts {
            let (channel, provider) = (self.channel.as_str(), post.name.to_string());
            let labels = [("channel", channel.to_owned()), ("provider", provider)];
            let open = !matches!(post.breaker.passage(now), Passage::Free);
            gauge!("belfry_provider_broken", &labels).set(f64::from(u8::from(open)));
            let pause = post
                .paused
                .as_ref()
                .map_or(0.0, |(until, _)| (*until - now).as_seconds_f64());
            gauge!("belfry_provider_pause_seconds", &labels).set(pause.max(0.0));
        }
    }
}

impl Post {
    fn pause(&mut self, until: Instant, detail: String) {
        if self.paused.as_ref().is_none_or(|(known, _)| until > *known) {
            self.paused = Some((until, detail));
        }
    }
}

impl Openings {
    /// Takes in pauses that were learnt of meanwhile.
    pub(super) fn learn(&mut self, pauses: &[Pause]) {
        for door in &mut self.doors {
            let pause = pauses.iter().find(|pause| *pause.provider == *door.name);
            if let Some(pause) = pause.filter(|pause| pause.until > self.now) {
                door.passage = Passage::Shut(pause.until);
            }
        }
    }

    /// How many messages may leave: those that the first provider that is well takes, and a probe for each before
    /// it that may be well again.
    pub(super) fn most(&self) -> usize {
        let mut most = 0_usize;
        for door in &self.doors {
            let tokens = door.bucket.tokens(self.now).unwrap_or(usize::MAX);
            match door.passage {
                Passage::Free => return most.saturating_add(tokens),
                Passage::Probe => most += tokens.min(1),
                Passage::Shut(_) | Passage::Probing => {}
            }
        }
        most
    }

    /// Whose turn it is to have a message, or until when it has to wait.
    pub(super) fn give(&mut self, claimed: &Claimed) -> Turn {
        let wanted = claimed.next_provider.as_deref();
        let from = self
            .doors
            .iter()
            .position(|door| Some(&*door.name) == wanted);
        let first = from.unwrap_or(0);
        let places: Vec<(usize, bool)> = if claimed.repeats && from.is_some() {
            vec![(first, false)]
        } else {
            let turn = (first..self.doors.len()).map(|place| (place, false));
            turn.chain((0..first).map(|place| (place, true))).collect()
        };
        let mut wait = None;
        for (place, second_round) in places {
            let door = &mut self.doors[place];
            let probe = match door.passage {
                Passage::Free => false,
                Passage::Probe => true,
                Passage::Shut(until) => {
                    wait = wait.into_iter().chain([until]).min();
                    continue;
                }
                Passage::Probing => continue,
            };
            if let Some(wait) = door.wait(&claimed.address, self.now) {
                return Turn::Wait(wait);
            }
            door.take(&claimed.address, self.now);
            if probe {
                door.passage = Passage::Probing;
            }
            let given = Given {
                place,
                probe,
                second_round,
            };
            self.given.insert(claimed.id, given);
            return Turn::Go(self.doors[place].name.clone());
        }
        Turn::Wait(wait.unwrap_or(self.now + A_WHILE))
    }
}

impl Door {
    /// Until when a message to the address has to wait for the provider's pace.
    fn wait(&self, address: &str, now: Instant) -> Option<Instant> {
        let token = (self.bucket.tokens(now) == Some(0)).then(|| self.bucket.next_at(now));
        let address = self
            .addresses
            .get(address)
            .copied()
            .filter(|free_at| *free_at > now);
        token.into_iter().chain(address).max()
    }

    fn take(&mut self, address: &str, now: Instant) {
        self.bucket.take(now);
        if let Some(pace) = self.pace {
            self.addresses.insert(address.to_owned(), now + pace);
        }
    }
}
