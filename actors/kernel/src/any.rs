//! Machines as values: [`AnyMachine`] has the constants and functions of [`Machine`] as methods, so that one list can
//! hold machines of different types.

use std::any::Any;
use std::fmt::Debug;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer};

use crate::machine::{Fact, Machine, MachineInput as _, Reads, step};

/// The constants of a machine's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineInfo {
    /// See [`Machine::WRITER`].
    pub writer: Writer,
    /// See [`Machine::LOGIC`].
    pub logic: u32,
    /// See [`Machine::reads`].
    pub reads: Reads,
}

impl MachineInfo {
    /// The constants of the type `M`.
    pub fn of<M: Machine>() -> Self {
        Self { writer: M::WRITER, logic: M::LOGIC, reads: M::reads() }
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
    /// Tape time of the input, ns.
    pub at: TapeTime,
    /// Whether the input only advances tape time.
    pub is_clock: bool,
}

/// A machine as the driver, the merge-join and the verifier use it. Implemented by every [`Machine`], and by
/// [`BoxedMachine`], which hides the type of its machine.
pub trait AnyMachine: Debug + Send + 'static {
    /// See [`Machine::Input`].
    type Input: Debug + Send + 'static;

    /// Writer, LOGIC and source of the inputs.
    fn info(&self) -> MachineInfo;
    /// See [`MachineInput::from_fact`](crate::MachineInput::from_fact).
    fn input_of_fact(&self, fact: Fact) -> Option<Self::Input>;
    /// See [`MachineInput::from_message`](crate::MachineInput::from_message).
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self::Input>;
    /// Observes an input, decides, and applies the decisions: see [`step`].
    fn run(&mut self, at: Offset, input: &Self::Input) -> Decided;
    /// Observes an input and applies the decisions recorded on it. Returns the tape time of the input, ns.
    fn follow(&mut self, at: Offset, input: &Self::Input, recorded: &[Entry]) -> TapeTime;
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
    fn run(&mut self, at: Offset, input: &M::Input) -> Decided {
        let events = step(self, at, input);
        Decided { events, at: self.time(input), is_clock: input.is_clock() }
    }
    fn follow(&mut self, at: Offset, input: &M::Input, recorded: &[Entry]) -> TapeTime {
        self.observe(at, input);
        recorded.iter().for_each(|entry| self.apply(at, &entry.event));
        self.time(input)
    }
}

/// An input of a boxed machine; only the machine that made it can read it.
pub type BoxedInput = Box<dyn Any + Send>;
/// A machine of any type.
pub type BoxedMachine = Box<dyn AnyMachine<Input = BoxedInput>>;

/// Boxes a machine, so that machines of different types have the same type.
pub fn boxed<M: Machine>(machine: M) -> BoxedMachine {
    Box::new(Hidden(machine))
}

#[derive(Debug)]
struct Hidden<M>(M);

fn shown<M: Machine>(input: &BoxedInput) -> &M::Input {
    input.downcast_ref().expect("a machine is handed inputs that it made")
}

impl<M: Machine> AnyMachine for Hidden<M> {
    type Input = BoxedInput;

    fn info(&self) -> MachineInfo {
        self.0.info()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<BoxedInput> {
        self.0.input_of_fact(fact).map(|input| Box::new(input) as BoxedInput)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<BoxedInput> {
        let inputs = self.0.inputs_of_message(subject, stamp, payload).into_iter();
        inputs.map(|input| Box::new(input) as BoxedInput).collect()
    }
    fn run(&mut self, at: Offset, input: &BoxedInput) -> Decided {
        self.0.run(at, shown::<M>(input))
    }
    fn follow(&mut self, at: Offset, input: &BoxedInput, recorded: &[Entry]) -> TapeTime {
        self.0.follow(at, shown::<M>(input), recorded)
    }
}

impl AnyMachine for BoxedMachine {
    type Input = BoxedInput;

    fn info(&self) -> MachineInfo {
        (**self).info()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<BoxedInput> {
        (**self).input_of_fact(fact)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<BoxedInput> {
        (**self).inputs_of_message(subject, stamp, payload)
    }
    fn run(&mut self, at: Offset, input: &BoxedInput) -> Decided {
        (**self).run(at, input)
    }
    fn follow(&mut self, at: Offset, input: &BoxedInput, recorded: &[Entry]) -> TapeTime {
        (**self).follow(at, input, recorded)
    }
}
