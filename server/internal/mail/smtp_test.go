package mail

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is a mail server on a loopback port that keeps what it takes.
type sink struct {
	addr    string
	mu      sync.Mutex
	got     []received
	answers []error // for the next RCPT commands, one each; nil takes it
	signIns []string
	user    string // asks for this user and the password "correct horse"
}

type received struct {
	from string
	to   []string
	raw  []byte
	tls  bool
}

type sinkOptions struct {
	cert     *tls.Certificate
	implicit bool
	user     string
	addr     string
}

func startSink(t *testing.T, o sinkOptions) *sink {
	t.Helper()
	if o.addr == "" {
		o.addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: l.Addr().String(), user: o.user}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{sink: s, conn: c}, nil }))
	srv.Domain = "sink.test"
	srv.AllowInsecureAuth = true
	srv.ErrorLog = log.New(io.Discard, "", 0) // cut connections are what some tests are about
	if o.cert != nil {
		conf := &tls.Config{Certificates: []tls.Certificate{*o.cert}, MinVersion: tls.VersionTLS12}
		if o.implicit {
			l = tls.NewListener(l, conf)
		} else {
			srv.TLSConfig = conf
		}
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("close sink: %v", err)
		}
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("sink: %v", err)
		}
	})
	return s
}

func (s *sink) answer(errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, errs...)
}

func (s *sink) received() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

type session struct {
	sink *sink
	conn *smtp.Conn
	in   bool
	msg  received
}

