//! Whatever two people try with a booking, in any order and at any time: it only goes where the table leads, what
//! has ended stays ended, and what is offered as an action is what the command then allows.

use belfry_domain::Instant;
use belfry_domain::account::{Caller, Role};
use belfry_domain::booking::{
    Booking, BookingError, Edit, Mode, Party, Review, Side, Status, Step,
};
use belfry_domain::id::{BookingId, UserId};
use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

/// Every arrow of the picture in `docs/ARCHITECTURE.md`; `move` stands for a client's move, which asks again.
const ARROWS: &str = "
    pending confirm confirmed
    pending reject rejected
    pending cancel cancelled
    pending miss missed
    confirmed complete completed
    confirmed miss missed
    confirmed cancel cancelled
    in_progress complete completed
    in_progress cancel cancelled
    confirmed move pending
";

const STEPS: [Step; 5] = [
    Step::Confirm,
    Step::Reject,
    Step::Cancel,
    Step::Complete,
    Step::Miss,
];

/// The two sides, and somebody who has nothing to do with it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Who {
    Client,
    Expert,
    Stranger,
}

/// What somebody tries.
#[derive(Clone, Debug)]
enum Deed {
    Step { step: Step, reason: bool },
    Move { ahead_minutes: i64 },
    Edit { place: bool },
    Keep,
    Review,
}

/// A try, so long after the one before.
#[derive(Clone, Debug)]
struct Try {
    who: Who,
    deed: Deed,
    later_minutes: i64,
}

/// The terms a booking is made on.
#[derive(Clone, Debug)]
struct Terms {
    status: Status,
    lead_minutes: i64,
    notice_minutes: i64,
    auto_confirm: bool,
    promised: bool,
}

/// What a booking went through, as its history tells it.
struct Life {
    booking: Booking,
    now: Instant,
    notice: TimeDelta,
    auto_confirm: bool,
    /// Verb and status, from the beginning.
    history: Vec<(&'static str, Status)>,
}

fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..STEPS.len(), proptest::bool::weighted(0.7))
            .prop_map(|(step, reason)| Deed::Step { step: STEPS[step], reason }),
        3 => (1..3000i64).prop_map(|ahead_minutes| Deed::Move { ahead_minutes }),
        1 => any::<bool>().prop_map(|place| Deed::Edit { place }),
        1 => Just(Deed::Keep),
        1 => Just(Deed::Review),
    ]
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let who = prop_oneof![4 => Just(Who::Client), 4 => Just(Who::Expert), 1 => Just(Who::Stranger)];
    let later = prop_oneof![2 => Just(0i64), 2 => 0..120i64, 1 => 0..3000i64];
    let one = (who, deeds(), later).prop_map(|(who, deed, later_minutes)| Try {
        who,
        deed,
        later_minutes,
    });
    proptest::collection::vec(one, 1..24)
}

fn terms() -> impl Strategy<Value = Terms> {
    let status = prop_oneof![
        4 => Just(Status::Pending),
        3 => Just(Status::Confirmed),
        1 => Just(Status::InProgress),
    ];
    let notice = prop_oneof![1 => Just(0i64), 2 => 0..1500i64];
    (status, 0..3000i64, notice, any::<bool>(), any::<bool>()).prop_map(
        |(status, lead_minutes, notice_minutes, auto_confirm, promised)| Terms {
            status,
            lead_minutes,
            notice_minutes,
            auto_confirm,
            promised,
        },
    )
}

impl Life {
    fn begin(terms: &Terms) -> Self {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let party = |name: &str| Party {
            id: UserId::at(now),
            name: name.to_owned(),
        };
        let starts_at = now + TimeDelta::minutes(terms.lead_minutes);
        let mut booking = Booking {
            id: BookingId::at(now),
            code: "000001".to_owned(),
            status: terms.status,
            expert: party("Expert"),
            expert_branch: None,
            client: party("Client"),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(30),
            time_zone: chrono_tz::UTC,
            promised_start: None,
            mode: Mode::Online,
            place: None,
            link: None,
            note: None,
            reason: None,
            sequence: 0,
            version: 1,
            created_at: now,
            updated_at: now,
            confirmed_at: None,
            review: None,
            series: None,
            session: None,
        };
        if terms.promised {
            booking.promised_start = Some(booking.wall_start() - TimeDelta::hours(1));
        }
        Self {
            booking,
            now,
            notice: TimeDelta::minutes(terms.notice_minutes),
            auto_confirm: terms.auto_confirm,
            history: vec![("book", terms.status)],
        }
    }

    fn caller(&self, who: Who) -> Caller {
        let (id, role) = match who {
            Who::Client => (self.booking.client.id, Role::User),
            Who::Expert => (self.booking.expert.id, Role::Expert),
            Who::Stranger => (UserId::at(self.now), Role::User),
        };
        Caller {
            id,
            role,
            branch_id: None,
        }
    }

