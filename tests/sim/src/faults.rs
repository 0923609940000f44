//! The faults of a run by name, and how often each occurred.

use std::collections::BTreeMap;

/// Declares an enum with the text of each variant.
macro_rules! named {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident $text:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }
        impl $name {
            /// Every variant.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// The name on the command line and in reports.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
        }
    };
}

named! {
    /// A fault that the world injects, or that follows from an injected one.
    ///
    /// The name of a fault is part of the seed of what it draws: a new name changes the runs.
    Fault {
        /// A request never reaches the broker.
        LostRequest "lost-request",
        /// A message is stored, and its answer is lost.
        LostAnswer "lost-answer",
        /// An answer arrives after its sender has given the attempt up or read the result on the tape.
        LateAnswer "late-answer",
        /// A request reaches the broker twice.
        DuplicatedRequest "duplicated-request",
        /// A request overtakes an older one.
        ReorderedRequest "reordered-request",
        /// A sender gives an attempt up that is stored before or after.
        TimeoutThoughStored "timeout-though-stored",
        /// The broker rejects an append because another on the subject is in flight (10164).
        InFlightRefused "in-flight-refused",
        /// The leader of a stream is lost with its proposals; for a while the stream has none.
        LeaderLost "leader-lost",
        /// A process is paused and resumed.
        Paused "paused",
        /// A second process of a writer claims its subject.
        RivalOwner "rival-owner",
        /// A new owner, or one whose append was rejected, reads an outdated last sequence.
        StaleRead "stale-read",
        /// A stream is full for a while.
        FullStream "full-stream",
        /// The beginning of a stream is purged, and restored later.
        TrimmedStream "trimmed-stream",
        /// A publisher's clock jumps.
        ClockStep "clock-step",
        /// Foreign bytes on a subject of the tape.
        ForeignOnTape "foreign-on-tape",
        /// Foreign bytes in the inbox.
        ForeignInMarket "foreign-in-market",
        /// Foreign bytes among the commands.
        ForeignCommand "foreign-command",
        /// The simulated exchange answers after the order has timed out.
        PaperLate "paper-late",
        /// The simulated exchange answers twice.
        PaperTwice "paper-twice",
        /// The simulated exchange never answers.
        PaperNever "paper-never",
        /// A transaction is committed, and its acknowledgement is lost.
        CommitUnheard "commit-unheard",
        /// A second projector writes to the same database.
        RivalProjector "rival-projector",
        /// A process crashes.
        Crash "crash",
        /// The server crashes before it has synced the last messages of streams, which it had acknowledged.
        LostTail "lost-tail",
        /// A stream is deleted and created again.
        ReplacedStream "replaced-stream",
        /// The database is restored from an earlier copy, in a run in which a stream loses messages.
        OldDatabase "old-database",
        /// The witness of the tape does not answer, in a run in which a stream loses messages.
        WitnessAway "witness-away",
    }
}

named! {
    /// The points at which a process can crash.
    CrashPoint {
        /// A group's process has started.
        Started "started",
        /// It has read the last sequence of its subject and has not claimed it.
        LastRead "last-read",
        /// Its driver was given a message and not polled.
        InputGiven "input-given",
        /// The driver was polled, and its output not performed.
        OutputDue "output-due",
        /// An append was sent.
        Sent "sent",
        /// An answer arrived, and the driver was not given it.
        Answered "answered",
        /// The driver has committed an append.
        Committed "committed",
        /// It was asked to drain.
        Draining "draining",
        /// A projector has read the progress.
        ProjectorOpened "projector-opened",
        /// A projector's transaction is written and not committed.
        ProjectorWrote "projector-wrote",
        /// A projector's transaction is committed, and the projector has not got the acknowledgement.
        ProjectorCommitted "projector-committed",
        /// A publisher has read how much of its session is stored.
        PublisherRead "publisher-read",
        /// A publisher has sent a message.
        PublisherSent "publisher-sent",
        /// An answer arrived at a publisher, which has not processed it.
        PublisherAnswered "publisher-answered",
    }
}

/// How often each thing happened, in one run or in many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened {
    counts: BTreeMap<&'static str, u64>,
}

impl Happened {
    /// Counts one occurrence.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
    /// Counts several occurrences.
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.counts.entry(what).or_default() += times;
    }
    /// Adds the counts of other runs.
    pub fn merge(&mut self, other: &Happened) {
        other.counts.iter().for_each(|(what, times)| self.add(what, *times));
    }
    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
    /// All counts, by name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(what, times)| (*what, *times))
    }
}
