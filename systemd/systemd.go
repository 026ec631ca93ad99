// Package systemd holds the unit files, so that the programs can print them
// where no package put them in place. The files are the ones that the Debian
// packages install; each says in comments why a line is there.
package systemd

import _ "embed" // the unit files

var (
	// Agent is illumi-agent.service, the box.
	//go:embed illumi-agent.service
	Agent string
	// AgentSetup is illumi-agent-setup.service, which sets a box up from a file
	// on its boot partition before the box starts.
	//go:embed illumi-agent-setup.service
	AgentSetup string
	// Server is illumi-server.service.
	//go:embed illumi-server.service
	Server string
)
