// Package mail renders and sends the few e-mails that illumi writes. A mail
// carries news and one link; never media, never a participant's name. It is
// queued with the change that it tells of, and sent later, so that a slow or
// dead mail server never delays a whisper.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// ErrPermanent marks a failure that trying again cannot mend. Every other
// failure of a Sender is worth another try.
var ErrPermanent = errors.New("mail refused for good")

// Sender hands one mail to the next system. Nil means that it took the
// responsibility. Sending the same mail again gives a message with the same
// Message-ID, date and bytes. Errors are one line that may be shown to the
// researcher and never hold a password or the recipient's address.
type Sender interface {
	Send(ctx context.Context, m model.Mail) error
}

// Options is what every sender needs to know.
type Options struct {
	// PublicURL is where people reach this server; its host names the sender.
	PublicURL string
	// Dir is the data directory; the log sender writes into its folder mail.
	Dir string
	// Timeout bounds one delivery; 2 minutes if zero.
	Timeout time.Duration
}

// Open makes the sender that a --mail setting asks for:
//
//	log                                      files in DIR/mail
//	smtp://[user:password@]host[:port]       port 587; STARTTLS
//	smtps://[user:password@]host[:port]      port 465; TLS from the start
//
// with the options ?from=ADDRESS and, for smtp, ?tls=required|opportunistic|none.
// The error never repeats the setting, which may hold a password.
func Open(setting string, o Options) (Sender, error) {
	if setting == "log" {
		return OpenLog(o)
	}
	if scheme, _, _ := strings.Cut(setting, "://"); scheme == "smtp" || scheme == "smtps" {
		return OpenSMTP(setting, o)
	}
	return nil, errors.New("--mail is neither log nor like smtp://mail.example.org or smtps://mail.example.org")
}

// Check reports what Open would find wrong with a setting, and makes nothing.
func Check(setting string) error {
	if setting == "log" {
		return nil
	}
	_, err := Open(setting, Options{})
	return err
}

// MessageID is the identity of a mail with this id from the server at
// publicURL, without angle brackets. It is the same for every attempt.
func MessageID(id, publicURL string) string {
	return id + "@" + senderHost(publicURL)
}

// senderHost is the public URL's host where it can stand in an address.
func senderHost(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	host := strings.ToLower(u.Hostname())
	for _, c := range host {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return "localhost" // an IPv6 address, say: not a domain
		}
	}
	return host
}

// compose builds the message. It depends on the mail and the sender alone, so
// that a second attempt is the same message byte for byte.
func compose(m model.Mail, from, host string) (*gomail.Msg, error) {
	if !protocol.ValidID(m.ID) {
		return nil, fmt.Errorf("%w: the mail has no valid id", ErrPermanent)
	}
	to, err := mail.ParseAddress(m.To)
	if err != nil || strings.ContainsAny(m.To, "\r\n\x00") {
		return nil, fmt.Errorf("%w: this is not an e-mail address", ErrPermanent)
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("the sender's address in the mail setting is not valid")
	}
	id := m.MessageID
	if id == "" {
		id = m.ID + "@" + host
	}
	if strings.ContainsAny(id, "\r\n\x00 <>") {
		return nil, fmt.Errorf("%w: the mail has no valid Message-ID", ErrPermanent)
	}

	msg := gomail.NewMsg(
		gomail.WithNoDefaultUserAgent(),
		gomail.WithBoundary("illumi-"+m.ID),
		gomail.WithEncoding(gomail.EncodingQP),
	)
	if name := SenderName(m.SenderName); name != "" {
		sender.Name = name
	}
	msg.FromMailAddress(sender)
	if answer := ReplyTo(m.ReplyTo); answer != "" {
		if err := msg.ReplyTo(answer); err != nil {
			return nil, fmt.Errorf("%w: the address for answers: %w", ErrPermanent, err)
		}
	}
	msg.ToMailAddress(&mail.Address{Address: to.Address})
	msg.Subject(oneLine(m.Subject, maxSubject))
	msg.SetDateWithValue(m.CreatedAt.UTC())
	msg.SetMessageIDWithValue(id)
	// Keeps holiday answers and mailing lists from answering (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// SenderName is a study's name where it can stand before the sender's address:
// one line, without what would make it look like an address of its own.
func SenderName(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>"@\\`, r) {
			return -1
		}
		return r
	}, oneLine(s, maxTitle))
}

// ReplyTo is the address that answers go to; empty for what is no address, so
// that a mail is never lost for it.
func ReplyTo(s string) string {
	a, err := mail.ParseAddress(s)
	if err != nil || len(s) > maxAddress || strings.ContainsAny(s, "\r\n\x00") {
		return ""
	}
	return a.Address
}

const maxAddress = 190

// Fake keeps what it is given; the zero value is ready. For tests of any package.
type Fake struct {
	mu   sync.Mutex
	sent []model.Mail
	errs []error
}

// Fail makes the next deliveries fail with these errors, one each; a nil among
// them succeeds.
func (f *Fake) Fail(errs ...error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, errs...)
}

// Send keeps the mail, or returns the next planned error.
func (f *Fake) Send(ctx context.Context, m model.Mail) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		if err != nil {
			return err
		}
	}
	f.sent = append(f.sent, m)
	return nil
}

// Sent returns a copy of what was delivered so far, oldest first.
func (f *Fake) Sent() []model.Mail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]model.Mail(nil), f.sent...)
}
