#!/usr/bin/env python3
"""Recomputes market totals, positions, cash and realised profit from a tape, and compares them with what it says.

    tapedeck tape --json | python3 tests/recompute.py
    python3 tests/recompute.py --self-test

Reads whole tapes of one or more partitions, one JSON object an event, in tape order. Shares nothing with the system
but the meaning of its facts: exact decimals; average cost, where the cost part of a partial close is rounded half
to even to 1e-21. Prints a JSON summary. Exit code 0: agrees; 1: differs, `difference` names the first; 2: no
verdict, because this is not a whole tape.
"""

import json
import sys
from bisect import bisect_right
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

getcontext().prec = 120  # sums and products here are exact; a quotient is rounded once, by quantize
MONEY_UNIT = Decimal("1e-21")
PRICE_UNIT = Decimal("1e-12")
ZERO = Decimal(0)


class Difference(Exception):
    """The tape says something else than its facts add up to."""


class NoVerdict(Exception):
    """What was read is not a whole tape."""


def plain(number):
    """A decimal as the tape prints it: no exponent, no trailing zeros."""
    return format(number.normalize(), "f") if number else "0"


def offset(text):
    """`p0g1:1234.5` or `inbox.g1:12.3` as the partition (None in an inbox) and the pair of numbers."""
    stream, place = text.split(":")
    sequence, index = place.split(".")
    return (int(stream[1:].split("g")[0]) if stream[0] == "p" else None), (int(sequence), int(index))


def signed(side, quantity):
    if side not in ("buy", "sell"):
        raise NoVerdict(f"no side is called {side!r}")
    return quantity if side == "buy" else -quantity


class History:
    """A running sum that remembers what it was at any position."""

    def __init__(self):
        self.positions, self.sums = [], []

    def last(self):
        return self.sums[-1] if self.sums else ZERO

    def add(self, position, amount):
        self.positions.append(position)
        self.sums.append(self.last() + amount)

    def at(self, position):
        """The sum up to and with what stands at the position."""
        count = bisect_right(self.positions, position)
        return self.sums[count - 1] if count else ZERO


class Position:
    """Quantity and cost by average cost, folded from fills."""

    def __init__(self):
        self.quantity = self.cost = self.realised = self.fees = ZERO

    def fill(self, quantity, price):
        """Folds a signed quantity; returns the profit that it realised."""
        profit = ZERO
        if self.quantity * quantity < 0:
            closed = min(abs(quantity), abs(self.quantity))
            part = (self.cost * closed / abs(self.quantity)).quantize(MONEY_UNIT, rounding=ROUND_HALF_EVEN)
            closing = closed if quantity > 0 else -closed
            profit = -closing * price - part
            self.quantity += closing
            self.cost -= part
            quantity -= closing
        self.quantity += quantity
        self.cost += quantity * price
        self.realised += profit
        return profit

    def numbers(self):
        average = self.cost / self.quantity if self.quantity else ZERO
        return {
            "average_price": average.quantize(PRICE_UNIT, rounding=ROUND_HALF_EVEN),
            "cost": self.cost,
            "fees": self.fees,
            "quantity": self.quantity,
            "realised": self.realised,
        }


class Market:
    """Totals of one instrument."""

    def __init__(self):
        self.quotes = self.trades = 0
        self.notional = self.quantity = ZERO
        self.bid = self.ask = self.trade = None

    def numbers(self):
        shown = lambda number: None if number is None else plain(number)
        return {
            "last_ask": shown(self.ask),
            "last_bid": shown(self.bid),
            "last_trade": shown(self.trade),
            "notional": plain(self.notional),
            "quantity": plain(self.quantity),
            "quotes": self.quotes,
            "trades": self.trades,
        }


class Tape:
    """One partition's tape, folded."""

    def __init__(self, partition):
        self.tape = f"p{partition}"  # with the generation of the last event
        self.place = (0, 0)
        self.portfolio_cause = (0, 0)
        self.market, self.currencies, self.positions = {}, {}, {}
        self.cash, self.realised, self.fees = {}, {}, {}
        self.odd_fees = set()  # positions and accounts with a fee in another currency than the instrument's
        self.seen, self.waiting = set(), {}
        self.compared = {"EquityMarked": 0, "PositionChanged": 0}

    def name(self, place, what):
        return f"{self.tape}:{place[0]}.{place[1]} {what}"

    def read(self, event):
        self.tape, _ = event["offset"].split(":")
        _, place = offset(event["offset"])
        if self.place == (0, 0) and event["kind"] != "TapeCreated":
            raise NoVerdict(self.name(place, f"the tape begins with a {event['kind']}, not with TapeCreated"))
        if place <= self.place:
            raise NoVerdict(self.name(place, f"comes after {self.place[0]}.{self.place[1]}"))
        self.place = place
        _, cause = offset(event["cause"])
        if event["writer"] == "portfolio":
            self.portfolio_cause = max(self.portfolio_cause, cause)
        handler = getattr(self, "on_" + event["kind"], None)
        if handler:
            handler(place, cause, event["body"])

    def on_InstrumentDefined(self, _place, _cause, body):
        self.currencies[body["instrument"]] = (body["base"], body["quote"])

    def on_Quote(self, _place, _cause, body):
        market = self.market.setdefault(body["instrument"], Market())
        market.quotes += 1
        market.bid, market.ask = Decimal(body["bid"]), Decimal(body["ask"])

    def on_Trade(self, _place, _cause, body):
        market = self.market.setdefault(body["instrument"], Market())
        price, quantity = Decimal(body["price"]), Decimal(body["quantity"])
        market.trades += 1
        market.notional += price * quantity
        market.quantity += quantity
        market.trade = price

    def on_AccountFunded(self, place, _cause, body):
        self.move(self.cash, body["account"], body["currency"], place, Decimal(body["amount"]))

    def move(self, histories, account, currency, place, amount):
        histories.setdefault((account, currency), History()).add(place, amount)

    def on_OrderFilled(self, place, _cause, body):
        fill, instrument, account = body["fill"], body["instrument"], body["account"]
        if fill in self.seen:
            raise Difference(self.name(place, f"fill {fill} comes again"))
        self.seen.add(fill)
        if instrument not in self.currencies:
            raise Difference(self.name(place, f"fill {fill} is of {instrument}, which was never defined"))
        base, quote = self.currencies[instrument]
        quantity = signed(body["side"], Decimal(body["quantity"]))
        price, fee = Decimal(body["price"]), Decimal(body["fee"])
        key = (account, body["strategy"], instrument)
        position = self.positions.setdefault(key, Position())
        profit = position.fill(quantity, price)
        position.fees += fee
        if body["fee_currency"] != quote:
            self.odd_fees.update([key, (account, quote)])
        self.move(self.cash, account, base, place, quantity)
        self.move(self.cash, account, quote, place, -quantity * price)
        self.move(self.cash, account, body["fee_currency"], place, -fee)
        self.move(self.realised, account, quote, place, profit)
        self.move(self.fees, account, quote, place, fee)
        self.waiting[fill] = (place, key, position.numbers())

    def on_PositionChanged(self, place, _cause, body):
        fill, key = body["fill"], (body["account"], body["strategy"], body["instrument"])
        _, expected_key, expected = self.waiting.pop(fill, (None, None, None))
        if key != expected_key:
            raise Difference(self.name(place, f"position {'/'.join(key)} changes by fill {fill}, which is not its, "
                                              "or for a second time"))
        self.compared["PositionChanged"] += 1
        for field, number in expected.items():
            if field == "average_price" and not expected["quantity"]:
                continue  # nothing is open, so nothing has a price
            if field == "fees" and key in self.odd_fees:
                continue
            self.same(place, f"position {'/'.join(key)} {field}", number, body[field])

    def on_EquityMarked(self, place, cause, body):
        key = (body["account"], body["currency"])
        self.compared["EquityMarked"] += 1
        folds = [("cash", self.cash), ("realised", self.realised)]
        if key not in self.odd_fees:
            folds.append(("fees", self.fees))
        for field, histories in folds:
            number = histories.get(key, History()).at(cause)
            self.same(place, f"{key[1]} {field} of {key[0]} at {cause[0]}.{cause[1]}", number, body[field])
        self.same(place, f"{key[1]} equity of {key[0]}", Decimal(body["cash"]) + Decimal(body["position_value"]),
                  body["equity"])

    def same(self, place, what, computed, said):
        if computed != Decimal(said):
            raise Difference(self.name(place, f"{what}: recomputed {plain(computed)}, the tape says {said}"))

    def finish(self):
        """What portfolio has not come to yet is not missing."""
        due = [(place, fill) for fill, (place, _, _) in self.waiting.items() if place <= self.portfolio_cause]
        if due:
            place, fill = min(due)
            raise Difference(self.name(place, f"fill {fill} changed no position, though portfolio has passed it"))
        if self.compared["PositionChanged"] and not self.compared["EquityMarked"]:
            raise Difference(self.name(self.place, "positions changed, but no equity was ever marked"))

    def summary(self):
        positions = {"/".join(key): position.numbers() for key, position in self.positions.items()}
        shown = {key: {field: plain(number) for field, number in numbers.items()}
                 for key, numbers in positions.items()}
        return {
            "cash": {"/".join(key): plain(history.last()) for key, history in self.cash.items()},
            "compared": self.compared,
            "fills": len(self.seen),
            "fills_ahead_of_portfolio": len(self.waiting),
            "market": {instrument: market.numbers() for instrument, market in self.market.items()},
            "positions": shown,
            "realised": {"/".join(key): plain(history.last()) for key, history in self.realised.items()},
        }