func (s *session) AuthMechanisms() []string {
	if s.sink.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != s.sink.user || pass != "correct horse" {
			return smtp.ErrAuthFailed
		}
		s.in = true
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		s.sink.signIns = append(s.sink.signIns, user)
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.sink.user != "" && !s.in {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "sign in first"}
	}
	s.msg = received{from: from}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if len(s.sink.answers) > 0 {
		err := s.sink.answers[0]
		s.sink.answers = s.sink.answers[1:]
		if err != nil {
			return err
		}
	}
	s.msg.to = append(s.msg.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, s.msg.tls = s.conn.TLSConnectionState()
	s.msg.raw = raw
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.got = append(s.sink.got, s.msg)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func refuse(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

// certificate makes one for 127.0.0.1 and the trust in it.
func certificate(t *testing.T) (*tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, &tls.Config{RootCAs: pool}
}

func openSMTP(t *testing.T, setting string) *SMTPSender {
	t.Helper()
	s, err := OpenSMTP(setting, Options{PublicURL: "https://illumi.example.org", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closing(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// freeAddress is a loopback address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, l)
	return l.Addr().String()
}

func TestSMTP_Delivers(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	m := letter(t, news())
	if err := openSMTP(t, "smtp://"+sink.addr).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := sink.received()
	if len(got) != 1 || got[0].from != "illumi@illumi.example.org" || !slices.Equal(got[0].to, []string{m.To}) || got[0].tls {
		t.Fatalf("envelope %+v", got)
	}
	p := parse(t, got[0].raw)
	if p.subject != m.Subject || strings.ReplaceAll(p.html, "\r\n", "\n") != m.HTML {
		t.Errorf("subject %q, html changed or lost", p.subject)
	}
}

func TestSMTP_StudyIsTheSender(t *testing.T) {
	for name, c := range map[string]struct{ sender, answers, setting, from, reply string }{
		"both":              {"Quay study", "ask@example.org", "", `"Quay study" <illumi@illumi.example.org>`, "<ask@example.org>"},
		"neither":           {"", "", "", "<illumi@illumi.example.org>", ""},
		"the setting's":     {"", "", "?from=Lab+%3Cbox@lab.example%3E", `"Lab" <box@lab.example>`, ""},
		"before setting's":  {"Étude du quai", "", "?from=Lab+%3Cbox@lab.example%3E", `=?utf-8?q?=C3=89tude_du_quai?= <box@lab.example>`, ""},
		"posing as another": {`boss@bank.example" <x@y>`, "", "", `"bossbank.example xy" <illumi@illumi.example.org>`, ""},
		"a header of its own": {"x\r\nBcc: eve@example.org", "a@b\r\nBcc: eve@example.org", "",
			`"x Bcc: eveexample.org" <illumi@illumi.example.org>`, ""},
		"no address": {"Quay", "nobody", "", `"Quay" <illumi@illumi.example.org>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sink := startSink(t, sinkOptions{})
			m := letter(t, news())
			m.SenderName, m.ReplyTo = c.sender, c.answers
			if err := openSMTP(t, "smtp://"+sink.addr+c.setting).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			h := parse(t, sink.received()[0].raw).header
			if got := h.Get("From"); got != c.from {
				t.Errorf("from %s, want %s", got, c.from)
			}
			if got := h.Get("Reply-To"); got != c.reply {
				t.Errorf("answers to %s, want %s", got, c.reply)
			}
			if h.Get("Bcc") != "" || len(sink.received()[0].to) != 1 {
				t.Errorf("somebody else gets it too: %v", h)
			}
		})
	}
}

func TestSMTP_TLS(t *testing.T) {
	cert, trust := certificate(t)
	plain := startSink(t, sinkOptions{})
	start := startSink(t, sinkOptions{cert: cert, user: "ann"})
	open := startSink(t, sinkOptions{cert: cert})
	implicit := startSink(t, sinkOptions{cert: cert, implicit: true, user: "ann"})
	const who = "ann:correct%20horse@"
	for name, c := range map[string]struct {
		sink    *sink
		setting string
		trust   *tls.Config
		ok      bool
	}{
		"required and trusted":             {start, "smtp://" + who + start.addr, trust, true},
		"required, certificate unknown":    {start, "smtp://" + who + start.addr, nil, false},
		"required, not offered":            {plain, "smtp://" + plain.addr + "?tls=required", trust, false},
		"opportunistic, offered":           {open, "smtp://" + open.addr, nil, true},
		"opportunistic, password, unknown": {start, "smtp://" + who + start.addr + "?tls=opportunistic", nil, false},
		"implicit":                         {implicit, "smtps://" + who + implicit.addr, trust, true},
		"implicit, certificate unknown":    {implicit, "smtps://" + who + implicit.addr, nil, false},
		"implicit, no password":            {implicit, "smtps://" + implicit.addr, trust, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSMTP(t, c.setting)
			s.roots = c.trust
			before := len(c.sink.received())
			err := s.Send(t.Context(), letter(t, news()))
			got := c.sink.received()[before:]
			if !c.ok {
				if err == nil || len(got) != 0 || errors.Is(err, ErrPermanent) {
					t.Fatalf("want a temporary failure, got %v and %d mails", err, len(got))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || !got[0].tls {
				t.Fatalf("%d mails, in TLS: %v", len(got), got)
			}
		})
	}
}

func TestSMTP_PasswordWithoutTLSOnlyToSelf(t *testing.T) {
	sink := startSink(t, sinkOptions{user: "ann"})
	if err := openSMTP(t, "smtp://ann:correct%20horse@"+sink.addr+"?tls=none").Send(t.Context(), letter(t, news())); err != nil {
		t.Fatal(err)
	}
	err := openSMTP(t, "smtp://ann:wrong@"+sink.addr+"?tls=none").Send(t.Context(), letter(t, news()))
	if err == nil || errors.Is(err, ErrPermanent) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password is for an administrator to mend, and not for eyes: %v", err)
	}
}

func TestSMTP_Classifies(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	s := openSMTP(t, "smtp://"+sink.addr)
	m := letter(t, news())
	for _, c := range []struct {
		answer    error
		permanent bool
		says      string
	}{
		{refuse(450, "greylisted, ann@example.org"), false, "try again later"},
		{refuse(451, "local error"), false, "try again later"},
		{refuse(550, "no such user ann@example.org"), true, "no such user"},
		{refuse(552, "mailbox full"), true, "mailbox full"},
		{refuse(530, "must sign in"), false, "sign-in"},
	} {
		sink.answer(c.answer)
		err := s.Send(t.Context(), m)
		if err == nil || errors.Is(err, ErrPermanent) != c.permanent || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.answer, err)
			continue
		}
		if strings.Contains(err.Error(), m.To) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("the error names the recipient or has lines: %q", err)
		}
	}
	if n := len(sink.received()); n != 0 {
		t.Errorf("%d mails were taken", n)
	}
}

func TestSMTP_BadRecipients(t *testing.T) {
	sink := startSink(t, sinkOptions{})
	s := openSMTP(t, "smtp://"+sink.addr)
	for _, to := range []string{"", "nobody", "ann@example.org\r\nBcc: eve@example.org", "a@b, c@d", "ann@example.org\nRCPT TO:<eve@x>", "<a@b> <c@d>"} {
		m := letter(t, news())
		m.To = to
		if err := s.Send(t.Context(), m); !errors.Is(err, ErrPermanent) {
			t.Errorf("%q: %v", to, err)
		}
	}
	m := letter(t, news())
	m.MessageID = "x@y>\r\nBcc: eve@example.org"
	if err := s.Send(t.Context(), m); !errors.Is(err, ErrPermanent) {
		t.Errorf("Message-ID: %v", err)
	}
	m = letter(t, news())
	m.Subject = "x\r\nBcc: eve@example.org" // not from Render
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := sink.received()
	if len(got) != 1 || !slices.Equal(got[0].to, []string{"ann@example.org"}) || bytes.Contains(got[0].raw, []byte("\nBcc:")) {
		t.Errorf("%+v", got)
	}
}

func TestSMTP_Unreachable(t *testing.T) {
	err := openSMTP(t, "smtp://"+freeAddress(t)).Send(t.Context(), letter(t, news()))
	if err == nil || errors.Is(err, ErrPermanent) {
		t.Errorf("want a temporary failure, got %v", err)
	}
}

// A server that takes the mail and breaks off at once has taken it: sending it
// again would be a second copy.
func TestSMTP_BreakAfterTakingIsSuccess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, l) })
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		c := textproto.NewConn(conn)
		reply := "220 sink.test"
		for err == nil {
			if err = c.PrintfLine("%s", reply); err != nil {
				break
			}
			var line string
			if line, err = c.ReadLine(); err != nil {
				break
			}
			reply = "250 ok"
			if line != "DATA" {
				continue
			}
			if err = c.PrintfLine("354 go on"); err != nil {
				break
			}
			if _, err = c.ReadDotBytes(); err != nil {
				break
			}
			err = c.PrintfLine("250 taken")
			break
		}
		done <- errors.Join(err, c.Close())
	}()
	if err := openSMTP(t, "smtp://"+l.Addr().String()).Send(t.Context(), letter(t, news())); err != nil {
		t.Errorf("counted as failed: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A server that accepts and says nothing must not hold the worker.
func TestSMTP_SilentServerEndsWithContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, l) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer closing(t, conn)
		cancel()                          // connected: now the server stops
		_, _ = conn.Read(make([]byte, 1)) // until the other side closes; what it says is no matter
	}()
	begin := time.Now()
	err = openSMTP(t, "smtp://"+l.Addr().String()).Send(ctx, letter(t, news()))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v, shorter than no time-out of ours", took)
	}
	<-done
}

var _ Sender = (*SMTPSender)(nil)
var _ Sender = (*LogSender)(nil)
var _ Sender = (*Fake)(nil)
