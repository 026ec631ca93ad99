package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"illumi/server/internal/model"
)

const (
	sendTimeout = 2 * time.Minute
	stepTimeout = 30 * time.Second
	maxReason   = 300 // runes of an error that the page shows
)

// SMTPSender hands mails to one mail server, a connection each.
type SMTPSender struct {
	host, port string
	user, pass string
	implicit   bool // TLS from the start
	policy     gomail.TLSPolicy
	verify     bool
	from       string
	helo       string // the public host
	timeout    time.Duration
	roots      *tls.Config // tests: trust their own certificate
}

// OpenSMTP reads an smtp:// or smtps:// setting; see Open. It does not connect.
//
// TLS: `required` (the default with a password) checks the server's
// certificate and never sends in clear. `opportunistic` (the default without)
// encrypts where offered; without a password it takes any certificate, since
// whoever can forge one can also remove the offer. `none` never encrypts, and
// with a password only to this same machine.
func OpenSMTP(setting string, o Options) (*SMTPSender, error) {
	u, err := url.Parse(setting)
	if err != nil {
		// url's own error repeats the whole address with its password.
		return nil, errors.New("--mail: the address is malformed; write smtp://user:password@host:port and escape special characters as %XX")
	}
	if u.Hostname() == "" || (u.Path != "" && u.Path != "/") {
		return nil, errors.New("--mail: the address needs a host and no path, like smtp://mail.example.org:587")
	}
	helo := senderHost(o.PublicURL)
	s := &SMTPSender{
		host: u.Hostname(), port: u.Port(), user: u.User.Username(),
		implicit: u.Scheme == "smtps", helo: helo,
		from: "illumi@" + helo, timeout: o.Timeout,
	}
	s.pass, _ = u.User.Password()
	if s.timeout <= 0 {
		s.timeout = sendTimeout
	}
	switch {
	case s.port != "":
		if n, err := strconv.Atoi(s.port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("--mail: the port is not between 1 and 65535")
		}
	case s.implicit:
		s.port = "465"
	default:
		s.port = "587"
	}
	q := u.Query()
	for key := range q {
		if key != "tls" && key != "from" {
			return nil, fmt.Errorf("--mail: unknown option %q; there are tls and from", key)
		}
	}
	if err := s.setTLS(q.Get("tls")); err != nil {
		return nil, err
	}
	switch from := q.Get("from"); {
	case from != "":
		s.from = from
	case strings.Contains(s.user, "@"):
		s.from = s.user
	}
	if _, err := mail.ParseAddress(s.from); err != nil || strings.ContainsAny(s.from, "\r\n\x00") {
		return nil, errors.New("--mail: the sender's address (option from) is not an e-mail address")
	}
	return s, nil
}

func (s *SMTPSender) setTLS(mode string) error {
	if mode == "" {
		mode = "opportunistic"
		if s.pass != "" || s.implicit {
			mode = "required"
		}
	}
	switch mode {
	case "required":
		s.policy, s.verify = gomail.TLSMandatory, true
	case "opportunistic":
		s.policy, s.verify = gomail.TLSOpportunistic, s.pass != ""
	case "none":
		s.policy = gomail.NoTLS
		if s.pass != "" && !loopback(s.host) {
			return errors.New("--mail: a password without TLS is only sent to this same machine; use tls=required")
		}
	default:
		return errors.New("--mail: the option tls is required, opportunistic or none")
	}
	if s.implicit && mode != "required" {
		return errors.New("--mail: smtps always uses TLS; leave the option tls out")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send delivers the mail. Once the server has taken it, nothing that goes
// wrong afterwards counts as a failure.
func (s *SMTPSender) Send(ctx context.Context, m model.Mail) error {
	msg, err := compose(m, s.from, s.helo)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, err := s.client(ctx)
	if err != nil {
		return fmt.Errorf("prepare the mail client: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() {
		return nil
	}
	return explain(ctx, err, m.To)
}

func (s *SMTPSender) client(ctx context.Context) (*gomail.Client, error) {
	conf := &tls.Config{}
	if s.roots != nil {
		conf = s.roots.Clone()
	}
	conf.ServerName = s.host
	conf.MinVersion = tls.VersionTLS12
	conf.InsecureSkipVerify = !s.verify //nolint:gosec // only opportunistic TLS without a password: see OpenSMTP

	// go-mail watches the context while it dials only. We close the connection
	// ourselves when the context ends, at any step.
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() }) // mostly closed already, after the last word
		if !s.implicit {
			return conn, nil
		}
		t := tls.Client(conn, conf)
		if err := t.HandshakeContext(dialCtx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return t, nil
	}
	policy := s.policy
	if s.implicit {
		policy = gomail.TLSOpportunistic // already inside TLS: nothing more to ask for
	}
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return nil, err
	}
	opts := []gomail.Option{
		gomail.WithPort(port),
		gomail.WithHELO(s.helo),
		gomail.WithTimeout(stepTimeout),
		gomail.WithTLSConfig(conf),
		gomail.WithTLSPolicy(policy),
		gomail.WithDialContextFunc(dial),
		gomail.WithoutNoop(),
	}
	if s.pass != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if s.policy == gomail.NoTLS {
			auth = gomail.SMTPAuthPlainNoEnc // to this same machine only: see setTLS
		}
		opts = append(opts, gomail.WithSMTPAuth(auth), gomail.WithUsername(s.user), gomail.WithPassword(s.pass))
	}
	return gomail.NewClient(s.host, opts...)
}

// explain turns go-mail's error into one line without the recipient, marked
// with ErrPermanent where the server said no for good.
func explain(ctx context.Context, err error, to string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the mail server did not answer in time: %w", ctx.Err())
	}
	text := err.Error()
	if send, ok := errors.AsType[*gomail.SendError](err); ok {
		text, _, _ = strings.Cut(send.Error(), ", affected ")
		text = hide(text, to)
		switch code := send.ErrorCode(); {
		case code >= 400 && code < 500:
			return fmt.Errorf("the mail server asked to try again later: %s", text)
		case code == 530 || code == 534 || code == 535 || code == 538:
			// Sign-in or TLS is missing: an administrator can mend that.
			return fmt.Errorf("the mail server refused illumi's sign-in: %s", text)
		case code >= 500:
			return fmt.Errorf("%w: the mail server refused it: %s", ErrPermanent, text)
		}
		return fmt.Errorf("the connection to the mail server broke: %s", text)
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("the mail server refused the connection: %s", hide(reply.Error(), to))
	}
	return fmt.Errorf("the mail server cannot be reached: %s", hide(text, to))
}

func hide(text, to string) string {
	if to != "" {
		text = strings.ReplaceAll(text, to, "the recipient")
	}
	return oneLine(text, maxReason)
}