def recompute(lines):
    """The summary of the tapes, and the first difference or None."""
    tapes, difference, events = {}, None, 0
    try:
        for line in lines:
            event = json.loads(line)
            events += 1
            partition, _ = offset(event["offset"])
            tapes.setdefault(partition, Tape(partition)).read(event)
        if not events:
            raise NoVerdict("nothing to read")
        for tape in tapes.values():
            tape.finish()
    except Difference as found:
        difference = str(found)
    partitions = {f"p{partition}": tape.summary() for partition, tape in tapes.items()}
    return {"difference": difference, "events": events, "partitions": partitions}


def self_test_tape():
    """Buys 1 and 2, sells 1, then sells 3 and so goes short; then the market moves on."""
    instrument, account, strategy = "binance.BTCUSDT", "sim-p0", "combined"
    order = {"account": account, "strategy": strategy, "instrument": instrument}
    events = []

    def append(writer, cause, kind, body):
        seq = len(events) + 1
        stream = {"ingest": "inbox", "control": "command"}.get(writer, "p0g1")
        events.append({"offset": f"p0g1:{seq}.0", "writer": writer, "epoch": 1, "cause": f"{stream}:{cause}", "index": 0,
                       "at": seq, "stamp": 0, "kind": kind, "version": 1, "body": body})

    def filled(number, side, quantity, price):
        append("paper", "2.0", "OrderFilled", {
            **order, "fill": f"{number:032x}", "order": "0" * 32, "side": side, "price": price, "quantity": quantity,
            "leaves": "0", "fee": "0.01", "fee_currency": "USDT", "liquidity": "taker"})

    def booked(number, cause, quantity, cost, average, realised, fees, cash):
        append("portfolio", cause, "PositionChanged", {
            **order, "fill": f"{number:032x}", "quantity": quantity, "cost": cost, "average_price": average,
            "realised": realised, "fees": fees})
        append("portfolio", cause, "EquityMarked", {
            "account": account, "currency": "USDT", "cash": cash, "position_value": "0", "realised": realised,
            "unrealised": "0", "fees": fees, "equity": cash})

    append("keeper", "0.0", "TapeCreated", {"tape": "0" * 32, "partition": 0, "placement": []})
    append("ingest", "1.0", "InstrumentDefined", {"instrument": instrument, "base": "BTC", "quote": "USDT"})
    append("control", "1.0", "AccountFunded", {"account": account, "currency": "USDT", "amount": "1000", "by": "x"})
    append("ingest", "1.1", "Quote", {"instrument": instrument, "bid": "33.3", "ask": "33.4"})
    append("ingest", "1.2", "Trade", {"instrument": instrument, "price": "33.35", "quantity": "0.000000001"})
    filled(1, "buy", "1", "33.33")  # 6
    filled(2, "buy", "2", "33.335")  # 7: portfolio comes to the first only after the second
    booked(1, "6.0", "1", "33.33", "33.33", "0", "0.01", "966.66")
    booked(2, "7.0", "3", "100", "33.333333333333", "0", "0.02", "899.98")
    filled(3, "sell", "1", "34")  # 12: the cost part is 100/3
    booked(3, "12.0", "2", "66.666666666666666666667", "33.333333333333", "0.666666666666666666667", "0.03", "933.97")
    filled(4, "sell", "3", "34")  # 15: closes 2, opens 1 short
    booked(4, "15.0", "-1", "-34", "34", "2", "0.04", "1035.96")
    filled(5, "sell", "1", "35")  # 18: portfolio has not come to it
    return events


