//! The rules of the checker, and how often each was evaluated. Each is checked in the file named above it.

use std::collections::BTreeMap;

/// A violated rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A [`Rule::name`], or the name of one of the kernel's invariants.
    pub rule: &'static str,
    /// What was expected and what was found.
    pub detail: String,
}

/// Declares each rule with its name in reports and its meaning.
macro_rules! rules {
    ($($rule:ident $name:literal $about:literal,)*) => {
        /// A rule of the checker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $about] $rule,)* }

        impl Rule {
            /// Every rule, in the order of declaration.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule,)*];
            /// The name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)* }
            }
            /// The meaning, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Rule::$rule => $about,)* }
            }
        }
    };
}

rules! {
    // streams.rs
    SequencesAreContiguous "sequences_are_contiguous"
        "The sequences of a stream are 1, 2, 3 and so on.",
    AuthorsKeepToTheirStreams "authors_keep_to_their_streams"
        "Each author publishes only on the subjects that it may publish on.",
    TapeBeginsAsCreated "tape_begins_as_created"
        "The first message of the tape is the keeper's TapeCreated, as configured.",
    // reading.rs
    OwnRecordsAreValid "own_records_are_valid"
        "Each message that a node or the keeper appends is a valid record, canonically encoded.",
    ForeignIsInvalid "foreign_is_invalid"
        "No foreign message is a valid record (a property of the simulator).",
    // ownership.rs
    AppendsAreFenced "appends_are_fenced"
        "A node's append expects the last sequence of the subject and has no message id.",
    EpochStandsFirst "epoch_stands_first"
        "Epoch is the first event of the first record of an epoch, and stands nowhere else.",
    EpochsCountUp "epochs_count_up"
        "The number of an epoch is one more than that of the last, and all its records carry it.",
    NonceNamesNode "nonce_names_node"
        "A node begins all its epochs with one nonce, which no other node uses.",
    OnlyTheOwnerAppends "only_the_owner_appends"
        "A node does not append to a writer's subject after a later epoch has begun, or after it stopped.",
    // answers.rs
    EveryDecisionIsMade "every_decision_is_made"
        "Each input that the machine decides on is answered before any later one.",
    EveryCauseIsAnInput "every_cause_is_an_input"
        "Each cause is an input of the writer that was not answered before.",
    DecisionsAsFolded "decisions_as_folded"
        "A decision equals, byte for byte, that of a new machine.",
    CauseInOneRecord "cause_in_one_record"
        "All decisions on an input are in one record.",
    TimeOfCause "time_of_cause"
        "An answer carries the time of the machine at its cause.",
    ProgressAnswersNoDecision "progress_answers_no_decision"
        "Progress answers only an input on which the machine decided nothing.",
    EpochRepeatsProgress "epoch_repeats_progress"
        "The cause of an Epoch is that of the writer's last answer.",
    RecordsCarryTheInbox "records_carry_the_inbox"
        "The records of a reader of an inbox carry its generation and digest up to its last cause; others do not.",
    UnansweredIsBounded "unanswered_is_bounded"
        "The numbers of unanswered inputs and clocks in a row stay below the bounds of the driver.",
    AllIsAnswered "all_is_answered"
        "At rest no decision is missing, and unanswered inputs are within the bounds.",
    // claims.rs
    CommittedIsStored "committed_is_stored"
        "A record that a driver reports as committed is on the tape, appended by its node, and reported once.",
    FencedByAnother "fenced_by_another"
        "A node is fenced by a message of another author on its writer's subject, after its own last record.",
    DrainedLeavesNothing "drained_leaves_nothing"
        "An owner that drained has answered each input that it was given.",
    // invalid_records.rs
    InvalidRecordsAreInvalid "invalid_records_are_invalid"
        "A message that a driver reports as invalid is not a valid record.",
    InvalidRecordsAreReported "invalid_records_are_reported"
        "A node that answers an input after an invalid message, or appends after one, has reported it.",
    // publications.rs
    ItemsAreNumbered "items_are_numbered"
        "The intended items of a publisher are numbered from 1 (a property of the simulator).",
    CommandsCountOnce "commands_count_once"
        "At most one of the commands with the same id is accepted.",
    InboxAsIntended "inbox_as_intended"
        "The intended events of publishers are in the inbox once and in order, and no others of theirs.",
    HeadersNameTheLastItem "headers_name_the_last_item"
        "A message names its session and its last item, and is marked as alone only if the session is.",
    AcknowledgedIsStored "acknowledged_is_stored"
        "An item that a publisher takes for stored is stored.",
    AllIntendedIsStored "all_intended_is_stored"
        "At rest all intended items are stored.",
    // market_facts.rs
    FactsEqualTheEvent "facts_equal_the_event"
        "The fact that accepts an event has the content of the event; a rejection names it.",
    FactOrRejection "fact_or_rejection"
        "An inbox entry gets one fact or one rejection, and an intended event at most one fact.",
    EveryEventIsAnswered "every_event_is_answered"
        "At rest each entry of a publisher, except heartbeats, has its fact or rejection.",
    // orders.rs
    ApprovedIsFinished "approved_is_finished"
        "At rest each approved order was submitted, or finished without.",
    FillsAreBooked "fills_are_booked"
        "At rest each fill and each funding is booked.",
    // database.rs
    DatabaseAdvances "database_advances"
        "The progress of the database never decreases, and never exceeds the tape.",
    DatabaseIsTheFold "database_is_the_fold"
        "The rows of the database are the fold of the tape up to its progress.",
    DatabaseIsComplete "database_is_complete"
        "At rest the whole tape is in the database, and all rows were compared.",
    // losses.rs
    ProjectedLossStopsAll "projected_loss_stops_all"
        "After the tape lost records from which rows are projected, no process appends, and each stops.",
    LostRecordStopsItsReader "lost_record_stops_its_reader"
        "A process that knows a record which the tape lost appends nothing more, and stops.",
    LostMessageStopsItsReader "lost_message_stops_its_reader"
        "A process that has read a message which its inbox lost appends nothing more, and stops.",
    LostCauseStopsItsWriter "lost_cause_stops_its_writer"
        "No process appends for a writer whose records rest on messages that its inbox lost, and each stops.",
    ProjectorRefusesALoss "projector_refuses_a_loss"
        "A projector does not continue from a record that the tape lost.",
    OnlyAWitnessStops "only_a_witness_stops"
        "A process or projector that rests on no lost message does not stop.",
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
    /// Counts an evaluation of a rule; an error if it does not hold.
    pub(super) fn check(&mut self, rule: Rule, holds: bool, detail: impl FnOnce() -> String) -> Result<(), Violation> {
        self.counts[rule as usize] += 1;
        if holds { Ok(()) } else { Err(Violation { rule: rule.name(), detail: detail() }) }
    }

    /// The number of evaluations, by name of the rule.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        Rule::ALL.iter().map(|rule| (rule.name(), self.counts[*rule as usize])).collect()
    }
}
