//! Numbers of a process or a thread from its status file in /proc.

/// A number of /proc/PID/status; nothing when the process has ended.
pub fn number(process: u32, name: &str) -> Option<u64> {
    number_in(&format!("/proc/{process}/status"), name)
}

/// A number of a status file of /proc.
pub fn number_in(file: &str, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(file).ok()?;
    let rest = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}
