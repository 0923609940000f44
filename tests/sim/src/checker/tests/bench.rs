//! A short valid history, made by real machines, that a test can change at any place.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_kernel::{Fact, Inbox};
use tapedeck_projections::{Fold, ProjectedFact, RecordInfo, all};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{Epoch, Event, TapeCreated};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::market::{self, DefinitionBody, MarketBody, MarketEvent, PriceDomain, QuoteBody, TradeIdOrder};
use tapedeck_schemas::number::Price;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, InboxPrefix, RecordHash, Writer};

use super::super::{Author, Checker, Violation};
use super::owner::Owner;
use crate::message::{Headers, Message};

pub(super) const SUBJECT: &str = "md.demo.ACME.batch";
pub(super) const SESSION: &str = "s1";
pub(super) type Outcome = Result<(), Violation>;

/// A record with its headers and author, before it is stored.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) node: u64,
    pub(super) author: Author,
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
    pub(super) headers: Headers,
}

pub(super) struct Bench {
    pub(super) checker: Checker,
    pub(super) owners: Vec<Owner>,
    pub(super) now: u64,
    pub(super) seqs: BTreeMap<String, u64>,
    /// Last sequence, hash and epoch of each writer, and its node.
    last: BTreeMap<Writer, (u64, RecordHash, u64, u64)>,
    /// Cause and time of each writer's last answer.
    answered: BTreeMap<Writer, (Offset, u64)>,
    /// The number of facts of each kind on the tape.
    pub(super) seen: BTreeMap<&'static str, u32>,
    pub(super) fold: Fold,
    pub(super) items: u64,
    /// The events that were intended and sent.
    pub(super) sent: Vec<MarketEvent>,
    pub(super) inbox: Vec<Message>,
    pub(super) commands: Vec<Message>,
}

pub(super) fn created() -> TapeCreated {
    TapeCreated::first(TapeId([7; 16]), 0, vec!["md.demo.>".into()])
}

