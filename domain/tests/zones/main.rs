//! Wall clocks, slots and cron times against what another language worked out with a zone database of its own,
//! for every zone and every clock change from 2015 to 2040. `generate.py` wrote `zones.txt` and says what it means.

mod clocks;
mod cron;
mod oracle;
mod slots;
