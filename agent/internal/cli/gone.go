package cli

import "strings"

// shows is a part that shows pictures: a screen or a printer.
type shows struct {
	name string
	// wanted says that box.yaml names it. One that is only looked for counts from
	// when it was there once: a box without a screen lacks nothing.
	wanted bool
	there  func() bool
}

// gone names those of the parts that should be there and are not (E_SCREEN).
// What it returns is not safe for concurrent use.
func gone(parts ...shows) func() string {
	return func() string {
		var names []string
		for i, p := range parts {
			if p.there() {
				parts[i].wanted = true
			} else if p.wanted {
				names = append(names, p.name)
			}
		}
		return strings.Join(names, ", ")
	}
}

// gone is the function of that name, for this box.
func (h *hardware) gone() func() string {
	var parts []shows
	kind, _, _ := strings.Cut(h.config.Screen, ":")
	if kind != "none" {
		parts = append(parts, shows{"screen", kind != "" && kind != "auto", h.screen.Present})
	}
	if p := h.display.printer; p != nil {
		parts = append(parts, shows{"printer", true, func() bool { return p.Problem() == nil }})
	}
	return gone(parts...)
}
