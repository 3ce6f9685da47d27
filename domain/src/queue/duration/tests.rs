//! What is learned of lengths, and what is left of one under way.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn expert(number: u128) -> UserId {
    UserId::from(Uuid::from_u128(number))
}

fn mean(length: &Length) -> f64 {
    let middles = (0..1000).map(|part| length.quantile((f64::from(part) + 0.5) / 1000.0));
    middles.sum::<f64>() / 1000.0
}

#[test]
fn nothing_learned_is_the_configured_length_widely_spread() {
    let length = Learned::new().length(expert(1), Some("cut"), 30);
    assert!((mean(&length) - 30.0).abs() < 1.0, "{}", mean(&length));
    assert!(length.quantile(0.05) < 13.0 && length.quantile(0.95) > 55.0);
    assert!(length.pace(1.0, 0.0) > 1.4, "the mean itself may be wrong");
}

#[test]
fn what_is_learned_of_one_length_serves_another() {
    let mut learned = Learned::new();
    for _ in 0..300 {
        learned.served(expert(1), Some("cut"), 30, 45.0);
    }
    let length = learned.length(expert(1), Some("cut"), 20);
    assert!((mean(&length) - 30.0).abs() < 2.0, "{}", mean(&length));
    assert!(length.pace(1.0, 1.0) < 1.1, "{}", length.pace(1.0, 1.0));
}

#[test]
fn an_expert_of_whom_little_is_known_is_taken_for_what_is_usual() {
    let mut learned = Learned::new();
    for _ in 0..300 {
        learned.served(expert(1), None, 20, 20.0);
    }
    let mean_after = |visits: usize| {
        let mut learned = learned.clone();
        for _ in 0..visits {
            learned.served(expert(2), None, 20, 40.0);
        }
        mean(&learned.length(expert(2), None, 20))
    };
    let [none, some, many] = [0, 5, 200].map(mean_after);
    assert!((none - 20.0).abs() < 1.5, "{none}");
    assert!((22.0..28.0).contains(&some), "a fifth of the way: {some}");
    assert!(many > 36.0, "{many}");
}

#[test]
fn what_was_long_ago_is_forgotten() {
    let mut learned = Learned::new();
    for minutes in [15.0, 60.0] {
        for _ in 0..1500 {
            learned.served(expert(1), None, 30, minutes);
        }
    }
    let now = mean(&learned.length(expert(1), None, 30));
    assert!(now > 55.0, "{now}");
    assert!(learned.visits(None) < 500.0);
}

#[test]
fn steady_work_is_soon_over_and_a_heavy_tail_goes_on() {
    let mut learned = Learned::new();
    let even = |part: u32| (f64::from(part) + 0.5) / 400.0;
    for part in 0..400 {
        learned.served(expert(1), Some("steady"), 30, 27.0 + 6.0 * even(part));
        // Pareto with shape 1.5 and the mean 30.
        let heavy = 10.0 * (1.0 - even(part)).powf(-1.0 / 1.5);
        learned.served(expert(1), Some("heavy"), 30, heavy);
    }
    let left = |skill, elapsed| {
        let length = learned.length(expert(1), Some(skill), 30);
        length.remaining(0.5, elapsed)
    };
    assert!((left("steady", 0.0) - 30.0).abs() < 2.0);
    assert!((left("steady", 25.0) - 5.0).abs() < 2.0);
    assert!(left("heavy", 60.0) > left("heavy", 10.0) + 10.0);
}

#[test]
fn a_visit_longer_than_any_takes_as_long_again() {
    let length = Learned::new().length(expert(1), None, 10);
    assert!((length.remaining(0.5, 5000.0) - 5000.0).abs() < 1e-9);
}

#[test]
fn people_leave_when_those_before_them_did() {
    let mut learned = Learned::new();
    for _ in 0..200 {
        learned.waited(30.0, true);
        learned.waited(15.0, false);
    }
    let early = learned.stays(0.5, 0.0);
    assert!(
        (20.0..40.0).contains(&early),
        "nobody leaves before: {early}"
    );
    assert!(learned.stays(0.5, 25.0) < 15.0);
    assert!(Learned::new().stays(0.5, 0.0) > 300.0);
}

#[test]
fn habits_are_learned() {
    let mut learned = Learned::new();
    for number in 0..600 {
        learned.called(number % 4 != 0);
        learned.handed_over(3.0);
    }
    assert!(
        (learned.missing() - 0.25).abs() < 0.02,
        "{}",
        learned.missing()
    );
    assert!((learned.handover_minutes() - 3.0).abs() < 0.1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_rise_and_turn_round(
        seen in proptest::collection::vec(0.01..900.0f64, 0..40), expected in 1..240u32, u in 0.001..0.999f64,
    ) {
        let mut learned = Learned::new();
        for minutes in seen {
            learned.served(expert(1), None, expected, minutes);
        }
        let length = learned.length(expert(1), None, expected);
        prop_assert!(length.quantile(u) <= length.quantile(u + 0.001));
        prop_assert!((length.below(length.quantile(u)) - u).abs() < 1e-6);
    }

    #[test]
    fn what_is_left_is_what_is_left_of_those_that_lasted(
        seen in proptest::collection::vec(0.01..900.0f64, 0..40), elapsed in 0.0..300.0f64, u in 0.001..0.999f64,
    ) {
        let mut learned = Learned::new();
        for minutes in seen {
            learned.served(expert(1), None, 30, minutes);
        }
        let length = learned.length(expert(1), None, 30);
        let left = length.remaining(u, elapsed);
        let (gone, share) = (length.below(elapsed), length.below(elapsed + left));
        prop_assert!(left >= 0.0 && ((share - gone) / (1.0 - gone) - u).abs() < 1e-3);
    }
}
