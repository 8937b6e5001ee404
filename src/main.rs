//! The program `rollbook`: reads its command line and hands over to `rollbook::cli`.

use std::process::ExitCode;

/// A page of rows is many small values that come and go together; see docs/dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rollbook::cli::main()
}
