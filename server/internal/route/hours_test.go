package route_test

import (
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

func clock(t *testing.T, zone, wake, bed string) route.Clock {
	t.Helper()
	c, err := route.ClockOf(model.Hours{Zone: zone, Wake: wake, Bed: bed})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWakingHours(t *testing.T) {
	const layout = "2006-01-02 15:04"
	for _, c := range []struct {
		name, zone, wake, bed string
		start                 string // of the place's clock
		d                     time.Duration
		want                  string
	}{
		{"within a day", "Europe/Berlin", "08:00", "21:00", "2026-11-20 09:00", 3 * time.Hour, "2026-11-20 12:00"},
		{"over a night", "Europe/Berlin", "08:00", "21:00", "2026-11-20 20:00", 2 * time.Hour, "2026-11-21 09:00"},
		{"from the night", "Europe/Berlin", "08:00", "21:00", "2026-11-20 23:00", time.Hour, "2026-11-21 09:00"},
		{"from before waking", "Europe/Berlin", "08:00", "21:00", "2026-11-20 04:00", time.Hour, "2026-11-20 09:00"},
		{"just until bed", "Europe/Berlin", "08:00", "21:00", "2026-11-20 20:00", time.Hour, "2026-11-20 21:00"},
		{"24 waking hours", "Europe/Berlin", "08:00", "21:00", "2026-11-20 09:00", 24 * time.Hour, "2026-11-21 20:00"},
		{"bed after midnight", "Europe/Berlin", "10:00", "02:00", "2026-11-20 23:00", 4 * time.Hour, "2026-11-21 11:00"},
		{"started after midnight, still awake", "Europe/Berlin", "10:00", "02:00", "2026-11-21 01:00", 2 * time.Hour, "2026-11-21 11:00"},
		{"always awake", "Europe/Berlin", "08:00", "08:00", "2026-11-20 23:00", 24 * time.Hour, "2026-11-21 23:00"},
		{"the hour that spring takes", "Europe/Berlin", "00:00", "06:00", "2026-03-29 01:00", 4 * time.Hour, "2026-03-29 06:00"},
		{"the hour that autumn gives", "Europe/Berlin", "00:00", "06:00", "2026-10-25 01:00", 5 * time.Hour, "2026-10-25 05:00"},
		{"half an hour in spring", "Australia/Lord_Howe", "00:00", "06:00", "2026-10-04 01:00", 2 * time.Hour, "2026-10-04 03:30"},
		{"nothing", "UTC", "08:00", "21:00", "2026-11-20 23:00", 0, "2026-11-20 23:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := clock(t, c.zone, c.wake, c.bed)
			start, err := time.ParseInLocation(layout, c.start, k.Loc)
			if err != nil {
				t.Fatal(err)
			}
			got := route.After(start, c.d, k)
			if got.Format(layout) != c.want {
				t.Errorf("After = %s, want %s", got.Format(layout), c.want)
			}
			if sum := route.Awake(start, got, k); sum != c.d {
				t.Errorf("Awake until then = %s, want %s", sum, c.d)
			}
		})
	}
}

func TestDaytime(t *testing.T) {
	k := clock(t, "Europe/Berlin", "08:00", "21:00")
	for _, c := range []struct{ at, want string }{
		{"2026-11-20T08:59:00Z", "2026-11-20T09:00:00Z"},
		{"2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"},
		{"2026-11-20T17:59:59Z", "2026-11-20T17:59:59Z"},
		{"2026-11-20T18:00:00Z", "2026-11-21T09:00:00Z"},
		{"2026-03-28T20:00:00Z", "2026-03-29T08:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := route.Daytime(at, k).Format(time.RFC3339); got != c.want {
			t.Errorf("Daytime(%s) = %s, want %s", c.at, got, c.want)
		}
	}
}

func TestClockOfRefuses(t *testing.T) {
	for field, h := range map[string]model.Hours{
		"zone": {Zone: "Mars/Olympus"},
		"wake": {Zone: "UTC", Wake: "25:00", Bed: "21:00"},
		"bed":  {Zone: "UTC", Wake: "08:00", Bed: "soon"},
	} {
		_, err := route.ClockOf(h)
		if e, ok := model.AsError(err); !ok || e.Field != field {
			t.Errorf("ClockOf(%v) = %v, want a refusal of %s", h, err, field)
		}
	}
	if _, err := route.ClockOf(model.Hours{Zone: "Local"}); err == nil {
		t.Error("the server's own place counts as a home")
	}
}

// FuzzWakingHours: After and Awake undo each other, and time never goes back.
func FuzzWakingHours(f *testing.F) {
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"}
	f.Add(int64(1795162800), int64(86400), int64(3600), uint16(480), uint16(1260), uint8(1))
	f.Add(int64(1774746000), int64(14400), int64(60), uint16(600), uint16(120), uint8(2))
	f.Add(int64(1325203200), int64(200000), int64(1), uint16(0), uint16(1439), uint8(5))
	f.Fuzz(func(t *testing.T, unix, secs, more int64, wake, bed uint16, zone uint8) {
		loc, err := time.LoadLocation(zones[int(zone)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		// Nobody wakes or goes to bed in the hours that a clock change skips or doubles.
		k := route.Clock{Loc: loc, Wake: 240 + int(wake)%1200, Bed: 240 + int(bed)%1200}
		start := time.Unix(abs(unix)%(1<<32), 0).UTC()
		d := time.Duration(abs(secs)%(60*86400)) * time.Second
		e := d + time.Duration(abs(more)%86400)*time.Second
		a, b := route.After(start, d, k), route.After(start, e, k)
		if a.Before(start) || b.Before(a) {
			t.Fatalf("time went back: %s, %s, %s", start, a, b)
		}
		if got := route.Awake(start, a, k); got != d {
			t.Fatalf("Awake(%s, After(%s)) = %s", start, d, got)
		}
		if got := route.Awake(start, a, k) + route.Awake(a, b, k); got != route.Awake(start, b, k) {
			t.Fatalf("the parts are %s, the whole is not", got)
		}
	})
}

func abs(n int64) int64 {
	if n < 0 {
		return -(n + 1)
	}
	return n
}
