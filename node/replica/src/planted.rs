//! Bugs that the simulator plants, to see whether it finds them.
//!
//! In an ordinary build [`is`] is the constant `false` and nothing can be planted. It takes the feature `planted`, for
//! which only `linli-tests` asks, and the assertions of development, which no release has; a test of the house holds
//! both.

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Entries count although nobody gave their author the right to write.
    NoAuthority,
    /// What lies past a cut counts.
    NoCut,
    /// Past a fork everything counts.
    ForkStands,
    /// Of the epochs the one that was begun last, by its author's clock, is written under.
    EpochByTime,
    /// What is not durable is answered for.
    EarlyAnswer,
    /// A receipt names what is still on its way to disk.
    FalseReceipt,
    /// What is urgent waits behind what is not.
    AlertWaits,
    /// Who was expelled is let in.
    ExpelledServed,
    /// Fingerprints are joined by exclusive or.
    XorSums,
    /// An order to prune is carried out before its delay is over.
    PrunesEarly,
    /// More goes of a log than a checkpoint stands for.
    PrunesUncovered,
}

#[cfg(all(feature = "planted", debug_assertions))]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug in all that this thread does, or takes it out again.
#[cfg(all(feature = "planted", debug_assertions))]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Says whether a bug is planted.
#[cfg(all(feature = "planted", debug_assertions))]
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Says whether a bug is planted: never.
#[cfg(not(all(feature = "planted", debug_assertions)))]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}
