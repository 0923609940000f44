//! Violations of the rules on publishers, on the facts about their events, and on the database.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::market::{self, MarketBody};
use tapedeck_schemas::record::Writer;

use super::super::{Author, Rule};
use super::bench::{Bench, SESSION, SUBJECT, definition, funding};
use super::tampers::{Tamper, due};
use crate::message::Headers;

/// Violations by publishers and ingest.
pub(super) const OF_PUBLISHERS: &[Tamper] = &[
    (Rule::ItemsAreNumbered, "an item is skipped", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items + 1, &event)
    }),
    (Rule::InboxAsIntended, "an item is stored twice", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items, &event)?;
        bench.send(std::slice::from_ref(&event), 2)?;
        bench.send(&[event], 2)
    }),
    (Rule::InboxAsIntended, "an item is skipped", || {
        let mut bench = Bench::begun();
        let (first, second) = (bench.event(MarketBody::HEARTBEAT), bench.event(MarketBody::HEARTBEAT));
        bench.checker.intended(SUBJECT, SESSION, 2, &first)?;
        bench.checker.intended(SUBJECT, SESSION, 3, &second)?;
        bench.send(&[second], 3)
    }),
    (Rule::InboxAsIntended, "an item is altered", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items, &event)?;
        bench.send(&[tapedeck_schemas::market::MarketEvent { ts_recv: event.ts_recv + 1, ..event }], 2)
    }),
    (Rule::InboxAsIntended, "items are sent again though no other session has published", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.send(&[tapedeck_schemas::market::MarketEvent { seq: 1, body: definition(), ..event }], 1)
    }),
    (Rule::HeadersNameTheLastItem, "a message names a later item than it holds", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items, &event)?;
        bench.send(&[event], 3)
    }),
    (Rule::HeadersNameTheLastItem, "a session is marked as alone where another has published", || {
        let mut bench = Bench::begun();
        let foreign = bench.message("INBOX_0_G1", SUBJECT, Headers::default(), b"not an array".to_vec());
        bench.deliver(&foreign, Author::Foreign)?;
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items, &event)?;
        let pairs = [("Tapedeck-Session", SESSION), ("Tapedeck-Through", "2"), ("Tapedeck-Alone", "yes")];
        let others = pairs.map(|(name, value)| (name.into(), value.into())).to_vec();
        let headers = Headers { others, ..Headers::default() };
        let message = bench.message("INBOX_0_G1", SUBJECT, headers, market::encode_batch(&[event]));
        bench.deliver(&message, Author::Publisher)
    }),
    (Rule::CommandsCountOnce, "a repeated command is accepted twice", || {
        let mut bench = Bench::begun();
        let mut accepted = None;
        for _ in 0..2 {
            bench.named_command(Some("f1".into()), "fund", funding())?;
            let mut due = bench.due(Writer::Control);
            due[0].event = accepted.get_or_insert_with(|| due[0].event.clone()).clone();
            bench.put(bench.record(Writer::Control, due))?;
        }
        Ok(())
    }),
    (Rule::AcknowledgedIsStored, "an item is taken for stored", || {
        let mut bench = Bench::begun();
        bench.checker.acknowledged(SUBJECT, SESSION, 2)
    }),
    (Rule::AllIntendedIsStored, "an item is never sent", || {
        let mut bench = Bench::begun();
        let event = bench.event(MarketBody::HEARTBEAT);
        bench.checker.intended(SUBJECT, SESSION, bench.items, &event)?;
        bench.finish()
    }),
    (Rule::FactsEqualTheEvent, "the fact of a quote has another size", || {
        let (mut bench, mut due) = due(Writer::Ingest, "Quote");
        for entry in &mut due {
            if let Event::Quote(quote) = &mut entry.event {
                quote.bid_size = quote.ask_size + quote.bid_size;
            }
        }
        bench.put(bench.record(Writer::Ingest, due))
    }),
    (Rule::FactOrRejection, "an entry gets two facts", || {
        let (mut bench, due) = due(Writer::Ingest, "Quote");
        bench.put(bench.record(Writer::Ingest, due.clone()))?;
        bench.put(bench.record(Writer::Ingest, due))
    }),
    (Rule::FactOrRejection, "a repeated event is accepted", || {
        let mut bench = Bench::begun();
        bench.quote()?;
        let first = bench.due(Writer::Ingest);
        bench.put(bench.record(Writer::Ingest, first.clone()))?;
        begin_again(&mut bench)?;
        let mut due = bench.due(Writer::Ingest);
        let fact = first.iter().find(|entry| matches!(entry.event, Event::Quote(_))).unwrap();
        let again = due.iter_mut().find(|entry| matches!(&entry.event, Event::Rejected(no) if no.seq == Some(2)));
        again.unwrap().event = fact.event.clone();
        bench.put(bench.record(Writer::Ingest, due))
    }),
    (Rule::EveryEventIsAnswered, "a quote is never answered", || {
        let (mut bench, _) = due(Writer::Ingest, "Quote");
        bench.finish()
    }),
    (Rule::ApprovedIsFinished, "an approved order is neither submitted nor finished", || {
        let (mut bench, _) = due(Writer::Execution, "OrderSubmitted");
        bench.finish()
    }),
    (Rule::FillsAreBooked, "a fill is never booked", || {
        let (mut bench, _) = due(Writer::Portfolio, "LedgerPosted");
        bench.finish()
    }),
];

