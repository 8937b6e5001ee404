//! `rollbook completions`: generates shell completions.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Args;
use super::out;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The shell
    shell: Shell,
}

/// Prints the script; packages install it where the shell looks.
pub fn run(options: &Options) {
    out::exact(&script(options.shell));
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "rollbook", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_our_commands() {
        for shell in <Shell as clap::ValueEnum>::value_variants() {
            let script = script(*shell);
            for word in ["crosswalk", "dry-run", "rekey"] {
                assert!(script.contains(word), "{shell} does not know {word}");
            }
        }
    }
}
