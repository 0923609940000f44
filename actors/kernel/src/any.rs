//! Machines as values: [`AnyMachine`] has the constants and functions of [`Machine`] as methods, so that one list can
//! hold machines of different types.

use std::any::Any;
use std::fmt::Debug;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::record::{Entry, Writer};

use crate::machine::{Cause, Fact, Machine, MachineInput as _, Reads, step};
use crate::state::BadState;
use crate::tape::TapeRecord;

/// The constants of a machine's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineInfo {
    /// See [`Machine::WRITER`].
    pub writer: Writer,
    /// See [`Machine::LOGIC`].
    pub logic: u32,
    /// See [`Machine::STATE`].
    pub state: u32,
    /// See [`Machine::reads`].
    pub reads: Reads,
}

impl MachineInfo {
    /// The constants of the type `M`.
    pub fn of<M: Machine>() -> Self {
        Self { writer: M::WRITER, logic: M::LOGIC, state: M::STATE, reads: M::reads() }
    }

    /// Whether the facts of this writer are inputs of the machine.
    pub fn reads_facts_of(&self, writer: Writer) -> bool {
        matches!(self.reads, Reads::Tape(writers) if writers.contains(&writer))
    }
}

/// The decisions of a machine on one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The decisions, in order.
    pub events: Vec<Event>,
    /// Their tape time, ns.
    pub at: TapeTime,
}

/// A machine as the driver, the merge-join and the verifier use it. Implemented by every [`Machine`], and by
/// [`BoxedMachine`], which hides the type of its machine.
pub trait AnyMachine: Debug + Send + Sized + 'static {
    /// See [`Machine::Input`].
    type Input: Debug + Send + 'static;

    /// Writer, LOGIC and source of the inputs.
    fn info(&self) -> MachineInfo;
    /// See [`MachineInput::from_fact`](crate::MachineInput::from_fact).
    fn input_of_fact(&self, fact: Fact) -> Option<Self::Input>;
    /// See [`MachineInput::from_message`](crate::MachineInput::from_message).
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self::Input>;
    /// See [`MachineInput::is_clock`](crate::MachineInput::is_clock).
    fn is_clock(&self, input: &Self::Input) -> bool;
    /// See [`MachineInput::advances`](crate::MachineInput::advances).
    fn advances(&self, input: &Self::Input) -> Option<TapeTime>;
    /// Observes an input, decides, and applies the decisions: see [`step`].
    fn run(&mut self, cause: Cause, input: &Self::Input) -> Decided;
    /// Observes an input and applies the decisions recorded on it.
    fn follow(&mut self, cause: Cause, input: &Self::Input, recorded: &[Entry]);
    /// See [`Machine::save`].
    fn save(&self) -> Vec<u8>;
    /// See [`Machine::restore`].
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState>;
    /// Reads a record of a writer whose facts are no inputs. A machine ignores it, because its decisions depend on its
    /// inputs alone; something that only follows a machine may count by it.
    fn read_beside(&mut self, _record: &TapeRecord) {}
}

impl<M: Machine> AnyMachine for M {
    type Input = M::Input;

    fn info(&self) -> MachineInfo {
        MachineInfo::of::<M>()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<M::Input> {
        M::Input::from_fact(fact)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<M::Input> {
        M::Input::from_message(subject, stamp, payload)
    }
    fn is_clock(&self, input: &M::Input) -> bool {
        input.is_clock()
    }
    fn advances(&self, input: &M::Input) -> Option<TapeTime> {
        input.advances()
    }
    fn run(&mut self, cause: Cause, input: &M::Input) -> Decided {
        let out = step(self, cause, input);
        Decided { at: out.at(), events: out.into_events() }
    }
    fn follow(&mut self, cause: Cause, input: &M::Input, recorded: &[Entry]) {
        let observed = self.observe(cause, input);
        recorded.iter().for_each(|entry| self.apply(cause, &observed, &entry.event));
    }
    fn save(&self) -> Vec<u8> {
        Machine::save(self)
    }
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        Machine::restore(self, saved)
    }
}

/// An input of a boxed machine; only the machine that made it can read it.
pub type BoxedInput = Box<dyn Any + Send>;
/// A machine of any type.
#[derive(Debug)]
pub struct BoxedMachine(Box<dyn DynMachine>);

/// Boxes a machine, so that machines of different types have the same type.
pub fn boxed<M: Machine>(machine: M) -> BoxedMachine {
    BoxedMachine(Box::new(machine))
}

/// [`AnyMachine`] without types.
trait DynMachine: Debug + Send {
    fn info(&self) -> MachineInfo;
    fn input_of_fact(&self, fact: Fact) -> Option<BoxedInput>;
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<BoxedInput>;
    fn is_clock(&self, input: &BoxedInput) -> bool;
    fn advances(&self, input: &BoxedInput) -> Option<TapeTime>;
    fn run(&mut self, cause: Cause, input: &BoxedInput) -> Decided;
    fn follow(&mut self, cause: Cause, input: &BoxedInput, recorded: &[Entry]);
    fn save(&self) -> Vec<u8>;
    fn restore(&self, saved: &[u8]) -> Result<BoxedMachine, BadState>;
}

fn shown<M: Machine>(input: &BoxedInput) -> &M::Input {
    input.downcast_ref().expect("a machine is handed inputs that it made")
}

impl<M: Machine> DynMachine for M {
    fn info(&self) -> MachineInfo {
        MachineInfo::of::<M>()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<BoxedInput> {
        M::Input::from_fact(fact).map(|input| Box::new(input) as BoxedInput)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<BoxedInput> {
        let inputs = M::Input::from_message(subject, stamp, payload).into_iter();
        inputs.map(|input| Box::new(input) as BoxedInput).collect()
    }
    fn is_clock(&self, input: &BoxedInput) -> bool {
        shown::<M>(input).is_clock()
    }
    fn advances(&self, input: &BoxedInput) -> Option<TapeTime> {
        shown::<M>(input).advances()
    }
    fn run(&mut self, cause: Cause, input: &BoxedInput) -> Decided {
        AnyMachine::run(self, cause, shown::<M>(input))
    }
    fn follow(&mut self, cause: Cause, input: &BoxedInput, recorded: &[Entry]) {
        AnyMachine::follow(self, cause, shown::<M>(input), recorded);
    }
    fn save(&self) -> Vec<u8> {
        Machine::save(self)
    }
    fn restore(&self, saved: &[u8]) -> Result<BoxedMachine, BadState> {
        Machine::restore(self, saved).map(boxed)
    }
}

impl AnyMachine for BoxedMachine {
    type Input = BoxedInput;

    fn info(&self) -> MachineInfo {
        self.0.info()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<BoxedInput> {
        self.0.input_of_fact(fact)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<BoxedInput> {
        self.0.inputs_of_message(subject, stamp, payload)
    }
    fn is_clock(&self, input: &BoxedInput) -> bool {
        self.0.is_clock(input)
    }
    fn advances(&self, input: &BoxedInput) -> Option<TapeTime> {
        self.0.advances(input)
    }
    fn run(&mut self, cause: Cause, input: &BoxedInput) -> Decided {
        self.0.run(cause, input)
    }
    fn follow(&mut self, cause: Cause, input: &BoxedInput, recorded: &[Entry]) {
        self.0.follow(cause, input, recorded);
    }
    fn save(&self) -> Vec<u8> {
        self.0.save()
    }
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        self.0.restore(saved)
    }
}
