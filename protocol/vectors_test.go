package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// vectorFile is one file of testdata: what a shape looks like and what it must
// not. "text" is the exact bytes, "hex" where they are no text.
type vectorFile struct {
	Shape string   `json:"shape"`
	About string   `json:"about"`
	Good  []vector `json:"good"`
	Bad   []vector `json:"bad"`
}

type vector struct {
	Name      string `json:"name"`
	Text      string `json:"text,omitempty"`
	Hex       string `json:"hex,omitempty"`
	Complaint string `json:"complaint,omitempty"`
}

func (v vector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.Hex == "" {
		return []byte(v.Text)
	}
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shapes says for each vector file how its bytes become a value and back.
var shapes = map[string]func(data []byte) (any, error){
	"message":         func(b []byte) (any, error) { m, err := ParseMessage(b); return m, err },
	"hello":           strictly[Hello],
	"welcome":         strictly[Welcome],
	"settings":        strictly[Settings],
	"hopref":          strictly[HopRef],
	"ack":             strictly[Ack],
	"progress":        strictly[Progress],
	"status":          strictly[Status],
	"notice":          strictly[NoticeText],
	"enroll_request":  strictly[EnrollRequest],
	"enroll_response": strictly[EnrollResponse],
	"offer":           strictly[Offer],
	"offers_page":     strictly[OffersPage],
	"reply":           strictly[Reply],
	"receipt":         strictly[Receipt],
	"problem":         strictly[Problem],
	"report":          strictly[Report],
	"request":         strictly[Request],
	"check":           strictly[Check],
	"check_receipt":   strictly[CheckReceipt],
	"clips":           strictly[Clips],
}

func strictly[T any](data []byte) (any, error) {
	var v T
	if err := Decode(data, &v); err != nil {
		return v, err
	}
	if c, ok := any(v).(interface{ Check() error }); ok {
		return v, c.Check()
	}
	return v, nil
}

func readVectors(t testing.TB) []vectorFile {
	t.Helper()
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vectorFile
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f vectorFile
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Shape+".json" != filepath.Base(name) {
			t.Fatalf("%s holds the shape %q", name, f.Shape)
		}
		all = append(all, f)
	}
	return all
}

func TestVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range readVectors(t) {
		read, ok := shapes[f.Shape]
		if !ok {
			t.Errorf("no shape for %s.json", f.Shape)
			continue
		}
		seen[f.Shape] = true
		if len(f.Good) == 0 || len(f.Bad) == 0 {
			t.Errorf("%s: needs good and bad ones", f.Shape)
		}
		for _, v := range f.Good {
			t.Run(f.Shape+"/good/"+v.Name, func(t *testing.T) { goodVector(t, read, v.bytes(t)) })
		}
		for _, v := range f.Bad {
			t.Run(f.Shape+"/bad/"+v.Name, func(t *testing.T) {
				_, err := read(v.bytes(t))
				if err == nil {
					t.Fatal("accepted")
				}
				if v.Complaint == "" || !strings.Contains(err.Error(), v.Complaint) {
					t.Errorf("complaint %q, want one with %q", err, v.Complaint)
				}
			})
		}
	}
	for name := range shapes {
		if !seen[name] {
			t.Errorf("no vectors for %s", name)
		}
	}
}

// goodVector holds a value to an exact round trip: the vectors are in our own
// canonical spelling, so not a byte may differ.
func goodVector(t *testing.T, read func([]byte) (any, error), data []byte) {
	t.Helper()
	v, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, data) {
		t.Errorf("round trip\n got %s\nwant %s", out, data)
	}
	again, err := read(out)
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Errorf("second reading differs: %v", err)
	}
	// A box passes over what a later server adds.
	more := append([]byte(`{"of_a_later_version":[1],`), data[1:]...)
	loose := reflect.New(reflect.TypeOf(v))
	if err := DecodeLoose(more, loose.Interface()); err != nil {
		t.Errorf("loose reading: %v", err)
	}
	if !reflect.DeepEqual(loose.Elem().Interface(), v) {
		t.Error("loose reading differs")
	}
	if err := Decode(more, reflect.New(reflect.TypeOf(v)).Interface()); err == nil {
		t.Error("strict reading took an unknown field")
	}
}

func checkStable(t *testing.T, read func([]byte) (any, error), data []byte) {
	t.Helper()
	v, err := read(data)
	if err != nil {
		return
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%q was read and cannot be written: %v", data, err)
	}
	again, err := read(out)
	if err != nil {
		t.Fatalf("%q became %q: %v", data, out, err)
	}
	out2, err := json.Marshal(again)
	if err != nil || string(out2) != string(out) {
		t.Fatalf("%q is not stable: %q %v", out, out2, err)
	}
}
