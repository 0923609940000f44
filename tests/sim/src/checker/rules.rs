//! The name of every rule, and how often each was evaluated. What a rule demands is said in the file that holds it.

use std::collections::BTreeMap;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule: a [`Rule::name`], or the name of one of the kernel's invariants.
    pub rule: &'static str,
    /// What was expected and what was found.
    pub detail: String,
}

/// Declares every rule once: its id, its name in reports, and what it says.
macro_rules! rules {
    ($($rule:ident $name:literal $about:literal,)*) => {
        /// Which rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $about] $rule,)* }

        impl Rule {
            /// Every rule, in the order of this page.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule,)*];
            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)* }
            }
            /// What it says, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Rule::$rule => $about,)* }
            }
        }
    };
}

rules! {
    // streams.rs
    StreamsCount "streams_count"
        "A stream's sequences count 1, 2, 3…: nothing stored is lost or comes twice.",
    AuthorsKeepToTheirStreams "authors_keep_to_their_streams"
        "Who may not publish on a subject does not.",
    TapeBeginsAsCreated "tape_begins_as_created"
        "The tape's first message is the keeper's TapeCreated, as it was told.",
    // reading.rs
    OwnRecordsAreSound "own_records_are_sound"
        "What a node or the keeper appends is a valid record, canonically encoded.",
    ForeignIsVoid "foreign_is_void"
        "No foreign message is a valid record (the world's promise; a chained one is a break-in).",
    // ownership.rs
    AppendsAreFenced "appends_are_fenced"
        "A node's append names the subject's last sequence, and carries no message id.",
    EpochStandsFirst "epoch_stands_first"
        "Epoch is the first event of a node's first record, and of no other of that epoch.",
    EpochsCountUp "epochs_count_up"
        "An epoch's number is one more than the last, and all its records carry it.",
    NonceNamesNode "nonce_names_node"
        "A node begins all its epochs under one nonce, which no other node has.",
    OnlyTheOwnerAppends "only_the_owner_appends"
        "Nobody appends to a writer's subject after a later node began, or after it stopped.",
    // answers.rs
    EveryDecisionIsMade "every_decision_is_made"
        "No input that deserves a decision is passed over by a later cause.",
    EveryCauseIsAnInput "every_cause_is_an_input"
        "What is answered is an input of the writer that was not answered before.",
    DecisionsAsFolded "decisions_as_folded"
        "A decision is, byte for byte, what a fresh machine decides.",
    CauseInOneRecord "cause_in_one_record"
        "All decisions on one input are in one record.",
    TimeOfCause "time_of_cause"
        "An answer carries the machine's time at its cause.",
    ProgressIsSilence "progress_is_silence"
        "Progress answers only an input that decides nothing.",
    EpochRepeatsProgress "epoch_repeats_progress"
        "An Epoch's cause is that of the writer's last answer.",
    SilenceIsBounded "silence_is_bounded"
        "Between two answers lie fewer silent inputs and ticks than the driver's bounds.",
    AllIsAnswered "all_is_answered"
        "At rest no decision is missing, and no silence is longer than its bounds.",
    // claims.rs
    CommittedIsStored "committed_is_stored"
        "What a driver calls committed is on the tape, of its node, with its bytes, once.",
    FencedByAnother "fenced_by_another"
        "Whoever is fenced is so by what is not its own on its writer's subject, behind its last record.",
    DrainedLeavesNothing "drained_leaves_nothing"
        "An owner that drained left no input unanswered that it was handed.",
    // invalid_records.rs
    InvalidRecordsAreInvalid "invalid_records_are_invalid"
        "What a driver calls invalid is no valid chained record.",
    InvalidRecordsAreReported "invalid_records_are_reported"
        "A node that answers from behind an invalid message, or appends on it, has reported it.",
    // publications.rs
    IntentsCount "intents_count"
        "A publisher's intents count from 1 (a demand on the world).",
    CommandsCountOnce "commands_count_once"
        "Of the commands that bear the same id one is accepted.",
    InboxAsIntended "inbox_as_intended"
        "What publishers intended is in the inbox in order, once, and nothing else of theirs.",
    HeadersNameTheLastItem "headers_name_the_last_item"
        "A message's session headers name its session and its last item, and say alone only of a session that is.",
    AcknowledgedIsStored "acknowledged_is_stored"
        "What a publisher holds to be stored is stored.",
    AllIntendedIsStored "all_intended_is_stored"
        "At rest all that was intended is stored.",
    // fates.rs
    FactsTellTheEvent "facts_tell_the_event"
        "The fact that accepts an event says what the event says; a refusal names it.",
    FactOrRefusal "fact_or_refusal"
        "An inbox entry gets one fact or one refusal, and an intended event one fact at most.",
    EveryEventHasAFate "every_event_has_a_fate"
        "At rest every entry of a publisher has its fact or refusal, but for heartbeats.",
    // orders.rs
    ApprovedHasAFate "approved_has_a_fate"
        "At rest every approved order was submitted, or finished by a later gate.",
    FillsAreBooked "fills_are_booked"
        "At rest every fill and every funding is booked.",
    // database.rs
    DatabaseGoesOn "database_goes_on"
        "The database's progress never goes back, and never beyond the tape.",
    DatabaseIsTheFold "database_is_the_fold"
        "The database's rows are the fold of the tape up to its progress.",
    DatabaseIsComplete "database_is_complete"
        "At rest the whole tape is in the database, and every row was compared.",
}

/// How often each rule was evaluated.
#[derive(Debug)]
pub(super) struct Checks {
    counts: Vec<u64>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { counts: vec![0; Rule::ALL.len()] }
    }
}

impl Checks {
    /// Counts a check; an error that says why if it failed.
    pub(super) fn check(&mut self, rule: Rule, holds: bool, detail: impl FnOnce() -> String) -> Result<(), Violation> {
        self.counts[rule as usize] += 1;
        if holds { Ok(()) } else { Err(Violation { rule: rule.name(), detail: detail() }) }
    }

    /// By name.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        Rule::ALL.iter().map(|rule| (rule.name(), self.counts[*rule as usize])).collect()
    }
}
