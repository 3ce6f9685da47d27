//! One ticking task per worker instead of a timer per connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use actix::WeakAddr;
use tokio::time::{Instant, interval};

use super::socket::{Beat, Socket};

/// How finely time is told here.
const TICK: Duration = Duration::from_secs(1);

/// Who is to be woken at which tick, on this worker.
#[derive(Default)]
struct Wheel {
    due: BTreeMap<u64, Vec<WeakAddr<Socket>>>,
    begun: Option<Instant>,
}

thread_local! {
    static WHEEL: RefCell<Wheel> = RefCell::default();
}

/// Wakes a session of this worker once `delay` is over, to within a tick.
pub fn wake(socket: WeakAddr<Socket>, delay: Duration) {
    WHEEL.with_borrow_mut(|wheel| {
        let begun = *wheel.begun.get_or_insert_with(|| {
            actix_rt::spawn(turn());
            Instant::now()
        });
        let tick = (begun.elapsed() + delay).as_secs() + 1;
        wheel.due.entry(tick).or_default().push(socket);
    });
}

async fn turn() {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
        for socket in WHEEL.with_borrow_mut(Wheel::take_due) {
            if let Some(socket) = socket.upgrade() {
                socket.do_send(Beat);
            }
        }
    }
}

impl Wheel {
    fn take_due(&mut self) -> Vec<WeakAddr<Socket>> {
        let now = self.begun.map_or(0, |begun| begun.elapsed().as_secs());
        let later = self.due.split_off(&(now + 1));
        std::mem::replace(&mut self.due, later)
            .into_values()
            .flatten()
            .collect()
    }
}
