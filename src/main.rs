//! The program.

use std::process::ExitCode;

fn main() -> ExitCode {
    belfry::memory::give_back_large_blocks();
    belfry::cli::run()
}