    /// Does as the commands do: decides, and keeps what is decided.
    fn attempt(&mut self, who: Who, deed: &Deed) -> Result<&'static str, BookingError> {
        let caller = self.caller(who);
        let (now, notice) = (self.now, self.notice);
        if let Deed::Review = deed {
            self.booking.reviewable_by(&caller)?;
            self.booking.review = Some(Review {
                stars: 5,
                text: None,
                created_at: now,
            });
            return Ok("review");
        }
        let side = self
            .booking
            .side_of(&caller)
            .ok_or(BookingError::NotFound)?;
        match deed {
            Deed::Step { step, reason } => {
                let reason = reason.then_some("any");
                self.booking.status = self.booking.step(*step, side, reason, notice, now)?;
                self.history.push((step.as_str(), self.booking.status));
                Ok(step.as_str())
            }
            Deed::Move { ahead_minutes } => {
                let before = self.booking.status;
                let moved = self
                    .booking
                    .reschedule(side, self.auto_confirm, notice, now)?;
                self.booking.status = moved;
                self.booking.starts_at = now + TimeDelta::minutes(*ahead_minutes);
                self.booking.ends_at = self.booking.starts_at + TimeDelta::minutes(30);
                self.booking.promised_start = None;
                if moved != before {
                    // A client's move under an expert who confirms by rule confirms what was pending.
                    let verb = if moved == Status::Confirmed {
                        "confirm"
                    } else {
                        "move"
                    };
                    self.history.push((verb, moved));
                }
                Ok("reschedule")
            }
            Deed::Edit { place } => {
                let edit = Edit {
                    place: place.then(|| Some("here".to_owned())),
                    ..Edit::default()
                };
                self.booking.edit(&edit, side, now)?;
                Ok("edit")
            }
            Deed::Keep => {
                self.booking.keep(now)?;
                self.booking.promised_start = None;
                Ok("keep")
            }
            Deed::Review => unreachable!("answered above"),
        }
    }
}

fn arrow(from: Status, verb: &str, to: Status) -> bool {
    let wanted = [from.as_str(), verb, to.as_str()];
    ARROWS
        .lines()
        .any(|line| line.split_whitespace().eq(wanted))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_booking_goes_only_where_the_picture_leads(terms in terms(), tries in tries()) {
        let mut life = Life::begin(&terms);
        for Try { who, deed, later_minutes } in &tries {
            life.now += TimeDelta::minutes(*later_minutes);
            let before = life.booking.clone();
            let done = life.attempt(*who, deed).is_ok();
            prop_assert!(done || before == life.booking, "a refusal changes nothing");
            if !before.status.is_open() {
                let reviewed = Booking { review: life.booking.review.clone(), ..before.clone() };
                prop_assert_eq!(&reviewed, &life.booking, "what has ended came back by {:?}", deed);
            }
            if before.review.is_some() {
                prop_assert_eq!(&before.review, &life.booking.review, "a review is given once");
            }
        }
        for line in life.history.windows(2) {
            let ((_, from), (verb, to)) = (line[0], line[1]);
            prop_assert!(arrow(from, verb, to), "{:?} {} {:?}", from, verb, to);
        }
        prop_assert_eq!(life.history.last().unwrap().1, life.booking.status);
        let ends = life.history.iter().filter(|(_, status)| !status.is_open()).count();
        prop_assert!(ends <= 1, "it ends once: {:?}", life.history);
        let asked_again = life.history.iter().filter(|(verb, _)| *verb == "move").count();
        let confirmed = life.history.iter().filter(|(verb, _)| *verb == "confirm").count();
        prop_assert!(confirmed <= asked_again + 1, "it is confirmed once for each time that it is asked");
    }

    #[test]
    fn nobody_does_what_their_side_or_the_hour_forbids(terms in terms(), tries in tries()) {
        let mut life = Life::begin(&terms);
        for Try { who, deed, later_minutes } in &tries {
            life.now += TimeDelta::minutes(*later_minutes);
            let before = life.booking.clone();
            let Ok(verb) = life.attempt(*who, deed) else { continue };
            let ahead = before.starts_at - life.now;
            let begun = ahead <= TimeDelta::zero();
            prop_assert!(*who != Who::Stranger, "a stranger may {}", verb);
            match (*who, verb) {
                (Who::Client, "cancel" | "reschedule") => {
                    prop_assert!(ahead >= life.notice, "{} {} before", verb, ahead);
                }
                (Who::Client, "edit") => {
                    let small = matches!(deed, Deed::Edit { place: false });
                    prop_assert!(small, "a client sets the place");
                }
                (Who::Client, verb) => prop_assert!(matches!(verb, "keep" | "review"), "{}", verb),
                (_, "reject" | "cancel") => {
                    let told = matches!(deed, Deed::Step { reason: true, .. });
                    prop_assert!(told, "{} without a reason", verb);
                }
                (_, "complete" | "miss") => prop_assert!(begun, "an outcome {} before", ahead),
                (_, "reschedule") => prop_assert!(ahead >= TimeDelta::zero(), "moved {} late", -ahead),
                _ => {}
            }
            prop_assert!(!(begun && matches!(verb, "edit" | "keep")), "{} of what has begun", verb);
        }
    }

    #[test]
    fn what_is_offered_is_what_is_allowed(terms in terms(), tries in tries()) {
        let mut life = Life::begin(&terms);
        for Try { who, deed, later_minutes } in &tries {
            life.now += TimeDelta::minutes(*later_minutes);
            for who in [Who::Client, Who::Expert, Who::Stranger] {
                let offered = life.booking.actions(&life.caller(who), life.notice, life.now);
                let steps = STEPS.map(|step| Deed::Step { step, reason: true });
                let others = [Deed::Move { ahead_minutes: 60 }, Deed::Edit { place: false }, Deed::Keep, Deed::Review];
                let allowed = steps.iter().chain(&others).filter_map(|deed| {
                    let mut trial = Life { booking: life.booking.clone(), history: Vec::new(), ..life };
                    trial.attempt(who, deed).ok()
                });
                prop_assert_eq!(offered, allowed.collect::<Vec<_>>(), "{:?}", who);
            }
            let side = life.booking.side_of(&life.caller(*who));
            prop_assert_eq!(side == Some(Side::Staff), *who == Who::Expert);
            // Goes on from wherever this leads.
            let _ = life.attempt(*who, deed);
        }
    }
}
