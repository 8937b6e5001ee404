//! A control group with a limit of memory, where this user may make one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the kernel shows the groups of memory: version 1, and version 2.
const PLACES: [(&str, &str); 2] = [
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ("/sys/fs/cgroup", "memory.max"),
];

/// A group, which is removed with the value.
pub struct Group(PathBuf);

impl Group {
    /// A group with a limit such as `256M`.
    pub fn new(limit: &str) -> Option<Self> {
        PLACES.iter().find_map(|(place, file)| {
            let group = Path::new(place).join(format!("rollbook-bench-{}", std::process::id()));
            std::fs::create_dir(&group).ok()?;
            let group = Self(group);
            std::fs::write(group.0.join(file), limit).ok()?;
            Some(group)
        })
    }

    /// The same command as a process of the group.
    pub fn run(&self, command: &Command) -> Command {
        let enter = "echo $$ >\"$1\" && shift && exec \"$@\"";
        let mut inside = Command::new("/bin/sh");
        inside
            .args(["-c", enter, "sh"])
            .arg(self.0.join("cgroup.procs"))
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        inside
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0); // an empty group costs nothing
    }
}
