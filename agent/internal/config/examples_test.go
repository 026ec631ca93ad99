package config

import (
	"os"
	"path/filepath"
	"testing"
)

// Examples are the files that the package puts beside the documentation. People copy them.
const examples = "../../../scripts/package.d/agent"

func TestExamples(t *testing.T) {
	b, err := LoadBootFile(filepath.Join(examples, "illumi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.WiFi) != 1 || b.WiFi[0].Password != "12345678" || b.Country != "GB" || b.Code != "ABCDE-23456" {
		t.Errorf("illumi.yaml says %+v", b)
	}
	if server, err := Server(b.Server, false); err != nil || server != b.Server {
		t.Errorf("its server is %q: %v", server, err)
	}
	// As its first line says to: for its owner alone.
	data, err := os.ReadFile(filepath.Join(examples, "agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Options{File: name, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Enrolled(); err == nil {
		t.Error("agent.yaml holds an identity")
	}
}
