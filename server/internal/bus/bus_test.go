package bus

import (
	"sync"
	"testing"
)

func TestPublish_reachesItsTopicOnly(t *testing.T) {
	b := New()
	one, both := b.Subscribe(Whisper("1")), b.Subscribe(Whisper("1"), Boxes)
	defer both.Close()
	b.Publish(Boxes)
	if pending(one) || !pending(both) {
		t.Fatal("a hint about boxes went astray")
	}
	b.Publish(Whisper("1"))
	b.Publish(Whisper("1"))
	if !pending(one) || pending(one) {
		t.Fatal("hints that wait must merge into one")
	}
	one.Close()
	b.Publish(Whisper("1"))
	if pending(one) {
		t.Fatal("heard after Close")
	}
	both.Close()
	if len(b.subs) != 0 {
		t.Fatalf("%d topics are left over", len(b.subs))
	}
}

func TestPublish_concurrently(t *testing.T) {
	b := New()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				s := b.Subscribe(Boxes)
				b.Publish(Boxes)
				if !pending(s) {
					t.Error("a hint got lost")
				}
				s.Close()
			}
		})
	}
	wg.Wait()
}

func pending(s *Subscription) bool {
	select {
	case <-s.C:
		return true
	default:
		return false
	}
}