impl Bench {
    /// An empty tape.
    pub(super) fn new() -> Self {
        let tape = created();
        let owners = tapedeck_groups::machines(&tape).into_iter().map(Owner::new).collect();
        let checker = Checker::new(tape);
        let (seqs, last, answered) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (seen, fold) = (BTreeMap::new(), Fold::default());
        let (sent, inbox, commands) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            checker,
            owners,
            now: 1_725_000_000_000_000_000,
            seqs,
            last,
            answered,
            seen,
            fold,
            items: 0,
            sent,
            inbox,
            commands,
        }
    }

    /// A tape with its first record, a defined instrument, funds, and weights: without them no strategy runs.
    pub(super) fn begun() -> Self {
        let mut bench = Self::new();
        let first = bench.keeper();
        bench.put(first).unwrap();
        bench.item(definition()).unwrap();
        bench.command("fund", funding()).unwrap();
        let weights = tapedeck_groups::strategies().into_iter().map(|strategy| (strategy, "1".parse().unwrap()));
        bench.command("weights", Request::Weights { weights: weights.collect() }).unwrap();
        bench.run().unwrap();
        bench
    }

    /// Continues with quotes until `kind` was appended `times` times.
    pub(super) fn until(mut self, kind: &str, times: u32) -> Self {
        for _ in 0..2000 {
            if self.seen.get(kind).copied().unwrap_or(0) >= times {
                return self;
            }
            self.quote().unwrap();
            self.run().unwrap();
        }
        panic!("no {kind} in 2000 quotes: {:?}", self.seen);
    }

    pub(super) fn keeper(&self) -> Put {
        let entry = Entry { cause: Offset::START, index: 0, at: 0, event: created().into() };
        let header = Header { writer: Writer::Keeper, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
        Put { node: 0, author: Author::Keeper, header, entries: vec![entry], headers: Headers::default() }
    }

    pub(super) fn message(&mut self, stream: &str, subject: &str, headers: Headers, payload: Vec<u8>) -> Message {
        let seq = self.seqs.entry(stream.into()).or_default();
        *seq += 1;
        Message { seq: *seq, subject: subject.into(), headers, payload: payload.into(), stamp: self.now }
    }

    /// Makes the next event of the publisher.
    pub(super) fn event(&mut self, body: MarketBody) -> MarketEvent {
        self.now += 100_000_000;
        self.items += 1;
        let (source, session) = ("demo".parse().unwrap(), SESSION.parse().unwrap());
        MarketEvent { source, session, seq: self.items, ts_recv: self.now, ts_event: None, body }
    }

    /// Intends, sends and acknowledges an event.
    pub(super) fn item(&mut self, body: MarketBody) -> Outcome {
        let event = self.event(body);
        self.checker.intended(SUBJECT, SESSION, self.items, &event)?;
        self.sent.push(event.clone());
        self.send(&[event], self.items)?;
        self.checker.acknowledged(SUBJECT, SESSION, self.items)
    }

    /// Sends events in one message, intended or not.
    pub(super) fn send(&mut self, events: &[MarketEvent], through: u64) -> Outcome {
        let pair = |name: &str, value: String| (name.to_string(), value);
        let others = vec![pair("Tapedeck-Session", SESSION.into()), pair("Tapedeck-Through", through.to_string())];
        let headers = Headers { others, ..Headers::default() };
        let message = self.message("INBOX_0_G1", SUBJECT, headers, market::encode_batch(events));
        self.deliver(&message, Author::Publisher)
    }

    /// Stores a message in the inbox.
    pub(super) fn deliver(&mut self, message: &Message, author: Author) -> Outcome {
        self.checker.stored("INBOX_0_G1", message, author)?;
        self.inbox.push(message.clone());
        for owner in &mut self.owners {
            owner.message(Inbox::Market, message);
        }
        Ok(())
    }

    pub(super) fn quote(&mut self) -> Outcome {
        // A slow wave, so that both strategies raise signals.
        let phase = (self.items % 240) as i64;
        let wave = if phase < 120 { phase } else { 240 - phase };
        let price = |cents: i64| Price::from_units(i128::from(cents) * (Price::ONE / 100)).unwrap();
        let mid = 10_000 + wave * 4 + (self.items as i64 * 7919) % 5;
        let (bid, ask) = (Some(price(mid - 1)), Some(price(mid + 1)));
        let size = "1000".parse().unwrap();
        self.item(MarketBody::Quote(QuoteBody { bid, bid_size: size, ask, ask_size: size, update_id: None }))
    }

    pub(super) fn command(&mut self, verb: &str, request: Request) -> Outcome {
        self.named_command(None, verb, request)
    }

    pub(super) fn named_command(&mut self, id: Option<String>, verb: &str, request: Request) -> Outcome {
        let command = Command { id, by: "test".into(), reason: "test".into(), request };
        let subject = format!("cmd.0.{verb}");
        let message = self.message("COMMAND_0_G1", &subject, Headers::default(), command.encode());
        self.checker.stored("COMMAND_0_G1", &message, Author::Operator)?;
        self.commands.push(message.clone());
        for owner in &mut self.owners {
            owner.message(Inbox::Command, &message);
        }
        Ok(())
    }

    /// Every writer appends its due answers, until there are none.
    pub(super) fn run(&mut self) -> Outcome {
        while let Some(writer) = Writer::ALL.iter().copied().find(|writer| self.append(*writer).unwrap()) {
            let _ = writer;
        }
        Ok(())
    }

    /// A writer appends its due answers; false if there are none.
    pub(super) fn append(&mut self, writer: Writer) -> Result<bool, Violation> {
        let entries = self.due(writer);
        if entries.is_empty() {
            return Ok(false);
        }
        let record = self.record(writer, entries);
        self.put(record).map(|()| true)
    }

    pub(super) fn owner(&mut self, writer: Writer) -> Option<&mut Owner> {
        self.owners.iter_mut().find(|owner| owner.writer() == writer)
    }

    pub(super) fn due(&mut self, writer: Writer) -> Vec<Entry> {
        self.owner(writer).map(|owner| owner.due()).unwrap_or_default()
    }

    fn inbox(&self, writer: Writer, entries: &[Entry]) -> Option<InboxPrefix> {
        self.owners.iter().find(|owner| owner.writer() == writer)?.inbox(entries)
    }

    /// The valid record of these answers. The first of a writer begins its epoch.
    pub(super) fn record(&self, writer: Writer, entries: Vec<Entry>) -> Put {
        match self.last.get(&writer) {
            None => self.begin(writer, writer as u64, entries),
            Some((seq, prev_hash, epoch, node)) => {
                let inbox = self.inbox(writer, &entries);
                let header = Header { writer, epoch: *epoch, prev_hash: *prev_hash, inbox };
                Put { node: *node, author: Author::Node(*node), header, entries, headers: fence(*seq) }
            }
        }
    }

    /// The valid record with which a node begins an epoch.
    pub(super) fn begin(&self, writer: Writer, node: u64, answers: Vec<Entry>) -> Put {
        let (seq, prev_hash, epoch, _) = self.last.get(&writer).copied().unwrap_or_default();
        let (cause, at) = self.answered.get(&writer).copied().unwrap_or_default();
        let (number, owner) = (epoch + 1, node + 1000);
        let event = Epoch { number, owner, logic: 1, build: "test".into() }.into();
        let entries: Vec<_> = std::iter::once(Entry { cause, index: 0, at, event }).chain(answers).collect();
        let header = Header { writer, epoch: number, prev_hash, inbox: self.inbox(writer, &entries) };
        Put { node, author: Author::Node(node), header, entries, headers: fence(seq) }
    }

    /// Stores a record and reports it as committed.
    pub(super) fn put(&mut self, put: Put) -> Outcome {
        let (seq, payload) = self.store(&put)?;
        if let Author::Node(node) = put.author {
            self.checker.committed(node, put.header.writer, seq, &payload)?;
        }
        Ok(())
    }

    /// Stores a record.
    pub(super) fn store(&mut self, put: &Put) -> Result<(u64, Arc<[u8]>), Violation> {
        let (payload, writer) = (record::encode(&put.header, &put.entries), put.header.writer);
        let hash = RecordHash::of(&payload);
        let message = self.message("TAPE_0_G1", &format!("tape.0.g1.{writer}"), put.headers.clone(), payload);
        self.checker.stored("TAPE_0_G1", &message, put.author)?;
        self.last.insert(writer, (message.seq, hash, put.header.epoch, put.node));
        self.take_in(&message, writer, &put.entries);
        Ok((message.seq, message.payload))
    }

    /// Stores a foreign message on a writer's subject.
    pub(super) fn intrude(&mut self, writer: Writer, payload: &[u8]) -> Result<u64, Violation> {
        let message = self.message("TAPE_0_G1", &format!("tape.0.g1.{writer}"), Headers::default(), payload.to_vec());
        self.checker.stored("TAPE_0_G1", &message, Author::Foreign)?;
        self.last.entry(writer).or_default().0 = message.seq;
        Ok(message.seq)
    }

    fn take_in(&mut self, message: &Message, writer: Writer, entries: &[Entry]) {
        self.fold_in(message, writer, entries);
        for (index, entry) in (0..).zip(entries) {
            let (offset, event) = (Offset::new(message.seq, index), entry.event.clone());
            self.answered.insert(writer, (entry.cause, entry.at));
            *self.seen.entry(event.kind().name()).or_default() += 1;
            if !matches!(event, Event::Epoch(_) | Event::Progress(_)) {
                let fact = Fact { writer, at: entry.at, event };
                self.owners.iter_mut().for_each(|owner| owner.fact(offset, &fact));
            }
        }
    }

    /// Folds a record into the projector's rows.
    pub(super) fn fold_in(&mut self, message: &Message, writer: Writer, entries: &[Entry]) {
        let (partition, generation, seq, stamp) = (0, Generation::FIRST, message.seq, message.stamp);
        let mut ops = Vec::new();
        for projection in all() {
            let info = RecordInfo { partition, generation, seq, writer, stamp, events: entries.len() };
            projection.project_record(&info, &mut ops);
        }
        for (index, entry) in (0..).zip(entries) {
            let offset = Offset::new(seq, index);
            let fact = ProjectedFact { partition, generation, offset, writer, stamp, entry };
            all().iter().for_each(|one| one.project(&fact, &mut ops));
        }
        ops.iter().for_each(|op| self.fold.apply(op).unwrap());
    }

    /// The projector commits all of the tape.
    pub(super) fn project(&mut self) -> Outcome {
        let seq = self.seqs.get("TAPE_0_G1").copied().unwrap_or(0);
        self.checker.projected(seq, &self.fold.tables)
    }

    /// Ends the run.
    pub(super) fn finish(&mut self) -> Outcome {
        self.project()?;
        self.project()?;
        self.checker.finish()
    }
}

/// The headers of an append that expects `seq`.
pub(super) fn fence(seq: u64) -> Headers {
    Headers { expected_last_subject_sequence: Some(seq), ..Headers::default() }
}

pub(super) fn definition() -> MarketBody {
    MarketBody::Definition(DefinitionBody {
        base: "ACME".parse().unwrap(),
        quote: "USD".parse().unwrap(),
        tick_size: "0.01".parse().unwrap(),
        lot_size: "0.001".parse().unwrap(),
        min_notional: "5".parse().unwrap(),
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
    })
}

pub(super) fn funding() -> Request {
    let (account, currency) = ("sim-p0".parse().unwrap(), "USD".parse().unwrap());
    Request::Fund { account, currency, amount: "100000".parse().unwrap() }
}
