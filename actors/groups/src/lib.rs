//! The list of groups. To add a machine, add its crate and one entry to [`GROUPS`].
//!
//! Code that runs, supervises, verifies, simulates or documents groups derives from this list. It uses [`GROUPS`] for
//! data, [`machines`] for machines without their types, and a [`Visitor`] for machines with their types.
#![forbid(unsafe_code)]

pub mod access;
pub mod publishers;

use tapedeck_control::Control;
use tapedeck_execution::Execution;
use tapedeck_ingest::Ingest;
use tapedeck_kernel::freshness;
use tapedeck_kernel::{BoxedMachine, Inbox, Machine, MachineInfo, Reads, boxed};
use tapedeck_paper::Paper;
use tapedeck_portfolio::Portfolio;
use tapedeck_risk::Risk;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;
use tapedeck_signal::Signal;

use access::Right::{Append, AskWitness, KeepRejects, Read};
use access::{Right, Role};

/// A machine, or what serves beside the machines, and the processes that run it.
#[derive(Debug)]
pub struct Group {
    /// Name of the group: the same in commands, metric labels, logs and manifests, and the name of its role and writer.
    pub name: &'static str,
    /// Purpose of the group, in one sentence.
    pub summary: &'static str,
    /// Rights of the role on the broker.
    pub rights: &'static [Right],
    /// The parameters that the group declares.
    pub params: fn() -> Vec<ParamSpec>,
    /// What the processes of the group run.
    pub work: GroupWork,
}

/// What the processes of a group run.
#[derive(Debug, Clone, Copy)]
pub enum GroupWork {
    /// A machine: the function returns its writer, LOGIC and inputs.
    Machine(fn() -> MachineInfo),
    /// The answers to publishers, which follow `ingest`.
    Answers,
    /// The projection of the tape into Postgres.
    Projector,
}

impl Group {
    /// Returns the role of the group on the broker.
    pub fn role(&self) -> Role {
        Role { name: self.name, rights: self.rights }
    }

    /// Returns writer, LOGIC and inputs of the machine, if there is one.
    pub fn info(&self) -> Option<MachineInfo> {
        match self.work {
            GroupWork::Machine(info) => Some(info()),
            GroupWork::Answers | GroupWork::Projector => None,
        }
    }

    /// Whether the processes of the group read an inbox: those of its machine, and those that follow the machine.
    pub fn reads_inbox(&self, inbox: Inbox) -> bool {
        self.inbox() == Some(inbox) || (matches!(self.work, GroupWork::Answers) && inbox == Inbox::Market)
    }

    /// Whether the group runs a machine.
    pub fn is_machine(&self) -> bool {
        matches!(self.work, GroupWork::Machine(_))
    }

    /// Whether the group connects to Postgres.
    pub fn needs_database(&self) -> bool {
        matches!(self.work, GroupWork::Projector)
    }

    /// Returns the inbox that the machine reads; `None` if the group reads the tape.
    pub fn inbox(&self) -> Option<Inbox> {
        match self.info()?.reads {
            Reads::Inbox(inbox) => Some(inbox),
            Reads::Tape(_) => None,
        }
    }
}

/// A generic callback, called with the concrete type of each machine.
pub trait Visitor {
    /// Called for each machine. `make` constructs the machine in its initial state for a tape.
    fn visit<M: Machine>(&mut self, group: &'static Group, make: fn(&TapeCreated) -> M);
}

macro_rules! groups {
    (
        machines: $($name:literal, $machine:ty, $make:expr, $rights:expr, $params:expr, $summary:literal;)+
        others: $($other:literal, $work:expr, $other_rights:expr, $other_summary:literal;)*
    ) => {
        /// Every group, in the order in which an order passes through them. A rolling upgrade proceeds from the end.
        /// The order is not topological: risk reads the facts of execution and paper, which follow it. The simulator
        /// selects groups by index: another order changes the run of a seed.
        pub static GROUPS: &[Group] = &[
            $(Group {
                name: $name,
                summary: $summary,
                rights: $rights,
                params: $params,
                work: GroupWork::Machine(MachineInfo::of::<$machine>),
            },)+
            $(Group {
                name: $other,
                summary: $other_summary,
                rights: $other_rights,
                params: Vec::new,
                work: $work,
            },)*
        ];

        fn walk(visitor: &mut impl Visitor, wanted: impl Fn(&Group) -> bool) {
            let mut groups = GROUPS.iter();
            $(if let Some(group) = groups.next().filter(|group| wanted(group)) {
                visitor.visit::<$machine>(group, $make);
            })+
        }
    };
}

groups! {
    // Name, type of the machine, the machine in its first state for a tape, rights, parameters, summary.
    machines:
    "ingest", Ingest, |_| Ingest::new(), &[Append, Read, AskWitness], freshness::params,
        "Checks market events and appends them to the tape.";
    "control", Control, |_| Control::new(params(), strategies()), &[Append, Read, AskWitness], Vec::new,
        "Turns operators' commands into facts.";
    "signal", Signal, |tape| Signal::new(tape.partition), &[Append, Read, AskWitness], tapedeck_signal::params,
        "Runs the strategies and raises signals.";
    "risk", Risk, |tape| Risk::new(tape, tape.partition), &[Append, Read, AskWitness], tapedeck_risk::params,
        "Sizes orders and checks them.";
    "execution", Execution, |_| Execution::new(), &[Append, Read, AskWitness], tapedeck_execution::params,
        "Runs the life cycle of orders.";
    "paper", Paper, |tape| Paper::new(tape), &[Append, Read, AskWitness], tapedeck_paper::params,
        "Fills orders: the simulated exchange.";
    "portfolio", Portfolio, |_| Portfolio::new(), &[Append, Read, AskWitness], tapedeck_portfolio::params,
        "Keeps positions, ledger and equity.";
    // Groups without a machine: name, work, rights, summary.
    others:
    "answers", GroupWork::Answers, &[Read, AskWitness, KeepRejects], "Tells publishers what became of their events.";
    "projector", GroupWork::Projector, &[Read], "Projects the tape into Postgres.";
}

/// Calls the visitor for every machine, in the order of [`GROUPS`].
pub fn visit_all(visitor: &mut impl Visitor) {
    walk(visitor, |_| true);
}

/// Calls the visitor for the machine of one group, if the group has one.
pub fn visit_group(group: &Group, visitor: &mut impl Visitor) {
    walk(visitor, |other| other.name == group.name);
}

/// Returns the name of every group, in the order of [`GROUPS`].
pub fn names() -> impl DoubleEndedIterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.name)
}

