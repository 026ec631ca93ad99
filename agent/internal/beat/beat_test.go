package beat

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestNext_MeetsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const short, long, rare = 20 * time.Second, time.Minute, 5 * time.Minute
		time.Sleep(7*time.Second + 3*time.Millisecond)
		for range 100 {
			s, l := Next(short), Next(long)
			if s < short/2 || s >= short*3/2 || l < long/2 || l >= long*3/2 {
				t.Fatalf("waits of %v and %v", s, l)
			}
			if r := Next(rare); (l-s)%short != 0 || (r-l)%long != 0 {
				t.Fatalf("%v, %v and %v do not meet", s, l, r)
			}
			time.Sleep(s + 2*time.Millisecond) // a timer is late
		}
	})
}

func TestNext_ATimerThatIsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(Next(time.Minute) - time.Millisecond)
		if d := Next(time.Minute); d != time.Minute+time.Millisecond {
			t.Errorf("then it waits %v", d)
		}
	})
}
