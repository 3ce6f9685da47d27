//! The command line, as people and containers start it.

use std::process::Command;

#[test]
fn a_switch_in_the_environment_is_read_as_people_write_it() {
    for text in ["1", "true", "yes", "on", "0", "false", "no", ""] {
        // Stops at the settings, which are read after the switches.
        let done = Command::new(env!("CARGO_BIN_EXE_belfry"))
            .args(["serve", "--config", "/nowhere/belfry.toml"])
            .env("BELFRY_DEMO", text)
            .output()
            .unwrap();
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("reading the settings"), "{text:?}: {said}");
    }
}
