package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"

	"illumi/agent/internal/config"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// explainServer tells apart why a server did not do as it was asked: what the
// installer can mend is named.
func explainServer(err error) error {
	if _, ok := errors.AsType[*failure](err); ok || err == nil || errors.Is(err, config.ErrAddress) {
		return err
	}
	if p, ok := errors.AsType[*protocol.Problem](err); ok {
		return &failure{code: codeOf(p), text: sentence(p.Detail), next: nextOf(p), err: err}
	}
	f := &failure{code: exitUnreachable, err: err}
	f.text, f.next = unreachable(err)
	if f.text == "" {
		return err
	}
	return f
}

// codeOf: a server in trouble is as good as none, anything else it says on purpose.
func codeOf(p *protocol.Problem) int {
	if slices.Contains([]protocol.Code{protocol.CodeInternal, protocol.CodeUnavailable, protocol.CodeStorageFull}, p.Code) {
		return exitUnreachable
	}
	return exitRefused
}

// nextOf is what to do at the box; the server's own advice where it gave one.
func nextOf(p *protocol.Problem) string {
	if p.Next != "" {
		return p.Next
	}
	switch p.Code {
	case protocol.CodeCodeUnknown:
		return "Look at the code again; it is on the server's page of boxes."
	case protocol.CodeCodeUsed, protocol.CodeCodeExpired, protocol.CodeCodeRevoked:
		return "Make a new code on the server's page of boxes."
	case protocol.CodeNameTaken:
		return "Choose another name with --name."
	case protocol.CodeThrottled:
		return "Wait a few minutes and try again."
	case protocol.CodeVersion:
		return "Update this program."
	}
	return ""
}

// unreachable gives words to what lies between the box and the server; none
// where it is something else.
func unreachable(err error) (text, next string) {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return outOfTime(invalid.Cert.NotBefore, invalid.Cert.NotAfter, time.Now(), clockSynced())
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("The server's certificate is not for %s.", name.Host), "Check the address; it must be the one in the certificate."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "Nobody vouches for the server's certificate.", "Check the address, or sign in to the Wi-Fi; else the server needs a proper certificate."
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return sentence("the server's certificate is wrong: " + cert.Err.Error()), "Check the address."
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "The server does not speak https.", "Check the address and its port."
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return fmt.Sprintf("There is no host named %s.", dns.Name), "Check the address, and that this machine is on the network."
		}
		return fmt.Sprintf("The address of %s could not be looked up.", dns.Name), "Check that this machine is on the network."
	}
	switch {
	case errors.Is(err, transfer.ErrNotOurs), errors.Is(err, transfer.ErrLied):
		return "What answers there is not an illumi server.", "Check the address, or sign in to the Wi-Fi."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing listens at that address and port.", "Check the address, and that the server runs."
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "This machine has no way to the server.", "Check that it is on the network."
	case errors.Is(err, transfer.ErrStalled):
		return "The server does not answer.", "Check that this machine is on the network, and try again."
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "The server does not answer.", "Check that this machine is on the network, and try again."
	}
	if e, ok := errors.AsType[*transfer.Error](err); ok {
		if e.Status >= 500 {
			return "The server is in trouble.", "Try again later."
		}
		why := e.Err
		if u, ok := errors.AsType[*url.Error](why); ok {
			why = u.Err // without the address, which was shown already
		}
		return sentence("the server could not be asked: " + why.Error()), "Try again."
	}
	return "", ""
}

// outOfTime tells a wrong clock from a certificate that has ended. No server
// uses one that begins in the future, so then it is the clock.
func outOfTime(begins, ends, now time.Time, synced bool) (text, next string) {
	const wait = "Connect it to the internet, wait a minute, and try again."
	switch {
	case now.Before(begins):
		return fmt.Sprintf("This machine's clock is wrong: it says %s.", day(now)), wait
	case synced:
		return fmt.Sprintf("The server's certificate ended on %s.", day(ends)), "Tell whoever runs the server; it needs a new one."
	}
	return fmt.Sprintf("The server's certificate ended on %s, and this machine's unset clock says %s.", day(ends), day(now)),
		"If the clock is wrong, wait until it is right. Else the server needs a new certificate."
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }
