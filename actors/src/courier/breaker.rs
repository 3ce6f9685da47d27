//! Stops calling a provider that fails, and finds out when it is well again.
//!
//! It belongs to the courier and takes the time as an argument, like everything else here. (The crate recloser was
//! tried: it reads the machine's clock by itself, cannot be opened by one answer that says enough, lets any number
//! of calls through as probes, and does not tell its state.)

use std::collections::VecDeque;

use belfry_domain::Instant;
use chrono::TimeDelta;

/// So many of the last ends are remembered.
const REMEMBERED: usize = 20;
/// For so long.
const MEMORY: TimeDelta = TimeDelta::minutes(2);
/// Fewer ends than these say nothing.
const TELLING: usize = 10;
/// The first pause; each further one is twice as long.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(10);

/// How a call ended, as far as the provider's health goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// It answered, whatever it said about the message.
    Well,
    /// It did not answer, or said that it cannot.
    Ill,
    /// It turns us away for what we are: nothing else will come of the next call.
    Hopeless,
}

/// What may be sent now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passage {
    Free,
    /// One message, to see whether the provider is well again.
    Probe,
    /// Nothing before this instant.
    Shut(Instant),
    /// Nothing until the probe under way has ended.
    Probing,
}

/// One provider's breaker.
#[derive(Default)]
pub(super) struct Breaker {
    /// The last ends, oldest first; whether each was ill.
    ends: VecDeque<(Instant, bool)>,
    open_until: Option<Instant>,
    /// How often it opened since the provider was well.
    openings: u32,
    probing: bool,
}

impl Breaker {
    pub(super) fn passage(&self, now: Instant) -> Passage {
        match self.open_until {
            None => Passage::Free,
            Some(until) if until > now => Passage::Shut(until),
            Some(_) if self.probing => Passage::Probing,
            Some(_) => Passage::Probe,
        }
    }

    /// A probe leaves.
    pub(super) fn probe(&mut self) {
        self.probing = true;
    }

    /// Takes in how a call ended. Answers of calls from before it opened say nothing new.
    pub(super) fn note(&mut self, sign: Sign, probe: bool, now: Instant) {
        if probe {
            self.probing = false;
            match sign {
                Sign::Well => *self = Self::default(),
                Sign::Ill | Sign::Hopeless => self.open(now),
            }
            return;
        }
        if self.open_until.is_some() {
            return;
        }
        self.ends.push_back((now, sign != Sign::Well));
        while self.ends.len() > REMEMBERED
            || self.ends.front().is_some_and(|(at, _)| *at < now - MEMORY)
        {
            self.ends.pop_front();
        }
        let ill = self.ends.iter().filter(|(_, ill)| *ill).count();
        let failing = self.ends.len() >= TELLING && 2 * ill >= self.ends.len();
        if sign == Sign::Hopeless || failing {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        let wait = FIRST_WAIT * 2_i32.pow(self.openings.min(10));
        self.open_until = Some(now + wait.min(LONGEST_WAIT));
        self.openings += 1;
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn it_opens_when_half_of_what_is_remembered_failed() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.note(Sign::Well, false, at(0));
        }
        for _ in 0..4 {
            breaker.note(Sign::Ill, false, at(1));
            assert_eq!(breaker.passage(at(1)), Passage::Free);
        }
        breaker.note(Sign::Ill, false, at(1));
        assert_eq!(breaker.passage(at(1)), Passage::Shut(at(31)));
        breaker.note(Sign::Well, false, at(2));
        assert_eq!(
            breaker.passage(at(2)),
            Passage::Shut(at(31)),
            "an answer to a call from before changes nothing"
        );
    }

    #[test]
    fn a_few_failures_or_old_ones_do_not_open_it() {
        let mut breaker = Breaker::default();
        for second in 0..9 {
            breaker.note(Sign::Ill, false, at(second));
        }
        assert_eq!(breaker.passage(at(9)), Passage::Free);
        breaker.note(Sign::Ill, false, at(200));
        assert_eq!(breaker.passage(at(200)), Passage::Free);
    }

    #[test]
    fn one_answer_that_says_enough_opens_it_and_one_probe_closes_it() {
        let mut breaker = Breaker::default();
        breaker.note(Sign::Hopeless, false, at(0));
        assert_eq!(breaker.passage(at(29)), Passage::Shut(at(30)));
        assert_eq!(breaker.passage(at(30)), Passage::Probe);
        breaker.probe();
        assert_eq!(breaker.passage(at(30)), Passage::Probing);
        breaker.note(Sign::Hopeless, true, at(31));
        assert_eq!(
            breaker.passage(at(31)),
            Passage::Shut(at(91)),
            "twice as long"
        );
        breaker.probe();
        breaker.note(Sign::Well, true, at(92));
        assert_eq!(breaker.passage(at(92)), Passage::Free);
        breaker.note(Sign::Hopeless, false, at(93));
        assert_eq!(
            breaker.passage(at(93)),
            Passage::Shut(at(123)),
            "from the beginning"
        );
    }

    #[test]
    fn the_pauses_end_at_ten_minutes() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        breaker.note(Sign::Hopeless, false, now);
        for _ in 0..40 {
            now += TimeDelta::minutes(10);
            breaker.probe();
            breaker.note(Sign::Ill, true, now);
        }
        assert_eq!(breaker.passage(now), Passage::Shut(now + LONGEST_WAIT));
    }
}
