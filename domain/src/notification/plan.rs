//! Applying the rules to one event: which rules, which readers, which ways, gate by gate.

use chrono::TimeDelta;
use serde_json::Value;

use super::{
    Decision, Entry, Facts, Gathered, Links, Message, People, Plan, PlanError, Recipient, Sides,
    Trace, WayOutcome, WayTrace,
};
use crate::Instant;
use crate::channel::Way;
use crate::delivery::DeliveryStatus;
use crate::event::{DigestItem, Event};
use crate::gate::{self, Check, Class, Gate, Policy, Sending, Verdict};
use crate::letter::Letter;
use crate::preference::Digest;
use crate::rule::{Rule, RuleBook};
use crate::template::Templates;

/// Everything that planning reads besides the event.
#[derive(Clone, Copy)]
pub struct Planning<'a> {
    pub rules: &'a RuleBook,
    pub people: &'a People,
    pub sides: &'a Sides,
    pub templates: &'a Templates,
    pub links: &'a dyn Links,
    pub policy: &'a Policy,
    pub now: Instant,
}

/// Applies the rule book to one event.
///
/// # Errors
/// When a text cannot be made of these facts; the event then needs a person's eye.
pub fn plan(event: &Event, facts: &Facts, planning: &Planning<'_>) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut scene = None;
    for rule in planning.rules.on(event.kind) {
        let readers = facts.readers(rule.draft.audience, planning.sides);
        let readers = readers.iter().filter_map(|id| planning.people.get(id));
        for reader in readers {
            let scene = scene.get_or_insert_with(|| facts.scene(event));
            let telling = Telling {
                event,
                facts,
                rule,
                reader,
                planning,
            };
            telling.plan(scene, &mut plan)?;
        }
    }
    Ok(plan)
}

/// One rule, for one reader of one event.
struct Telling<'a> {
    event: &'a Event,
    facts: &'a Facts,
    rule: &'a Rule,
    reader: &'a Recipient,
    planning: &'a Planning<'a>,
}

