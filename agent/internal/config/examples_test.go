package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
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

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// What the documentation shows is what is read: every key, and nothing else.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(data), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples, want box.yaml and illumi.yaml", len(blocks))
	}
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	h, err := LoadHardware(write("box.yaml", blocks[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := 0, reflect.ValueOf(h); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the example of box.yaml says nothing of %s", v.Type().Field(i).Name)
		}
	}
	for _, key := range hardwareKeys {
		if !strings.Contains(string(data), "\n| `"+key+"` |") {
			t.Errorf("box.yaml's %s is not explained", key)
		}
	}
	for _, key := range keys {
		if !strings.Contains(string(data), "`"+key+"`") {
			t.Errorf("agent.yaml's %s is not explained", key)
		}
	}
	b, err := LoadBootFile(write("illumi.yaml", blocks[1][1]))
	if err != nil || len(b.WiFi) != 1 || b.Name == "" || b.Hardware["buttons"] != 2 {
		t.Errorf("%+v, %v", b, err)
	}
}
