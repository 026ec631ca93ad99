package systemd

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var units = map[string]string{
	"illumi-agent.service":       Agent,
	"illumi-agent-setup.service": AgentSetup,
	"illumi-server.service":      Server,
}

// setting is a line of a unit.
type setting struct {
	section, key, value string
	reason              bool // a comment stands above it or above the lines just before it
}

var (
	heading    = regexp.MustCompile(`^\[(Unit|Service|Install)\]$`)
	assignment = regexp.MustCompile(`^([A-Z][A-Za-z]+)=(.*)$`)
)

// parse reads a unit; a line of no known form fails the test.
func parse(t *testing.T, name, text string) []setting {
	t.Helper()
	var list []setting
	section, reason := "", false
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case line == "":
			reason = false
		case strings.HasPrefix(line, "# "):
			reason = true
		case heading.MatchString(line):
			section, reason = strings.Trim(line, "[]"), false
		case assignment.MatchString(line) && section != "":
			m := assignment.FindStringSubmatch(line)
			list = append(list, setting{section, m[1], m[2], reason})
		default:
			t.Errorf("%s:%d: %q is neither setting nor comment", name, i+1, line)
		}
	}
	return list
}

func values(list []setting, key string) []string {
	var all []string
	for _, s := range list {
		if s.key == key {
			all = append(all, s.value)
		}
	}
	return all
}

func TestEmbedsEachUnit(t *testing.T) {
	files, err := filepath.Glob("*.service")
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(units)); !slices.Equal(files, want) {
		t.Errorf("unit files are %v, embedded are %v", files, want)
	}
}

// Settings that restrict a service. Someone will want to loosen one, and must find out why it is there.
var hardening = regexp.MustCompile(`^(Protect|Private|Restrict[A-Z]|NoNew|Capability|Ambient|SystemCall|Lock|MemoryDeny|RemoveIPC|UMask|ReadWrite|MemoryMax|TasksMax|OOM)`)

func TestEachHardeningLineHasItsReason(t *testing.T) {
	for name, text := range units {
		list := parse(t, name, text)
		counted := 0
		for _, s := range list {
			if hardening.MatchString(s.key) {
				counted++
				if !s.reason {
					t.Errorf("%s: %s=%s has no comment above it", name, s.key, s.value)
				}
			}
		}
		if counted < 15 {
			t.Errorf("%s has %d lines of hardening", name, counted)
		}
	}
}

// Each of these was seen to take a device from the box without a word.
func TestAgentKeepsItsDevices(t *testing.T) {
	list := parse(t, "illumi-agent.service", Agent)
	for _, key := range []string{"PrivateDevices", "PrivateUsers", "DevicePolicy", "DeviceAllow", "MemoryDenyWriteExecute", "ProcSubset", "ProtectClock", "DynamicUser", "SupplementaryGroups"} {
		if v := values(list, key); v != nil {
			t.Errorf("%s=%v closes a device, or stops a unit whose group is missing", key, v)
		}
	}
	if v := values(list, "SystemCallFilter"); len(v) != 1 || !strings.Contains(v[0], "adjtimex") {
		t.Errorf("SystemCallFilter=%v: without adjtimex the box never knows that its clock is right", v)
	}
}

// systemd gives a StateDirectory to the unit's user, all that is in it: the setup,
// as root, would take it from a box that runs.
func TestSetupLeavesTheStateToTheBox(t *testing.T) {
	if strings.Contains(AgentSetup, "\nStateDirectory") || !strings.Contains(AgentSetup, "ReadWritePaths=/etc/illumi /var/lib/illumi-agent ") {
		t.Error("the setup does not use the state as it is")
	}
}

func TestRestartsByItself(t *testing.T) {
	tests := []struct{ unit, key, want string }{
		{"illumi-agent.service", "Type", "notify"},
		{"illumi-agent.service", "Restart", "always"},
		{"illumi-agent.service", "WatchdogSec", "60"},
		{"illumi-agent.service", "StartLimitIntervalSec", "0"},
		{"illumi-agent.service", "ExecStopPost", "-/usr/bin/illumi-agent dark"},
		{"illumi-agent.service", "RestartPreventExitStatus", "3"},
		{"illumi-agent.service", "ConditionPathExists", "/etc/illumi/agent.yaml"},
		{"illumi-server.service", "Type", "notify"},
		{"illumi-server.service", "Restart", "always"},
		{"illumi-server.service", "StartLimitIntervalSec", "0"},
	}
	for _, tt := range tests {
		if got := values(parse(t, tt.unit, units[tt.unit]), tt.key); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: %s=%v, want %s", tt.unit, tt.key, got, tt.want)
		}
	}
	// A panic, and the watchdog's signal, end a program of Go with 2.
	if v := values(parse(t, "illumi-server.service", Server), "RestartPreventExitStatus"); v != nil {
		t.Errorf("illumi-server.service: RestartPreventExitStatus=%v", v)
	}
	// A box must start in a home whose network is down.
	for _, key := range []string{"Requires", "Requisite", "BindsTo"} {
		if v := values(parse(t, "illumi-agent.service", Agent), key); v != nil {
			t.Errorf("illumi-agent.service: %s=%v", key, v)
		}
	}
	if strings.Contains(strings.Join(values(parse(t, "illumi-agent.service", Agent), "After"), " "), "network-online") {
		t.Error("illumi-agent.service waits for a network")
	}
}

// systemd's own judgement, where it can be asked: at most 2.5 for the agent, 2.0 for the server.
func TestExposure(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze on this machine")
	}
	for name, limit := range map[string]string{"illumi-agent.service": "25", "illumi-server.service": "20", "illumi-agent-setup.service": "40"} {
		cmd := exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold="+limit, name)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		if out, err := cmd.CombinedOutput(); err != nil {
			if strings.Contains(string(out), "unrecognized option") {
				t.Skip("systemd-analyze before 250 cannot judge a file")
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			t.Errorf("%s: %v: %s", name, err, lines[len(lines)-1])
		}
	}
}
