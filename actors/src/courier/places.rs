//! How many messages may be taken, and of which class: a flood of campaigns leaves places for the rest.

use belfry_domain::gate::Class;

/// Those under way.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    all: usize,
    marketing: usize,
    /// Of these, those that take so long that they hang as far as the others are concerned.
    hanging: usize,
    marketing_hanging: usize,
}

impl Taken {
    pub(super) fn add(&mut self, class: Class, hangs: bool) {
        let marketing = usize::from(class == Class::Marketing);
        self.all += 1;
        self.marketing += marketing;
        self.hanging += usize::from(hangs);
        self.marketing_hanging += marketing * usize::from(hangs);
    }
}

/// What may be taken now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Room {
    pub(super) all: usize,
    /// Of these, at most so many of the class marketing.
    pub(super) marketing: usize,
}

/// What may be taken besides `taken` where there are `places`; `None` when a look is not worth its while: half of
/// the places that turn over must be free. Those that hang keep the others from theirs no longer than until the
/// next look, and marketing, which never has more than three quarters, keeps nobody from the last one. No look takes
/// more than half of the places, so that one half is taken while the ends of the other are written.
pub(super) fn room(places: usize, taken: Taken) -> Option<Room> {
    let places = places.max(1);
    let free = places.saturating_sub(taken.all);
    let others_hanging = taken.hanging - taken.marketing_hanging;
    let turning = places.saturating_sub(taken.marketing + others_hanging);
    if free < turning.div_ceil(2).max(1) {
        return None;
    }
    let share = (places * 3 / 4).max(1);
    let marketing = share.saturating_sub(taken.marketing);
    let turning = share.saturating_sub(taken.marketing_hanging);
    let worthwhile = marketing >= turning.div_ceil(2).max(1);
    let all = free.min(places.div_ceil(2));
    Some(Room {
        all,
        marketing: if worthwhile { marketing.min(all) } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(others: usize, marketing: usize, hanging: usize, marketing_hanging: usize) -> Taken {
        let mut taken = Taken::default();
        for place in 0..others {
            taken.add(Class::Transactional, place < hanging);
        }
        for place in 0..marketing {
            taken.add(Class::Marketing, place < marketing_hanging);
        }
        taken
    }

    fn found(taken: Taken) -> Option<(usize, usize)> {
        room(8, taken).map(|room| (room.all, room.marketing))
    }

    #[test]
    fn marketing_leaves_a_quarter_to_the_others_who_may_always_take_it() {
        assert_eq!(found(taken(0, 0, 0, 0)), Some((4, 4)));
        assert_eq!(found(taken(0, 2, 0, 0)), Some((4, 4)));
        assert_eq!(found(taken(0, 6, 0, 0)), Some((2, 0)));
        assert_eq!(found(taken(1, 6, 0, 0)), Some((1, 0)));
        assert_eq!(found(taken(2, 6, 0, 0)), None);
        assert_eq!(found(taken(0, 3, 0, 0)), Some((4, 3)));
        assert_eq!(
            found(taken(0, 4, 0, 0)),
            Some((4, 0)),
            "taken in bigger lots"
        );
        assert_eq!(
            room(1, taken(0, 0, 0, 0)).map(|room| room.marketing),
            Some(1)
        );
    }

    #[test]
    fn a_look_is_worthwhile_when_half_of_what_turns_over_is_free() {
        assert_eq!(found(taken(5, 0, 0, 0)), None);
        assert_eq!(found(taken(4, 0, 0, 0)), Some((4, 4)));
        assert_eq!(
            found(taken(7, 0, 6, 0)),
            Some((1, 1)),
            "hanging ones are not waited for"
        );
        assert_eq!(found(taken(8, 0, 8, 0)), None);
        assert_eq!(found(taken(0, 6, 0, 6)), Some((2, 0)));
        assert_eq!(found(taken(0, 5, 0, 5)), Some((3, 1)));
    }
}
