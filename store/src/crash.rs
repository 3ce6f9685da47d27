//! Named points at which a test lets the process die, as it would from `kill -9` or a cut of power.
//!
//! They are there with the feature `crash-points` alone, which only the tests switch on; without it a point
//! is nothing at all. With it, `BELFRY_CRASH_AT=planner.planned:3` ends the process the third time that it
//! comes by `planner.planned`.

/// A point at which the process may be told to die.
#[inline(always)]
pub fn point(name: &str) {
    #[cfg(feature = "crash-points")]
    armed::pass(name);
    #[cfg(not(feature = "crash-points"))]
    let _ = name;
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::fs::File;
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Where to die, and how often the process comes by until then.
    static AT: LazyLock<Option<(String, AtomicI64)>> = LazyLock::new(|| {
        let named = std::env::var("BELFRY_CRASH_AT").ok()?;
        let (name, times) = named.split_once(':').unwrap_or((&named, "1"));
        Some((name.to_owned(), AtomicI64::new(times.parse().ok()?)))
    });

    static TRACE: LazyLock<Option<File>> = LazyLock::new(|| {
        let file = std::env::var_os("BELFRY_CRASH_TRACE")?;
        File::options().create(true).append(true).open(file).ok()
    });

    pub fn pass(name: &str) {
        if let Some(mut trace) = TRACE.as_ref() {
            // One write is one line, however many threads and processes write at once.
            let _ = trace.write_all(format!("{name}\n").as_bytes());
        }
        if let Some((at, left)) = &*AT
            && at == name
            && left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            // Nothing is dropped, flushed or said.
            std::process::abort();
        }
    }
}
