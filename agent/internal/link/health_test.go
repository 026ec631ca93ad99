package link

import (
	"testing"

	"illumi/protocol"
)

// greetWith welcomes as a server that has these features.
func (p *peer) greetWith(features ...string) {
	p.t.Helper()
	p.read()
	w := welcome
	w.Features = features
	p.say(protocol.TypeWelcome, w)
}

func TestLink_Requests(t *testing.T) {
	world(t, nil, func(t *testing.T, w *wire, l *Link) {
		p := <-w.peers
		defer p.close()
		p.greetWith(protocol.FeatureHealth)
		expect(t, l, Up)
		r := protocol.Request{ID: "01930d5e-7c1a-7000-8000-000000007001", Aloud: true}
		for _, kind := range []Kind{End, Check, Practice} {
			p.say(protocol.MessageType(kind), r)
			if h := expect(t, l, kind); h.Request != r {
				t.Errorf("%s came as %+v", kind, h)
			}
		}
		p.say(protocol.TypeEnd, protocol.Request{ID: "now"}) // what makes no sense erases nothing
		p.say(protocol.TypeOffers, nil)
		expect(t, l, Offers)
	})
}

// An older server gets what it takes and nothing else: it would refuse a status
// with fields that it does not know.
func TestLink_TellsAsMuchAsTheServerTakes(t *testing.T) {
	report := protocol.Message{Type: protocol.TypeReport, ID: "r-1", Body: []byte(`{"id":"x"}`)}
	status := protocol.Status{State: "IDLE", Practice: true, InForce: &welcome.Settings, Health: &protocol.Health{Undervoltage: protocol.No, Throttled: protocol.No}}
	pending := func(o *Options, _ *wire) {
		o.Pending = func() ([]protocol.Message, error) { return []protocol.Message{report}, nil }
	}
	for name, features := range map[string][]string{"older": nil, "of now": {"more", protocol.FeatureHealth}} {
		t.Run(name, func(t *testing.T) {
			world(t, pending, func(t *testing.T, w *wire, l *Link) {
				p := <-w.peers
				defer p.close()
				p.greetWith(features...)
				expect(t, l, Up)
				takes := features != nil
				if takes {
					if m := p.read(); m.ID != report.ID {
						t.Errorf("first came %s %s, want the report", m.Type, m.ID)
					}
				}
				if l.Health() != takes {
					t.Errorf("Health is %v", l.Health())
				}
				if err := l.Status(status); err != nil {
					t.Fatal(err)
				}
				var s protocol.Status
				m := p.read()
				if err := protocol.Decode(m.Body, &s); err != nil || m.Type != protocol.TypeStatus {
					t.Fatalf("came %s: %v", m.Type, err)
				}
				if (s.Health != nil) != takes || (s.InForce != nil) != takes || s.Practice != takes || s.State != "IDLE" {
					t.Errorf("the status is %s", m.Body)
				}
				if err := l.Progress(report); err != nil {
					t.Fatal(err)
				}
				if takes {
					if m := p.read(); m.ID != report.ID {
						t.Errorf("came %s", m.Type)
					}
				}
				// The next thing that an older server hears is the heartbeat.
				if m := p.read(); m.Type != protocol.TypePing {
					t.Errorf("came %s", m.Type)
				}
			})
		})
	}
}
