//! Requests and replies in flight between processes and the broker. The caller draws the order of their delivery.

use crate::broker::Ticket;
use crate::message::{Publish, Reply};

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A group's process.
    Process(u64),
    /// A publisher or an operator.
    Publisher(u64),
}

/// A request with its place.
#[derive(Debug, Clone)]
pub struct Flight {
    /// The process that waits for the reply.
    pub sender: Sender,
    /// The number of the attempt, of this sender.
    pub attempt: u64,
    /// The content of the request.
    pub publish: Publish,
    /// On which part of its way it is.
    pub place: Place,
}

/// On which part of its way a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Sent, and not arrived at the broker.
    Out,
    /// Proposed by the leader, and not agreed on.
    Proposed(Ticket),
    /// Answered; the reply has not arrived at the sender.
    Back(Reply),
}

/// All requests and replies in flight.
#[derive(Debug, Default)]
pub struct Network {
    flights: Vec<Flight>,
}

impl Network {
    /// Adds a request or reply.
    pub fn send(&mut self, flight: Flight) {
        self.flights.push(flight);
    }

    /// The number of requests that have not arrived.
    pub fn out(&self) -> usize {
        self.flights.iter().filter(|flight| flight.place == Place::Out).count()
    }

    /// Takes the `n`-th request that has not arrived, in order of sending; also whether it overtakes an older one
    /// of the same sender.
    pub fn take_out(&mut self, n: usize) -> Option<(Flight, bool)> {
        let index = self.indices(|flight| flight.place == Place::Out).nth(n)?;
        let flight = self.flights.remove(index);
        let overtakes =
            self.flights[..index].iter().any(|other| other.sender == flight.sender && other.place == Place::Out);
        Some((flight, overtakes))
    }

    /// The number of replies that have not arrived.
    pub fn back(&self) -> usize {
        self.flights.iter().filter(|flight| matches!(flight.place, Place::Back(_))).count()
    }

    /// Takes the `n`-th reply that has not arrived.
    pub fn take_back(&mut self, n: usize) -> Option<(Sender, u64, Reply)> {
        let index = self.indices(|flight| matches!(flight.place, Place::Back(_))).nth(n)?;
        let flight = self.flights.remove(index);
        match flight.place {
            Place::Back(reply) => Some((flight.sender, flight.attempt, reply)),
            Place::Out | Place::Proposed(_) => None,
        }
    }

    /// Sends the reply to a proposal that was agreed on.
    pub fn agreed(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.place == Place::Proposed(ticket)) {
            flight.place = Place::Back(reply);
        }
    }

    /// Drops the proposals on these subjects, whose leader is lost.
    pub fn lose_proposals(&mut self, is_on: impl Fn(&str) -> bool) {
        self.flights.retain(|flight| !matches!(flight.place, Place::Proposed(_)) || !is_on(&flight.publish.subject));
    }

    /// Drops all requests and replies: the server has crashed.
    pub fn clear(&mut self) {
        self.flights.clear();
    }

    /// Whether a request or reply of this attempt is in flight.
    pub fn holds(&self, sender: Sender, attempt: u64) -> bool {
        self.flights.iter().any(|flight| flight.sender == sender && flight.attempt == attempt)
    }

    /// The number of requests and replies in flight.
    pub fn len(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    fn indices(&self, which: impl Fn(&Flight) -> bool) -> impl Iterator<Item = usize> {
        let found: Vec<usize> =
            self.flights.iter().enumerate().filter(|(_, flight)| which(flight)).map(|(index, _)| index).collect();
        found.into_iter()
    }
}
