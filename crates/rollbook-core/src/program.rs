//! Runs a program of the admin: without a shell, without our environment, and for a limited time.
//!
//! It leads a process group of its own, so that what it started ends with it when its time is over. Its output is thrown away:
//! it may hold personal data.

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// All that it finds in its environment besides what it is told.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program, and what it is told.
#[derive(Debug)]
pub struct ProgramCall<'a> {
    /// Its absolute path.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// Its environment, besides `PATH`.
    pub environment: &'a [(&'static str, &'a str)],
    /// How long it may run; then it is killed with everything that it started.
    pub limit: Duration,
}

/// Kills a process group, unless its leader has ended by itself.
struct ProcessGroup(Option<Pid>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = killpg(leader, Signal::SIGKILL); // it may have ended in this moment
        }
    }
}

/// Runs a program to its end, with this on its standard input. Dropping the future kills it.
///
/// # Errors
/// A message, when it cannot be started, fails or takes too long.
pub async fn run(call: &ProgramCall<'_>, input: impl Stream<Item = Vec<u8>>) -> Result<(), String> {
    let name = call.program.display();
    let mut child = Command::new(call.program)
        .args(call.arguments)
        .env_clear()
        .env("PATH", PATH)
        .envs(call.environment.iter().copied())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            format!("{name} could not be started ({error}); ExecPaths= in the unit must list it and every program that it starts")
        })?;
    let leader = child.id().and_then(|pid| i32::try_from(pid).ok());
    let mut group = ProcessGroup(leader.map(Pid::from_raw));
    let mut standard_input = child.stdin.take();
    let feed = async {
        let mut input = std::pin::pin!(input);
        while let (Some(bytes), Some(to)) = (input.next().await, &mut standard_input) {
            if to.write_all(&bytes).await.is_err() {
                break; // a program need not read it
            }
        }
        drop(standard_input.take());
        std::future::pending::<Infallible>().await
    };
    let ended = async {
        tokio::select! {
            ended = child.wait() => ended,
            never = feed => match never {},
        }
    };
    let Ok(ended) = timeout(call.limit, ended).await else {
        let limit = call.limit.as_secs();
        return Err(format!("{name} took longer than {limit} s and was killed"));
    };
    group.0 = None;
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures_util::stream;

    use super::*;

    fn call<'a>(arguments: &'a [String], limit: Duration) -> ProgramCall<'a> {
        ProgramCall {
            program: Path::new("/bin/sh"),
            arguments,
            environment: &[("ROLLBOOK_TEXT", "told")],
            limit,
        }
    }

    fn script(text: &str) -> Vec<String> {
        vec!["-c".to_owned(), text.to_owned()]
    }

    #[tokio::test]
    async fn it_is_told_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("out");
        let arguments = script(&format!("{{ cat; env; pwd; }} > {}", file.display()));
        let input = stream::iter([b"one\n".to_vec(), b"two\n".to_vec()]);
        let limit = Duration::from_secs(60);
        run(&call(&arguments, limit), input).await.expect("it ran");
        let out = fs::read_to_string(file).expect("written");
        let mut lines: Vec<&str> = out
            .lines()
            // What a shell sets itself.
            .filter(|line| {
                !["PWD=", "SHLVL=", "_="]
                    .iter()
                    .any(|own| line.starts_with(own))
            })
            .collect();
        lines.sort_unstable();
        let path = format!("PATH={PATH}");
        assert_eq!(lines, ["/", &path, "ROLLBOOK_TEXT=told", "one", "two"]);
    }

    #[tokio::test]
    async fn one_that_reads_nothing_ends_all_the_same() {
        let endless = stream::repeat_with(|| vec![b'x'; 1 << 16]);
        let limit = Duration::from_secs(60);
        let ended = run(&call(&script("exit 3"), limit), endless).await;
        assert_eq!(ended, Err("/bin/sh ended with exit status: 3".to_owned()));
    }

    #[tokio::test]
    async fn its_children_end_with_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        // A child that would hold the pipe and outlive its parent.
        let arguments = script(&format!("sleep 600 & echo $! > {}; wait", file.display()));
        let limit = Duration::from_secs(1);
        let ended = run(&call(&arguments, limit), stream::empty()).await;
        let message = "/bin/sh took longer than 1 s and was killed";
        assert_eq!(ended, Err(message.to_owned()));
        let pid = fs::read_to_string(file).expect("written");
        let stat = format!("/proc/{}/stat", pid.trim());
        let is_gone = || match fs::read_to_string(&stat) {
            Ok(stat) => stat.contains(") Z "), // ended, and not yet waited for
            Err(_) => true,
        };
        while !is_gone() {
            tokio::task::yield_now().await;
        }
    }
}
