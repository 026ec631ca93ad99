package auth

import (
	"net"
	"net/netip"
)

// ClientPrefix is the part of a client's address that attempts are counted
// by: the whole of IPv4, and the /64 of IPv6, since that much is one client's.
// ip may carry a port. What is no address is counted together.
func ClientPrefix(ip string) string {
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
