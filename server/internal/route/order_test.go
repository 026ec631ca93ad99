package route_test

import (
	"strings"
	"testing"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

// The golden orders were checked with the ten lines of Python in
// docs/randomisation.md. They never change.
func TestArrange_golden(t *testing.T) {
	for _, tc := range []struct{ seed, names, want string }{
		{strings.Repeat("00", 32), "a b c d e", "c b a e d"},
		{strings.Repeat("01", 32), "a b c d e", "c a e b d"},
		{strings.Repeat("ff", 32), "beargrylls conandoyle janeeyre", "conandoyle beargrylls janeeyre"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "é ö a Z 1", "ö 1 a é Z"},
	} {
		seed, err := route.ParseSeed(tc.seed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := route.Arrange(route.Shuffle(seed, strings.Fields(tc.names)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("seed %.8s… of %s: got %q, want %q", tc.seed, tc.names, strings.Join(got, " "), tc.want)
		}
	}
}

// Every order must be possible and about equally likely: 6 orders of 3 names
// over 6,000 derived seeds. The bound is six standard deviations.
func TestArrange_evenly(t *testing.T) {
	count := map[string]int{}
	for k := range 6000 {
		order, err := route.Arrange(route.Shuffle(route.DeriveSeed([32]byte{7}, k), []string{"a", "b", "c"}))
		if err != nil {
			t.Fatal(err)
		}
		count[strings.Join(order, "")]++
	}
	if len(count) != 6 {
		t.Fatalf("%d of 6 orders came up: %v", len(count), count)
	}
	for order, n := range count {
		if n < 1000-175 || n > 1000+175 {
			t.Errorf("order %s came up %d times of 6000", order, n)
		}
	}
}

func TestArrange_refuses(t *testing.T) {
	good := route.Shuffle([32]byte{}, []string{"b", "a"})
	for name, change := range map[string]func(*model.Order){
		"unknown algorithm": func(o *model.Order) { o.Algorithm = "illumi-shuffle-0" },
		"short seed":        func(o *model.Order) { o.Seed = "00" },
		"not hex":           func(o *model.Order) { o.Seed = strings.Repeat("zz", 32) },
		"input not sorted":  func(o *model.Order) { o.Input = []string{"b", "a"} },
	} {
		o := good
		change(&o)
		if order, err := route.Arrange(o); err == nil {
			t.Errorf("%s: gave %v", name, order)
		}
	}
}