def self_test():
    """The fold agrees with a tape reckoned by hand, and each way of spoiling that tape is caught by its name."""
    lines = lambda events: [json.dumps(event) for event in events]
    summary = recompute(lines(self_test_tape()))
    assert summary["difference"] is None, summary
    p0 = summary["partitions"]["p0"]
    assert p0["market"]["binance.BTCUSDT"]["notional"] == "0.00000003335", p0
    assert p0["positions"]["sim-p0/combined/binance.BTCUSDT"]["quantity"] == "-2", p0
    assert p0["cash"] == {"sim-p0/BTC": "-2", "sim-p0/USDT": "1070.95"}, p0
    assert p0["compared"] == {"EquityMarked": 4, "PositionChanged": 4}, p0
    assert p0["fills_ahead_of_portfolio"] == 1, p0

    spoilt = [
        (12, "quantity", "1.1", "p0g1:13.0 position sim-p0/combined/binance.BTCUSDT cost"),
        (12, "fill", f"{1:032x}", "p0g1:12.0 fill 00000000000000000000000000000001 comes again"),
        (13, "realised", "0.666666666666666666666", "p0g1:13.0 position sim-p0/combined/binance.BTCUSDT realised"),
        (13, "fill", f"{2:032x}", "p0g1:13.0 position sim-p0/combined/binance.BTCUSDT changes by fill"),
        (16, "quantity", "-2", "p0g1:16.0 position sim-p0/combined/binance.BTCUSDT quantity"),
        (17, "cash", "1035.96000000000000001", "p0g1:17.0 USDT cash of sim-p0 at 15.0"),
        (17, "realised", "0", "p0g1:17.0 USDT realised of sim-p0 at 15.0"),
        (17, "equity", "1", "p0g1:17.0 USDT equity of sim-p0"),
        (3, "amount", "999", "p0g1:9.0 USDT cash of sim-p0 at 6.0"),
    ]
    for seq, field, value, expected in spoilt:
        events = self_test_tape()
        events[seq - 1]["body"][field] = value
        found = recompute(lines(events))["difference"]
        assert found is not None and found.startswith(expected), (seq, field, found, expected)
    lost = [event for event in self_test_tape() if event["offset"] not in ("p0g1:13.0", "p0g1:14.0")]
    found = recompute(lines(lost))["difference"]
    assert found == "p0g1:12.0 fill 00000000000000000000000000000003 changed no position, though portfolio has passed it"
    for broken in ([], self_test_tape()[1:], self_test_tape()[:1] * 2):
        try:
            recompute(lines(broken))
        except NoVerdict:
            continue
        raise AssertionError("what is no whole tape got a verdict")
    print(f"self-test: agrees with the tape reckoned by hand, {len(spoilt) + 1} spoilt tapes caught, 3 refused")


def main(arguments):
    if arguments == ["--self-test"]:
        self_test()
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        summary = recompute(sys.stdin)
    except (NoVerdict, ValueError, KeyError, TypeError, ArithmeticError) as error:
        print(f"no verdict: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(summary, sort_keys=True, indent=2))
    if summary["difference"]:
        print(summary["difference"], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
