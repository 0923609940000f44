// Publishes a small generated market of one instrument, in JSON, and waits until it is decided.
//
//   npm ci && node publish.mjs --events 10000 --array 100
//   node publish.mjs --session s1      # resumes the session, if there is one of this name
//
// Times are text: a JavaScript number cannot hold a count of ns. So are prices and quantities, which are never rounded.

import { parseArgs } from "node:util";
import { connect } from "@nats-io/transport-node";

const SOURCE = "node";
const INSTRUMENT = "demo.NODE";

const { values: args } = parseArgs({
  options: {
    server: { type: "string", default: "nats://127.0.0.1:4222" },
    session: { type: "string", default: `s${Date.now()}` },
    events: { type: "string", default: "3000" },
    array: { type: "string", default: "100" },
  },
});

const nc = await connect({ servers: args.server, maxReconnectAttempts: -1 });
let lastTime = 0n;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// recipe: resume
/** The numbers of each instrument of the session, once everything that is stored is decided. */
async function resume(nc, source, session) {
  for (const known = {}, request = { session }; ; ) {
    const reply = await nc.request(`md-status.${source}`, JSON.stringify(request), { timeout: 10_000 });
    const status = reply.json();
    if (status.waiting > 0 || status.missing.length > 0) {
      await sleep(200);
      continue;
    }
    for (const one of status.sessions) known[one.instrument] = one;
    if (status.next === null) return known;
    request.after = status.next;
  }
}
// end of recipe

/** The time in ns since the epoch, as text. It increases, although the clock has ms only. */
function now() {
  const time = BigInt(Date.now()) * 1_000_000n;
  lastTime = time > lastTime ? time : lastTime + 1n;
  return lastTime.toString();
}

/** Sends the same bytes until JetStream has stored them. A reply with `error` that is not 503 would not change. */
async function store(subject, payload) {
  for (;;) {
    try {
      const ack = (await nc.request(subject, payload, { timeout: 5000 })).json();
      if (ack.seq) return;
      if (ack.error.code < 500) throw new Error(`${subject} was refused: ${ack.error.description}`, { cause: ack });
      console.error(`${subject} was not stored: ${ack.error.description}; retrying`);
    } catch (error) {
      if (error.cause) throw error;
      console.error(`${subject} was not stored: ${error.message}; retrying`);
    }
    await sleep(500);
  }
}

/** The events, numbered from 1. */
function* market(count) {
  let seq = 0;
  const event = (kind, fields) => ({ kind, source: SOURCE, session: args.session, seq: ++seq, ts_recv: now(), ...fields });
  yield event("definition", { base: "NODE", quote: "USD", tick_size: "0.01", lot_size: "1", min_notional: "0" });
  for (let number = 0; number < count; number += 1) {
    const cents = 10_000 + (number % 50);
    const price = (units) => `${Math.floor(units / 100)}.${String(units % 100).padStart(2, "0")}`;
    yield number % 3 === 2
      ? event("trade", { price: price(cents), quantity: "3", aggressor: "buyer" })
      : event("quote", { bid: price(cents - 1), bid_size: "100", ask: price(cents + 1), ask_size: "100" });
  }
}

const { last_seq: last, missing } = (await resume(nc, SOURCE, args.session))[INSTRUMENT] ?? { last_seq: 0, missing: [] };
const isDecided = (seq) => seq <= last && !missing.some(([first, end]) => first <= seq && seq <= end);
let sent = 0;
let batch = [];
async function flush() {
  if (batch.length > 0) await store(`md.${INSTRUMENT}.batch`, JSON.stringify(batch));
  sent += batch.length;
  batch = [];
}
for (const event of market(Number(args.events))) {
  if (isDecided(event.seq)) continue;
  batch.push(event);
  if (batch.length === Number(args.array)) await flush();
}
await flush();

const decided = (await resume(nc, SOURCE, args.session))[INSTRUMENT];
console.log(`${sent} events in session ${args.session}; decided: ${JSON.stringify(decided)}`);
await nc.close();
