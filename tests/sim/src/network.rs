//! Requests on their way to the broker, and answers on their way back. In no order but the one that is drawn.

use crate::broker::Ticket;
use crate::message::{Publish, Reply};

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A group's process.
    Process(u64),
    /// A publisher or an operator.
    Publisher(u64),
}

/// A request and what became of it.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Who waits for the answer.
    pub sender: Sender,
    /// Which of its attempts.
    pub attempt: u64,
    /// The request.
    pub publish: Publish,
    /// Where it is.
    pub place: Place,
}

/// Where a flight is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On its way to the broker.
    Out,
    /// With the broker, not yet agreed on.
    Proposed(Ticket),
    /// On its way back.
    Back(Reply),
}

/// Everything that is on its way.
#[derive(Debug, Default)]
pub struct Network {
    flights: Vec<Flight>,
}

impl Network {
    /// Sends.
    pub fn send(&mut self, flight: Flight) {
        self.flights.push(flight);
    }

    /// How many requests are on their way out.
    pub fn out(&self) -> usize {
        self.flights.iter().filter(|flight| flight.place == Place::Out).count()
    }

    /// Takes the `n`-th request that is on its way out, in order of sending; whether an older one of the same sender
    /// stays behind.
    pub fn take_out(&mut self, n: usize) -> Option<(Flight, bool)> {
        let index = self.indices(|flight| flight.place == Place::Out).nth(n)?;
        let flight = self.flights.remove(index);
        let overtakes =
            self.flights[..index].iter().any(|other| other.sender == flight.sender && other.place == Place::Out);
        Some((flight, overtakes))
    }

    /// How many answers are on their way back.
    pub fn back(&self) -> usize {
        self.flights.iter().filter(|flight| matches!(flight.place, Place::Back(_))).count()
    }

    /// Takes the `n`-th answer.
    pub fn take_back(&mut self, n: usize) -> Option<(Sender, u64, Reply)> {
        let index = self.indices(|flight| matches!(flight.place, Place::Back(_))).nth(n)?;
        let flight = self.flights.remove(index);
        match flight.place {
            Place::Back(reply) => Some((flight.sender, flight.attempt, reply)),
            Place::Out | Place::Proposed(_) => None,
        }
    }

    /// The proposal is agreed on: its answer is on its way.
    pub fn agreed(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.place == Place::Proposed(ticket)) {
            flight.place = Place::Back(reply);
        }
    }

    /// Forgets what the broker's leader was about to answer on these subjects: it is gone.
    pub fn lose_proposals(&mut self, is_on: impl Fn(&str) -> bool) {
        self.flights.retain(|flight| !matches!(flight.place, Place::Proposed(_)) || !is_on(&flight.publish.subject));
    }

    /// Whether anything of this attempt is still on its way.
    pub fn holds(&self, sender: Sender, attempt: u64) -> bool {
        self.flights.iter().any(|flight| flight.sender == sender && flight.attempt == attempt)
    }

    /// How much is on its way.
    pub fn len(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    fn indices(&self, which: impl Fn(&Flight) -> bool) -> impl Iterator<Item = usize> {
        let found: Vec<usize> =
            self.flights.iter().enumerate().filter(|(_, flight)| which(flight)).map(|(index, _)| index).collect();
        found.into_iter()
    }
}
