// Publishes a small generated market of two instruments, in JSON.
//
//	go mod tidy && go run . -events 10000 -array 100
//	go run . -session s1      resumes the session, if there is one of this name
//
// Each instrument has its own goroutine, its own numbers and one message in flight: the next message is sent after
// JetStream has acknowledged the last one. A broken connection can therefore neither lose nor reorder events.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	source = "go"
	venue  = "demo"
)

// Event is one market event. Prices and quantities are text, so that they are never rounded to a float64 here.
type Event struct {
	Kind    string `json:"kind"`
	Source  string `json:"source"`
	Session string `json:"session"`
	Seq     uint64 `json:"seq"`
	TsRecv  int64  `json:"ts_recv,string"`

	Bid     string `json:"bid,omitempty"`
	BidSize string `json:"bid_size,omitempty"`
	Ask     string `json:"ask,omitempty"`
	AskSize string `json:"ask_size,omitempty"`

	Price     string `json:"price,omitempty"`
	Quantity  string `json:"quantity,omitempty"`
	Aggressor string `json:"aggressor,omitempty"`

	Base        string `json:"base,omitempty"`
	Quote       string `json:"quote,omitempty"`
	TickSize    string `json:"tick_size,omitempty"`
	LotSize     string `json:"lot_size,omitempty"`
	MinNotional string `json:"min_notional,omitempty"`
}

// recipe: resume

// Decided holds the numbers of one instrument of a session.
type Decided struct {
	Instrument string
	LastSeq    uint64 `json:"last_seq"`
	Missing    [][2]uint64
}

// resume returns the numbers of each instrument of the session, once everything that is stored is decided.
func resume(nc *nats.Conn, source, session string) (map[string]Decided, error) {
	known, request := map[string]Decided{}, map[string]string{"session": session}
	for {
		payload, _ := json.Marshal(request)
		reply, err := nc.Request("md-status."+source, payload, 10*time.Second)
		if err != nil {
			return nil, err
		}
		var status struct {
			Waiting  uint64
			Missing  []int
			Sessions []Decided
			Next     string
		}
		if err := json.Unmarshal(reply.Data, &status); err != nil {
			return nil, err
		}
		if status.Waiting > 0 || len(status.Missing) > 0 {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		for _, one := range status.Sessions {
			known[one.Instrument] = one
		}
		if status.Next == "" {
			return known, nil
		}
		request["after"] = status.Next
	}
}

// end of recipe

// Publisher publishes the events of one instrument, in one session.
type Publisher struct {
	js      nats.JetStreamContext
	symbol  string
	session string
	decided Decided
	seq     uint64
	sent    int
	pending []Event
}

// isDecided tells whether the event with the last number needs not be sent.
func (p *Publisher) isDecided() bool {
	for _, missing := range p.decided.Missing {
		if missing[0] <= p.seq && p.seq <= missing[1] {
			return false
		}
	}
	return p.seq <= p.decided.LastSeq
}

// add numbers an event and appends it to the pending ones.
func (p *Publisher) add(event Event) {
	p.seq++
	if p.isDecided() {
		return
	}
	event.Source, event.Session, event.Seq, event.TsRecv = source, p.session, p.seq, time.Now().UnixNano()
	p.pending = append(p.pending, event)
}

// flush sends the pending events as one message, and retries the same bytes until JetStream has stored them.
func (p *Publisher) flush() error {
	if len(p.pending) == 0 {
		return nil
	}
	payload, err := json.Marshal(p.pending)
	if err != nil {
		return err
	}
	// The symbols of this example need no escape in a subject: docs/publishing.md, "Symbols".
	subject := fmt.Sprintf("md.%s.%s.batch", venue, p.symbol)
	for {
		_, err := p.js.Publish(subject, payload, nats.AckWait(5*time.Second))
		if err == nil {
			p.sent += len(p.pending)
			p.pending = p.pending[:0]
			return nil
		}
		var apiError *nats.APIError
		if errors.As(err, &apiError) && apiError.Code < 500 {
			return err // a retry would fail too
		}
		log.Printf("%s: not stored: %v; retrying", subject, err)
		time.Sleep(500 * time.Millisecond)
	}
}

// run publishes the definition and a random walk around 100.00, with a trade after every second quote.
func (p *Publisher) run(events, array int, random *rand.Rand) error {
	p.add(Event{Kind: "definition", Base: p.symbol, Quote: "USD", TickSize: "0.01", LotSize: "1", MinNotional: "5"})
	cents := int64(10_000)
	for i := 0; i < events; i++ {
		if i%3 == 2 {
			side := []string{"buyer", "seller"}[random.Intn(2)]
			quantity := strconv.Itoa(1 + random.Intn(100))
			p.add(Event{Kind: "trade", Price: price(cents), Quantity: quantity, Aggressor: side})
		} else {
			cents += int64(random.Intn(3)) - 1
			p.add(Event{Kind: "quote", Bid: price(cents), BidSize: "10", Ask: price(cents + 1), AskSize: "20"})
		}
		if len(p.pending) >= array {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return p.flush()
}

func price(cents int64) string {
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

func main() {
	server := flag.String("server", nats.DefaultURL, "URL of the NATS server")
	events := flag.Int("events", 10_000, "quotes and trades per instrument")
	array := flag.Int("array", 100, "events per message, at most 1024 and 256 KiB")
	session := flag.String("session", "", "session of the source (default: a new one)")
	flag.Parse()

	nc, err := nats.Connect(*server, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		log.Fatal(err)
	}

	begun := time.Now()
	if *session == "" {
		*session = strconv.FormatInt(begun.UnixNano(), 16) // new at each start, because the numbers begin at 1
	}
	known, err := resume(nc, source, *session)
	if err != nil {
		log.Fatalf("md-status.%s: %v", source, err)
	}
	var publishers []*Publisher
	var running sync.WaitGroup
	symbols := []string{"GOPHER", "GOFISH"}
	for i, symbol := range symbols {
		publisher := &Publisher{js: js, symbol: symbol, session: *session, decided: known[venue+"."+symbol]}
		publishers = append(publishers, publisher)
		random := rand.New(rand.NewSource(int64(i)))
		running.Add(1)
		go func() {
			defer running.Done()
			if err := publisher.run(*events, *array, random); err != nil {
				log.Fatalf("%s: %v", publisher.symbol, err)
			}
		}()
	}
	running.Wait()
	sent, seconds := 0, time.Since(begun).Seconds()
	for _, publisher := range publishers {
		sent += publisher.sent
	}
	fmt.Printf("%d events in %.3f s: %.0f events/s\n", sent, seconds, float64(sent)/seconds)

	if known, err = resume(nc, source, *session); err != nil {
		log.Fatalf("md-status.%s: %v", source, err)
	}
	fmt.Printf("decided in session %s: %v\n", *session, known)
}