/// Returns the group with this name.
pub fn named(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

/// Returns every machine in its initial state, in the order of [`GROUPS`].
pub fn machines(tape: &TapeCreated) -> Vec<BoxedMachine> {
    struct Make<'a>(&'a TapeCreated, Vec<BoxedMachine>);
    impl Visitor for Make<'_> {
        fn visit<M: Machine>(&mut self, _: &'static Group, make: fn(&TapeCreated) -> M) {
            self.1.push(boxed(make(self.0)));
        }
    }
    let mut make = Make(tape, Vec::new());
    visit_all(&mut make);
    make.1
}

/// Returns writer and LOGIC of every machine, in the order of [`GROUPS`].
pub fn logics() -> impl Iterator<Item = (Writer, u32)> {
    GROUPS.iter().filter_map(Group::info).map(|info| (info.writer, info.logic))
}

/// Returns the group of a writer; `None` for the keeper.
pub fn of_writer(writer: Writer) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.info().is_some_and(|info| info.writer == writer))
}

/// Returns the writer whose machine reads an inbox.
pub fn reader_of(inbox: Inbox) -> Option<Writer> {
    let mut infos = GROUPS.iter().filter_map(Group::info);
    infos.find(|info| info.reads == Reads::Inbox(inbox)).map(|info| info.writer)
}

/// Returns every writer except the keeper, in the order of [`GROUPS`].
pub fn writers() -> impl Iterator<Item = Writer> {
    logics().map(|(writer, _)| writer)
}

/// Returns each writer whose machine reads an inbox, with that inbox.
pub fn inboxes() -> impl Iterator<Item = (Writer, Inbox)> {
    GROUPS.iter().filter_map(|group| Some((group.info()?.writer, group.inbox()?)))
}

/// Returns every parameter that `LimitsSet` can set.
pub fn params() -> Vec<ParamSpec> {
    GROUPS.iter().flat_map(|group| (group.params)()).collect()
}

/// Returns every strategy that `WeightsSet` can name.
pub fn strategies() -> Vec<StrategyId> {
    tapedeck_signal::strategies()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_after_its_writer_and_every_writer_except_the_keeper_is_listed_once() {
        let named: Vec<Writer> = GROUPS
            .iter()
            .filter_map(|group| Some((group, group.info()?.writer)))
            .inspect(|(group, writer)| assert_eq!(group.name, writer.as_str()))
            .map(|(_, writer)| writer)
            .collect();
        let all: Vec<Writer> = Writer::ALL.iter().copied().filter(|writer| *writer != Writer::Keeper).collect();
        assert_eq!(named, all, "the groups are in the order of Writer::ALL");
        let others: Vec<&str> = GROUPS.iter().filter(|group| !group.is_machine()).map(|group| group.name).collect();
        assert_eq!(others, ["answers", "projector"]);
        assert_eq!(GROUPS.iter().filter(|group| group.needs_database()).count(), 1, "the projector");
    }

    #[test]
    fn a_visitor_is_called_with_the_group_of_each_machine() {
        struct Check(usize);
        impl Visitor for Check {
            fn visit<M: Machine>(&mut self, group: &'static Group, make: fn(&TapeCreated) -> M) {
                assert_eq!(group.info(), Some(MachineInfo::of::<M>()));
                let tape = TapeCreated::first(Default::default(), 3, Vec::new());
                assert!(!format!("{:?}", make(&tape)).is_empty());
                self.0 += 1;
            }
        }
        let mut check = Check(0);
        visit_all(&mut check);
        assert_eq!(check.0, writers().count());
        for group in GROUPS {
            check.0 = 0;
            visit_group(group, &mut check);
            assert_eq!(check.0, usize::from(group.is_machine()), "{}", group.name);
        }
    }

    #[test]
    fn no_parameter_is_declared_twice() {
        let mut names: Vec<&str> = params().iter().map(|spec| spec.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
