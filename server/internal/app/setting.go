package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/mail"
	"illumi/server/internal/store"
)

// SettingError says that a setting cannot be used as it is written, whatever
// the machine is like. Its words name the setting.
type SettingError struct{ error }

func (e *SettingError) Unwrap() error { return e.error }

func settingf(format string, args ...any) error { return &SettingError{fmt.Errorf(format, args...)} }

// check looks at what can be judged without touching anything.
func (c Config) check() error {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || !validPort(port) {
		return settingf("the address to listen on, --listen %q, is not like 127.0.0.1:8080", c.Listen)
	}
	if err := checkDebug(c.DebugListen); err != nil {
		return err
	}
	if _, err := ipExtractor(c.TrustedProxies); err != nil {
		return err
	}
	if err := mail.Check(c.Mail); err != nil {
		return &SettingError{err}
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535
}

// databaseError puts a person's words before what the database said.
func databaseError(err error) error {
	switch {
	case errors.Is(err, store.ErrAddress):
		return settingf("--db cannot be used: %w", store.ErrAddress)
	case errors.Is(err, store.ErrUnreachable):
		return fmt.Errorf("the database cannot be reached; is it running, and is every part of --db right? The cause: %w", err)
	}
	return fmt.Errorf("the database cannot be used: %w", err)
}

// publicURL is the configured address, or one that works on this machine.
func publicURL(cfg Config) (*url.URL, error) {
	raw := cfg.PublicURL
	if raw == "" {
		host, port, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, settingf("the address to listen on, --listen %q, is not like 127.0.0.1:8080", cfg.Listen)
		}
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "localhost"
		}
		u := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
		if cfg.TLSCert != "" {
			u.Scheme = "https"
		}
		return u, nil
	}
	u, err := url.Parse(strings.TrimSuffix(raw, "/"))
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, settingf("the public URL, --public-url %q, is not an address like https://illumi.example.org", raw)
	}
	return u, nil
}

func ipExtractor(trusted []string) (echo.IPExtractor, error) {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect(), nil
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, t := range trusted {
		_, network, err := net.ParseCIDR(strings.TrimSpace(t))
		if err != nil {
			return nil, settingf("the trusted proxy %q in --trusted-proxies is not a network like 10.0.0.0/8", t)
		}
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...), nil
}
