package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// secured serves h under https with a certificate of its own for localhost, of a
// time. It returns the certificate as somebody would trust it.
func secured(t testing.TB, h http.Handler, from, until time.Time) (*httptest.Server, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "illumi test"}, NotBefore: from, NotAfter: until,
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	s.StartTLS()
	return s, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// under is a server's address by another name.
func under(name string, s *httptest.Server) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://" + net.JoinHostPort(name, port)
}

// setSecured gives a script servers under https: one that is well and trusted,
// and one for each thing that can be wrong with a certificate.
func setSecured(t testing.TB, setenv func(name, value string), dir string, h http.Handler) (done func(), err error) {
	now := time.Now()
	const year = 365 * 24 * time.Hour
	good, trusted := secured(t, h, now.Add(-time.Hour), now.Add(year))
	ended, _ := secured(t, h, now.Add(-2*year), now.Add(-year))
	early, _ := secured(t, h, now.Add(year), now.Add(2*year))
	setenv("SECURED", under("localhost", good))
	setenv("OTHERNAME", under("127.0.0.1", good))
	setenv("ENDED", under("localhost", ended))
	setenv("EARLY", under("localhost", early))
	setenv("TRUSTED", dir+"/trusted.pem")
	setenv("SSL_CERT_DIR", dir+"/none")
	return func() { good.Close(); ended.Close(); early.Close() }, os.WriteFile(dir+"/trusted.pem", trusted, 0o600)
}

func TestOutOfTime(t *testing.T) {
	begins, ends := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		now    time.Time
		synced bool
		text   string
	}{
		{time.Unix(0, 0), false, "This machine's clock is wrong: it says 1 January 1970 00:00 UTC"},
		{ends.AddDate(1, 0, 0), true, "The server's certificate ended on 1 January 2027 00:00 UTC."},
		{ends.AddDate(1, 0, 0), false, "this machine's unset clock says 1 January 2028 00:00 UTC."},
	} {
		if text, next := outOfTime(begins, ends, c.now, c.synced); !strings.Contains(text, c.text) || next == "" {
			t.Errorf("%v: %s %s", c.now, text, next)
		}
	}
}

// What a machine without any network meets.
func TestUnreachable_NoNetwork(t *testing.T) {
	for _, cause := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH} {
		f := explain(explainServer(fmt.Errorf("ask: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", cause)})))
		if f.code != exitUnreachable || f.Error() != "This machine has no way to the server. Check that it is on the network." {
			t.Errorf("%v: %d %s", cause, f.code, f)
		}
	}
	f := explain(explainServer(&net.DNSError{Err: "server misbehaving", Name: "whispers.example.org", IsTemporary: true}))
	if f.code != exitUnreachable || !strings.Contains(f.Error(), "could not be looked up. Check that this machine is on the network.") {
		t.Errorf("%d %s", f.code, f)
	}
}
