package cli

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/wifi/wifitest"
)

// The programs of a machine, as a script's box finds them in its search path.

// arecord hears somebody who goes on speaking, until it is interrupted. A file
// named silent in the machine's folder makes it deaf.
func fakeArecord() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	voice := media.Babble("anna", 1).Samples
	if _, err := os.Stat(filepath.Join(os.Getenv("MACHINE"), "silent")); err == nil {
		clear(voice)
	}
	const piece = media.Rate / 50
	tick := time.NewTicker(time.Second / 50)
	for at := 0; ; at = (at + piece) % (len(voice) - piece) {
		if binary.Write(os.Stdout, binary.LittleEndian, voice[at:at+piece]) != nil {
			return // nobody listens any more
		}
		select {
		case <-tick.C:
		case <-stop:
			os.Exit(1) // as the real one does
		}
	}
}

// aplay notes how much it was given.
func fakeAplay() {
	n, err := io.Copy(io.Discard, os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("MACHINE"), "played"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(f, n) // the script looks for it
	_ = f.Close()
}

// amixer has two regulators, and notes how they are set.
func fakeAmixer() {
	if os.Args[len(os.Args)-1] == "scontents" {
		_, _ = os.Stdout.WriteString("Simple mixer control 'Speaker',0\n  Capabilities: pvolume pswitch\nSimple mixer control 'Mic',0\n  Capabilities: cvolume cswitch\n") // or none are set
		return
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("MACHINE"), "mixed"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(f, strings.Join(os.Args[1:], " ")) // the script looks for it
	_ = f.Close()
}

// rpicam-still sees a bright wall; or the Wi-Fi code that the file code in the
// machine's folder holds, once it is there.
func fakeCamera() {
	if slices.Contains(os.Args, "--list-cameras") {
		_, _ = os.Stdout.WriteString("Available cameras\n-----------------\n0 : imx219 [3280x2464] (/base/soc/i2c0mux/i2c@1/imx219@10)\n") // or it is not seen
		return
	}
	seen := image.Image(image.NewUniform(color.Gray{Y: 180}))
	if text, err := os.ReadFile(filepath.Join(os.Getenv("MACHINE"), "code")); err == nil {
		if seen, err = wifitest.Code(strings.TrimSpace(string(text))); err != nil {
			os.Exit(1)
		}
	}
	picture := image.NewGray(image.Rect(0, 0, 640, 480))
	draw.Draw(picture, picture.Bounds(), seen, image.Point{}, draw.Src)
	f, err := os.Create(os.Args[slices.Index(os.Args, "-o")+1])
	if err != nil || jpeg.Encode(f, picture, nil) != nil || f.Close() != nil {
		os.Exit(1)
	}
}

// machineCommands let scripts see to a machine.
var machineCommands = map[string]func(*testscript.TestScript, bool, []string){
	// sentences DIR: a language pack in which every sentence can be heard.
	"sentences": func(ts *testscript.TestScript, _ bool, args []string) {
		dir := ts.MkAbs(args[0])
		ts.Check(os.MkdirAll(dir, 0o755))
		loud := media.EncodeWAV(media.Babble("bessie", 1))
		if filepath.Base(dir) == "de" {
			loud = append(loud, make([]byte, 64_000)...) // longer sentences
			copy(loud[40:], binary.LittleEndian.AppendUint32(nil, uint32(len(loud)-44)))
		}
		for key := range maps.Keys(flow.Prompts) {
			ts.Check(os.WriteFile(filepath.Join(dir, string(key)+".wav"), loud, 0o600))
		}
	},
	// await STATE-DIR: until the box answers there.
	"await": func(ts *testscript.TestScript, _ bool, args []string) {
		socket := controlSocket(ts.MkAbs(args[0]))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for {
			_, err := daemon.AskNow(ctx, socket)
			if err == nil {
				return
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				ts.Fatalf("the box does not answer: %v", err)
			}
		}
	},
	// succeed PROGRAM ARGS: until it does, once the box is given back.
	"succeed": func(ts *testscript.TestScript, _ bool, args []string) {
		late := time.Now().Add(20 * time.Second)
		for err := ts.Exec(args[0], args[1:]...); err != nil; err = ts.Exec(args[0], args[1:]...) {
			if time.Now().After(late) {
				ts.Fatalf("%q goes on to fail: %v", args, err)
			}
		}
	},
	// eventually FILE TEXT: until the file has it.
	"eventually": func(ts *testscript.TestScript, _ bool, args []string) {
		late := time.Now().Add(20 * time.Second)
		for {
			data, err := os.ReadFile(ts.MkAbs(args[0]))
			if err == nil && strings.Contains(string(data), args[1]) {
				return
			}
			if time.Now().After(late) {
				ts.Fatalf("%s does not get %q: %v\n%s", args[0], args[1], err, data)
			}
			time.Sleep(10 * time.Millisecond)
		}
	},
}
