//! What can go wrong in a run, by name, and how often it did.

use std::collections::BTreeMap;

/// Declares names once: the enum, all of them, and their text.
macro_rules! named {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident $text:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }
        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// Its name on the command line and in reports.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
        }
    };
}

named! {
    /// A fault that the world injects, or that follows from those that it injects.
    Fault {
        /// A request never reaches the broker.
        LostRequest "lost-request",
        /// A message is stored, and its answer never comes.
        LostAnswer "lost-answer",
        /// An answer comes after its sender had given the attempt up, or read on the tape what became of it.
        LateAnswer "late-answer",
        /// A request reaches the broker twice.
        DuplicatedRequest "duplicated-request",
        /// A request overtakes an older one.
        ReorderedRequest "reordered-request",
        /// A sender gives an attempt up that is stored, then or later.
        TimeoutThoughStored "timeout-though-stored",
        /// The broker refuses an append since another on the subject is in flight (10164).
        InFlightRefused "in-flight-refused",
        /// The leader of a stream is lost with what was proposed; for a while nobody answers.
        LeaderLost "leader-lost",
        /// A process stands still, and wakes.
        Paused "paused",
        /// A second process of a writer claims its subject.
        RivalOwner "rival-owner",
        /// A new owner, or one that was refused, is told an older "last sequence" than there is.
        StaleRead "stale-read",
        /// A stream is full for a while.
        FullStream "full-stream",
        /// The beginning of a stream is gone for a while, until it is restored.
        TrimmedStream "trimmed-stream",
        /// A publisher's clock jumps.
        ClockStep "clock-step",
        /// Bytes of nobody's on a subject of the tape.
        ForeignOnTape "foreign-on-tape",
        /// Bytes of nobody's in the inbox.
        ForeignInMarket "foreign-in-market",
        /// Bytes of nobody's among the commands.
        ForeignCommand "foreign-command",
        /// The simulated exchange answers after the order's time is over.
        PaperLate "paper-late",
        /// The simulated exchange answers twice.
        PaperTwice "paper-twice",
        /// The simulated exchange never answers.
        PaperNever "paper-never",
        /// A transaction is committed, and its projector does not hear of it.
        CommitUnheard "commit-unheard",
        /// A second projector writes into the same database.
        RivalProjector "rival-projector",
        /// A process dies.
        Crash "crash",
    }
}

named! {
    /// Where a process can die.
    CrashPoint {
        /// A group's process has started and asked nothing yet.
        Started "started",
        /// It knows its last record and has not claimed its subject.
        LookedUp "looked-up",
        /// It was handed a message, and its driver was not asked what to do.
        Handed "handed",
        /// The driver said what to do, and it was not done.
        Said "said",
        /// An append was sent.
        Sent "sent",
        /// An answer came and was not handed on.
        Answered "answered",
        /// An append is known to be on the tape.
        Committed "committed",
        /// It drains.
        Draining "draining",
        /// A projector has read its progress.
        ProjectorOpened "projector-opened",
        /// A projector's transaction is written and not committed.
        ProjectorWrote "projector-wrote",
        /// A projector's transaction is committed, and it was not told.
        ProjectorCommitted "projector-committed",
        /// A publisher has found its place.
        PublisherLooked "publisher-looked",
        /// A publisher has sent.
        PublisherSent "publisher-sent",
        /// A publisher was answered, and has not taken it in.
        PublisherAnswered "publisher-answered",
    }
}

/// How often what happened, in one run or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened {
    counts: BTreeMap<&'static str, u64>,
}

impl Happened {
    /// Once more.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
    /// So often more.
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }
    /// Adds another's.
    pub fn merge(&mut self, other: &Happened) {
        other.counts.iter().for_each(|(what, times)| self.add(what, *times));
    }
    /// How often.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
    /// All of it.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(what, times)| (*what, *times))
    }
}
