#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| belfry::fuzz::busy_time(bytes));
