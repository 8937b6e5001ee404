//! The program `rollbook`: reads its command line and hands over to `rollbook::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollbook::cli::main()
}
