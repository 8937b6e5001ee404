//! `rollbook completions`: generates shell completions.

use clap::Command;
use clap_complete::Shell;

use super::out;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

/// Prints the script; packages install it where the shell looks.
pub fn run(options: &CompletionsOptions, command: &mut Command) {
    out::exact(&script(options.shell, command));
}

fn script(shell: Shell, command: &mut Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "rollbook", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Args;

    #[test]
    fn every_shell_gets_our_commands() {
        for shell in <Shell as clap::ValueEnum>::value_variants() {
            let script = script(*shell, &mut Args::command());
            for word in ["crosswalk", "dry-run", "rekey"] {
                assert!(script.contains(word), "{shell} does not know {word}");
            }
        }
    }
}
