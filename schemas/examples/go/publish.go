// Publishes a small generated market of two instruments, in JSON.
//
//	go mod tidy && go run . -events 10000 -array 100
//
// Each instrument has a goroutine of its own, numbers its own events, and has one message in flight: nothing newer is
// sent before JetStream has said that the last one is stored. So a cut connection can neither lose nor reorder.
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

// Event is one market event. Prices and quantities are decimal text: a float would be refused.
type Event struct {
	Kind    string `json:"kind"`
	Source  string `json:"source"`
	Session string `json:"session"`
	Seq     uint64 `json:"seq"`
	TsRecv  int64  `json:"ts_recv"`

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

// Lane publishes one instrument.
type Lane struct {
	js      nats.JetStreamContext
	symbol  string
	session string
	seq     uint64
	pending []Event
}

func (l *Lane) add(event Event) {
	l.seq++
	event.Source, event.Session, event.Seq, event.TsRecv = source, l.session, l.seq, time.Now().UnixNano()
	l.pending = append(l.pending, event)
}

// flush sends what is pending as one message, the same bytes until it is stored.
func (l *Lane) flush() error {
	if len(l.pending) == 0 {
		return nil
	}
	payload, err := json.Marshal(l.pending)
	if err != nil {
		return err
	}
	subject := fmt.Sprintf("md.%s.%s.batch", venue, l.symbol)
	id := fmt.Sprintf("%s.%s.%s.%d-%d", source, l.session, l.symbol, l.pending[0].Seq, l.seq)
	for {
		_, err := l.js.Publish(subject, payload, nats.MsgId(id), nats.AckWait(5*time.Second))
		if err == nil {
			l.pending = l.pending[:0]
			return nil
		}
		var refused *nats.APIError
		if errors.As(err, &refused) && refused.Code < 500 {
			return err // it will never be taken
		}
		log.Printf("%s: %v; sending it again", subject, err)
		time.Sleep(500 * time.Millisecond)
	}
}

// run publishes the definition and a market that walks around 100.00, a trade for every second quote.
func (l *Lane) run(events, array int, random *rand.Rand) error {
	l.add(Event{Kind: "definition", Base: l.symbol, Quote: "USD", TickSize: "0.01", LotSize: "1", MinNotional: "5"})
	cents := int64(10_000)
	for i := 0; i < events; i++ {
		if i%3 == 2 {
			side := []string{"buyer", "seller"}[random.Intn(2)]
			quantity := strconv.Itoa(1 + random.Intn(100))
			l.add(Event{Kind: "trade", Price: price(cents), Quantity: quantity, Aggressor: side})
		} else {
			cents += int64(random.Intn(3)) - 1
			l.add(Event{Kind: "quote", Bid: price(cents), BidSize: "10", Ask: price(cents + 1), AskSize: "20"})
		}
		if len(l.pending) >= array {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	return l.flush()
}

func price(cents int64) string {
	return fmt.Sprintf("%d.%02d", cents/100, cents%100)
}

func main() {
	server := flag.String("server", nats.DefaultURL, "NATS to publish to")
	events := flag.Int("events", 10_000, "quotes and trades of each instrument")
	array := flag.Int("array", 100, "events a message, at most 1024 and 256 KiB")
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
	session := strconv.FormatInt(begun.UnixNano(), 16) // a new one at each start: the numbers begin at 1
	var lanes sync.WaitGroup
	symbols := []string{"GOPHER", "GOFISH"}
	for i, symbol := range symbols {
		lane := &Lane{js: js, symbol: symbol, session: session}
		random := rand.New(rand.NewSource(int64(i)))
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			if err := lane.run(*events, *array, random); err != nil {
				log.Fatalf("%s: %v", lane.symbol, err)
			}
		}()
	}
	lanes.Wait()
	sent, seconds := len(symbols)*(*events+1), time.Since(begun).Seconds()
	fmt.Printf("%d events in %.3f s: %.0f events/s\n", sent, seconds, float64(sent)/seconds)

	// What has become of them: the last numbers taken, refusals by reason.
	status, err := nc.Request("md-status."+source, nil, 10*time.Second)
	if err != nil {
		log.Fatalf("md-status.%s: %v", source, err)
	}
	fmt.Println(string(status.Data))
}
