// Package bus carries hints between those who change something and those who
// show it: "look at X again". A hint has no content and may get lost or come
// twice; the database is the truth.
package bus

import "sync"

// Topic names what changed.
type Topic string

// Boxes is the topic of the list of boxes.
const Boxes Topic = "boxes"

// Whisper is the topic of one whisper.
func Whisper(id string) Topic { return Topic("whisper/" + id) }

// Project is the topic of all events of one project.
func Project(id string) Topic { return Topic("project/" + id) }

// Bus passes hints on within one process.
type Bus struct {
	mu   sync.Mutex
	subs map[Topic]map[*Subscription]struct{}
}

// New makes an empty bus.
func New() *Bus { return &Bus{subs: map[Topic]map[*Subscription]struct{}{}} }

// Subscription receives hints about some topics. Hints that are not picked up
// merge into one.
type Subscription struct {
	// C says that at least one of the topics changed since it was last read.
	C      <-chan struct{}
	c      chan struct{}
	topics []Topic
	bus    *Bus
}

// Subscribe begins to listen; Close ends it.
func (b *Bus) Subscribe(topics ...Topic) *Subscription {
	c := make(chan struct{}, 1)
	s := &Subscription{C: c, c: c, topics: topics, bus: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range topics {
		if b.subs[t] == nil {
			b.subs[t] = map[*Subscription]struct{}{}
		}
		b.subs[t][s] = struct{}{}
	}
	return s
}

// Close stops listening. C is not closed.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	for _, t := range s.topics {
		delete(s.bus.subs[t], s)
		if len(s.bus.subs[t]) == 0 {
			delete(s.bus.subs, t)
		}
	}
}

// Publish hints at a change. It never waits for a listener.
func (b *Bus) Publish(t Topic) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs[t] {
		select {
		case s.c <- struct{}{}:
		default: // it has not looked yet; one hint is enough
		}
	}
}
