//! What a process that holds keys in memory does before it holds them.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps this process's memory from files and from other programs of the same user: no core is left
/// when it dies, and the system lets nobody but root trace it or read its memory (`prctl(2)`,
/// `PR_SET_DUMPABLE`; `proc_pid_mem(5)`). It holds for programs it starts, too, as far as cores go.
///
/// # Errors
/// The system refuses; then nothing of it may be taken for granted.
pub fn harden() -> std::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
