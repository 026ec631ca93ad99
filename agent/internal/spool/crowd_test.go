package spool

import (
	"errors"
	"testing"

	"illumi/protocol"
)

func TestReserve_NoMoreThanTheBoxCanTake(t *testing.T) {
	file := func(n int) protocol.File {
		f := describe(protocol.RoleAudio, sound(n, 10))
		f.Size = 1000
		return f
	}
	for _, c := range []struct {
		name   string
		free   int64
		offers int // taken, of five
	}{{"as many as are allowed", 1 << 40, 3}, {"as many as fit beside the reserve", 500 + 2999, 2}, {"one even where nothing fits", 0, 1}} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, Options{MaxOpen: 3, Reserve: 500, Free: func(string) (int64, error) { return c.free, nil }})
			for i := 1; i <= 5; i++ {
				_, err := s.Reserve(offer(i, 1, file(i)))
				if taken := i <= c.offers; taken != (err == nil) || !taken && !errors.Is(err, ErrCrowded) {
					t.Errorf("offer %d: %v", i, err)
				}
			}
			// What is here already may be offered anew, and room that is given up is room.
			_, err := s.Reserve(offer(1, 2, file(1)))
			must(t, err)
			must(t, s.Forget(id(1)))
			_, err = s.Reserve(offer(9, 1, file(9)))
			must(t, err)
			list, err := s.Inbox()
			if must(t, err); len(list) != c.offers {
				t.Errorf("%d offers are kept", len(list))
			}
		})
	}
}
