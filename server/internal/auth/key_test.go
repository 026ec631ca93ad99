package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"illumi/protocol"
)

func TestLoadKey(t *testing.T) {
	dir := t.TempDir()
	keys := make([]Key, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := LoadKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] || k == (Key{}) {
			t.Fatal("servers that start together have different keys")
		}
	}
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if other, err := LoadKey(t.TempDir()); err != nil || other == keys[0] {
		t.Errorf("two data directories share a key, %v", err)
	}

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that the group reads: %v", err)
	}
	for _, text := range []string{"", "zz", strings.Repeat("ab", 31), strings.Repeat("ab", 33)} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKey_HidesItself(t *testing.T) {
	k, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(format, k); strings.Contains(got, fmt.Sprintf("%x", k.secret[:4])) || strings.Contains(got, fmt.Sprint(k.secret[0])+" ") {
			t.Errorf("%s shows the key: %s", format, got)
		}
	}
}

func TestNewCode(t *testing.T) {
	const n = 6000
	seen, letters := map[string]bool{}, map[rune]int{}
	for range n {
		c := NewCode()
		if norm, ok := protocol.NormalizeCode(c); !ok || norm != c || seen[c] {
			t.Fatalf("%q is no code, or came twice", c)
		}
		seen[c] = true
		for _, r := range c {
			letters[r]++
		}
	}
	// 2000 of each are expected, with a standard deviation of 44; a modulo's bias
	// would give the first sixteen letters 2109 and the others 1875.
	first := 0
	for i, r := range protocol.CodeAlphabet {
		if letters[r] < 2000-300 || letters[r] > 2000+300 {
			t.Errorf("%c came %d times", r, letters[r])
		}
		if i < 256%len(protocol.CodeAlphabet) {
			first += letters[r]
		}
	}
	if want, off := 2000*(256%len(protocol.CodeAlphabet)), 1000; first < want-off || first > want+off {
		t.Errorf("the first letters came %d times, want about %d", first, want)
	}
}

func TestHashCode(t *testing.T) {
	a, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := NewCode()
	again := a.HashCode(c)
	if a.HashCode(c) != again || again == b.HashCode(c) || a.HashCode(c) == a.HashCode(NewCode()) {
		t.Error("the hash does not depend on key and code alone")
	}
	if strings.Contains(a.HashCode(c), c) || len(a.HashCode(c)) != 64 {
		t.Error(a.HashCode(c))
	}
	if a.mac("x", "y") == a.HashCode("y") {
		t.Error("purposes are not kept apart")
	}
}

func TestClientPrefix(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"192.0.2.7:443":        "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:80": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"":                     "unknown",
		"@":                    "unknown",
		"192.0.2.7, 10.0.0.1":  "unknown",
	} {
		if got := ClientPrefix(ip); got != want {
			t.Errorf("%q: %q, want %q", ip, got, want)
		}
	}
}

func FuzzClientPrefix(f *testing.F) {
	f.Add("192.0.2.7:1")
	f.Add("[fe80::1%25eth0]:1")
	f.Fuzz(func(t *testing.T, ip string) {
		if got := ClientPrefix(ip); got == "" || len(got) > 43 {
			t.Errorf("%q: %q", ip, got)
		}
	})
}
