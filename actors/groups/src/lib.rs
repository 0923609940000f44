//! The one list of groups. Adding a machine is its crate and one entry of [`GROUPS`].
//!
//! What runs, supervises, verifies, simulates, documents or deploys groups derives from the list: through [`GROUPS`]
//! where the data suffice, [`machines`] where the machines' types do not matter, and a [`Visitor`] where they do.
#![forbid(unsafe_code)]

pub mod access;

use tapedeck_control::Control;
use tapedeck_execution::Execution;
use tapedeck_ingest::Ingest;
use tapedeck_kernel::{BoxedMachine, Machine, MachineInfo, boxed};
use tapedeck_paper::Paper;
use tapedeck_portfolio::Portfolio;
use tapedeck_risk::Risk;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;
use tapedeck_signal::Signal;

use access::Right::{Append, KeepRejects, Read};
use access::{Right, Role};

/// A machine, or the projector, together with the processes that run it.
#[derive(Debug)]
pub struct Group {
    /// Its name in commands, labels, logs and manifests; that of its writer, if it has one, and of its role.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What its role may do on the bus.
    pub rights: &'static [Right],
    /// The parameters that it declares.
    pub params: fn() -> Vec<ParamSpec>,
    /// Its machine; the projector has none.
    pub machine: Option<fn() -> MachineInfo>,
}

impl Group {
    /// Its role on the bus.
    pub fn role(&self) -> Role {
        Role { name: self.name, rights: self.rights }
    }

    /// Writer, LOGIC and inputs of its machine, if it has one.
    pub fn info(&self) -> Option<MachineInfo> {
        self.machine.map(|info| info())
    }
}

/// Does something for each machine, with its type.
pub trait Visitor {
    /// `make` gives the machine in its first state, for a tape.
    fn visit<M: Machine>(&mut self, group: &'static Group, make: fn(&TapeCreated) -> M);
}

macro_rules! groups {
    (
        machines: $($name:literal, $machine:ty, $make:expr, $rights:expr, $params:expr, $summary:literal;)+
        others: $($other:literal, $other_rights:expr, $other_summary:literal;)*
    ) => {
        /// Every group, in the order in which facts flow. Readers of a kind of fact come after its writers, so a rolling
        /// upgrade goes from the end to the beginning. The simulator draws by index: another order is another run.
        pub static GROUPS: &[Group] = &[
            $(Group {
                name: $name,
                summary: $summary,
                rights: $rights,
                params: $params,
                machine: Some(MachineInfo::of::<$machine>),
            },)+
            $(Group { name: $other, summary: $other_summary, rights: $other_rights, params: Vec::new, machine: None },)*
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
    "ingest", Ingest, |_| Ingest::new(), &[Append, Read, KeepRejects], Vec::new,
        "Checks market events and appends them to the tape.";
    "control", Control, |_| Control::new(params(), strategies()), &[Append, Read], Vec::new,
        "Turns operators' commands into facts.";
    "signal", Signal, |tape| Signal::new(tape.partition), &[Append, Read], tapedeck_signal::params,
        "Runs the strategies and raises signals.";
    "risk", Risk, |tape| Risk::new(tape.tape, tape.partition), &[Append, Read], tapedeck_risk::params,
        "Sizes orders and checks them.";
    "execution", Execution, |_| Execution::new(), &[Append, Read], tapedeck_execution::params,
        "Runs the life cycle of orders.";
    "paper", Paper, |tape| Paper::new(tape.tape), &[Append, Read], tapedeck_paper::params,
        "Fills orders: the simulated exchange.";
    "portfolio", Portfolio, |_| Portfolio::new(), &[Append, Read], tapedeck_portfolio::params,
        "Keeps positions, ledger and equity.";
    // Groups without a machine: name, rights, summary.
    others:
    "projector", &[Read], "Projects the tape into Postgres.";
}

/// Visits every machine, in the order of [`GROUPS`].
pub fn each(visitor: &mut impl Visitor) {
    walk(visitor, |_| true);
}

/// Visits the machine of one group; a group without a machine is not visited.
pub fn one(group: &Group, visitor: &mut impl Visitor) {
    walk(visitor, |other| other.name == group.name);
}

/// The name of every group, in the order of [`GROUPS`].
pub fn names() -> impl DoubleEndedIterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.name)
}

/// The group of this name.
pub fn named(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

/// Every machine in its first state, in the order of [`GROUPS`].
pub fn machines(tape: &TapeCreated) -> Vec<BoxedMachine> {
    struct Make<'a>(&'a TapeCreated, Vec<BoxedMachine>);
    impl Visitor for Make<'_> {
        fn visit<M: Machine>(&mut self, _: &'static Group, make: fn(&TapeCreated) -> M) {
            self.1.push(boxed(make(self.0)));
        }
    }
    let mut make = Make(tape, Vec::new());
    each(&mut make);
    make.1
}

/// The writer and the LOGIC of every machine, in the order of [`GROUPS`].
pub fn logics() -> impl Iterator<Item = (Writer, u32)> {
    GROUPS.iter().filter_map(Group::info).map(|info| (info.writer, info.logic))
}

/// Every writer but the keeper, in the order of [`GROUPS`].
pub fn writers() -> impl Iterator<Item = Writer> {
    logics().map(|(writer, _)| writer)
}

/// Every parameter that can be set.
pub fn params() -> Vec<ParamSpec> {
    GROUPS.iter().flat_map(|group| (group.params)()).collect()
}

/// Every strategy that can be given a weight.
pub fn strategies() -> Vec<StrategyId> {
    tapedeck_signal::strategies()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_the_name_of_its_writer_and_every_writer_but_the_keeper_is_in_the_list_once() {
        let named: Vec<Writer> = GROUPS
            .iter()
            .filter_map(|group| Some((group, group.info()?.writer)))
            .inspect(|(group, writer)| assert_eq!(group.name, writer.as_str()))
            .map(|(_, writer)| writer)
            .collect();
        let all: Vec<Writer> = Writer::ALL.iter().copied().filter(|writer| *writer != Writer::Keeper).collect();
        assert_eq!(named, all, "the order of the alphabet is that of the flow");
        assert_eq!(GROUPS.iter().filter(|group| group.machine.is_none()).count(), 1, "the projector");
    }

    #[test]
    fn a_visit_hands_each_machine_its_own_group() {
        struct Check(usize);
        impl Visitor for Check {
            fn visit<M: Machine>(&mut self, group: &'static Group, make: fn(&TapeCreated) -> M) {
                assert_eq!(group.info(), Some(MachineInfo::of::<M>()));
                let tape = TapeCreated { tape: Default::default(), partition: 3, placement: Vec::new() };
                assert!(!format!("{:?}", make(&tape)).is_empty());
                self.0 += 1;
            }
        }
        let mut check = Check(0);
        each(&mut check);
        assert_eq!(check.0, writers().count());
        for group in GROUPS {
            check.0 = 0;
            one(group, &mut check);
            assert_eq!(check.0, usize::from(group.machine.is_some()), "{}", group.name);
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
