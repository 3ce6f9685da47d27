//! The program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Requests and messages are many small blocks; this allocator is quicker with them than the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    belfry::cli::run()
}