impl Telling<'_> {
    fn plan(&self, scene: &Value, plan: &mut Plan) -> Result<(), PlanError> {
        let draft = &self.rule.draft;
        let (applies, fault) = self.rule.applies(scene);
        let mut trace = Trace {
            audience: draft.audience,
            category: draft.category,
            class: draft.class,
            condition: match (applies, fault) {
                (true, None) => Check::open(Gate::Condition),
                (true, Some(fault)) => Check {
                    reason: Some(fault),
                    ..Check::open(Gate::Condition)
                },
                (false, _) => Check::shut(Gate::Condition, "not_met"),
            },
            inbox: applies && draft.inbox,
            ways: Vec::new(),
        };
        if applies {
            if draft.inbox {
                plan.entries.push(self.entry()?);
            }
            self.messages(plan, &mut trace)?;
        }
        plan.decisions.push(Decision {
            rule_id: self.rule.id.clone(),
            rule_version: self.rule.version,
            user_id: self.reader.id,
            trace,
        });
        Ok(())
    }

    fn letter(&self) -> Letter<'_> {
        Letter {
            event: self.event,
            facts: self.facts,
            reader: self.reader,
            audience: self.rule.draft.audience,
            planning: self.planning,
        }
    }

    fn entry(&self) -> Result<Entry, PlanError> {
        let draft = &self.rule.draft;
        let note = self.letter().note(&draft.kind)?;
        Ok(Entry {
            rule_id: self.rule.id.clone(),
            user_id: self.reader.id,
            category: draft.category,
            kind: draft.kind.clone(),
            title: note.title,
            body: note.body,
            data: self.facts.data(),
        })
    }

    /// Plans every way. The first ways that have somewhere to go leave; the ones behind them stand by.
    fn messages(&self, plan: &mut Plan, trace: &mut Trace) -> Result<(), PlanError> {
        let draft = &self.rule.draft;
        let first = draft.channels.iter().map(|way| (*way, 0));
        let ways = first.chain(draft.fallback.iter().copied().zip(1..));
        let only = self.facts.only_way();
        let mut going: Option<i64> = None;
        for (way, rank) in ways.filter(|(way, _)| only.is_none_or(|only| only == *way)) {
            let stands_by = going.is_some_and(|before| before < rank);
            let gone = self.way(way, rank, stands_by, plan, trace)?;
            if gone && going.is_none() {
                going = Some(rank);
            }
        }
        Ok(())
    }

    /// Plans one way, to every address it has, and answers whether it leads anywhere.
    fn way(
        &self,
        way: Way,
        rank: i64,
        stands_by: bool,
        plan: &mut Plan,
        trace: &mut Trace,
    ) -> Result<bool, PlanError> {
        let (draft, reader) = (&self.rule.draft, self.reader);
        let mut note = |channel, outcome, checks| {
            trace.ways.push(WayTrace {
                way,
                channel,
                rank,
                outcome,
                checks,
            });
        };
        let own = self.facts.actor() == Some(reader.id);
        if own && !draft.own.contains(&way) {
            note(
                None,
                WayOutcome::Closed,
                vec![Check::shut(Gate::Own, "own")],
            );
            return Ok(false);
        }
        let addresses = reader.addresses.iter();
        let mut addresses = addresses
            .filter(|address| address.channel.way() == Some(way))
            .peekable();
        if addresses.peek().is_none() {
            note(
                None,
                WayOutcome::Closed,
                vec![Check::shut(Gate::Address, "no_address")],
            );
            return Ok(false);
        }
        let set_up = &self.planning.policy.channels;
        let mut addresses = addresses
            .filter(|address| set_up.contains(&address.channel))
            .peekable();
        if addresses.peek().is_none() {
            note(
                None,
                WayOutcome::Closed,
                vec![Check::shut(Gate::Address, "not_set_up")],
            );
            return Ok(false);
        }
        let (mut gone, mut gathered) = (false, false);
        for address in addresses {
            let letter = self.letter();
            let mut checks = vec![Check::open(Gate::Address)];
            let at = self.planning.now + TimeDelta::minutes(draft.delay_minutes);
            let sending = Sending {
                way,
                category: draft.category,
                class: draft.class,
                critical: draft.critical,
                not_after: letter.not_after(),
            };
            let suppressed = address.suppressed.as_deref();
            let verdict = gate::ask(
                reader.as_reader(),
                sending,
                suppressed,
                self.planning.policy,
                at,
                &mut checks,
            );
            let channel = Some(address.channel);
            if verdict == Verdict::Drop {
                note(channel, WayOutcome::Closed, checks);
                continue;
            }
            if self.is_gathered() {
                checks.push(Check::shut(Gate::Digest, "daily"));
                if !gathered && !stands_by {
                    plan.gathered.push(self.gather(way)?);
                    (gathered, gone) = (true, true);
                }
                let outcome = if gathered {
                    WayOutcome::Gathered
                } else {
                    WayOutcome::Closed
                };
                note(channel, outcome, checks);
                continue;
            }
            let send_at = match verdict {
                Verdict::Hold(until) => until + gate::spread(reader.id.uuid()),
                Verdict::Pass | Verdict::Drop => at,
            };
            let (subject, content) = letter.message(draft, address)?;
            plan.messages.push(Message {
                rule_id: self.rule.id.clone(),
                user_id: Some(reader.id),
                channel: address.channel,
                address: address.address.clone(),
                kind: draft.kind.clone(),
                category: draft.category,
                class: draft.class,
                critical: draft.critical,
                rank,
                status: if stands_by {
                    DeliveryStatus::Standby
                } else {
                    DeliveryStatus::Pending
                },
                send_at,
                subject,
                content,
            });
            gone = true;
            let outcome = if stands_by {
                WayOutcome::Standby
            } else if send_at > self.planning.now {
                WayOutcome::Held
            } else {
                WayOutcome::Planned
            };
            note(channel, outcome, checks);
        }
        Ok(gone)
    }

    /// Whether the message waits for the day's others. What has its minute, or must arrive, never does.
    fn is_gathered(&self) -> bool {
        let draft = &self.rule.draft;
        self.reader.preferences.digest == Digest::Daily
            && draft.category.is_gathered()
            && draft.class != Class::Marketing
            && !draft.critical
            && self.letter().not_after().is_none()
    }

    fn gather(&self, way: Way) -> Result<Gathered, PlanError> {
        let letter = self.letter();
        let note = letter.note(&self.rule.draft.kind)?;
        let (policy, now) = (self.planning.policy, self.planning.now);
        Ok(Gathered {
            rule_id: self.rule.id.clone(),
            user_id: self.reader.id,
            way,
            closes_at: gate::digest_closes(self.reader.as_reader(), policy, now),
            item: DigestItem {
                kind: self.rule.draft.kind.clone(),
                title: note.title,
                body: note.body,
                url: Some(letter.page(self.rule.draft.page)),
                at: self.event.time,
            },
        })
    }
}