/// Violations by the database.
pub(super) const OF_THE_DATABASE: &[Tamper] = &[
    (Rule::DatabaseAdvances, "the progress decreases", || {
        let mut bench = Bench::begun();
        bench.project()?;
        bench.checker.projected(2, &bench.fold.tables)
    }),
    (Rule::DatabaseAdvances, "the progress exceeds the tape", || {
        let mut bench = Bench::begun();
        bench.checker.projected(1000, &bench.fold.tables)
    }),
    (Rule::DatabaseIsTheFold, "a new row is altered", || {
        let mut bench = Bench::begun().until("OrderFilled", 1);
        bench.project()?;
        bench.quote()?;
        bench.run()?;
        for rows in bench.fold.tables.values_mut() {
            *rows.values_mut().next_back().unwrap().last_mut().unwrap() = Some("77".into());
        }
        bench.project()
    }),
    (Rule::DatabaseIsTheFold, "an old row is altered", || {
        let mut bench = Bench::begun().until("OrderFilled", 1);
        bench.project()?;
        let rows = bench.fold.tables.values_mut().next().unwrap();
        *rows.values_mut().next().unwrap().last_mut().unwrap() = Some("77".into());
        bench.finish()
    }),
    (Rule::DatabaseIsTheFold, "a row is missing", || {
        let mut bench = Bench::begun().until("OrderFilled", 1);
        bench.project()?;
        bench.quote()?;
        bench.run()?;
        bench.fold.tables.values_mut().next_back().unwrap().pop_first();
        bench.project()
    }),
    (Rule::DatabaseIsComplete, "the end of the tape is not in the database", || {
        let mut bench = Bench::begun();
        bench.project()?;
        bench.project()?;
        bench.quote()?;
        bench.run()?;
        bench.checker.finish()
    }),
    (Rule::DatabaseIsComplete, "not all rows were compared", || {
        let mut bench = Bench::begun().until("OrderFilled", 1);
        bench.project()?;
        bench.quote()?;
        bench.run()?;
        bench.project()?;
        bench.checker.finish()
    }),
];

/// A foreign message follows on the subject, so that the restarted publisher cannot read how much is stored.
pub(super) fn begin_again(bench: &mut Bench) -> super::bench::Outcome {
    let message = bench.message("INBOX_0_G1", SUBJECT, Default::default(), b"not an array".to_vec());
    bench.deliver(&message, Author::Foreign)?;
    let events = bench.sent.clone();
    bench.send(&events, events.len() as u64)
}
