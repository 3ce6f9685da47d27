#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| belfry_actors::fuzz::bus_messages(bytes));
