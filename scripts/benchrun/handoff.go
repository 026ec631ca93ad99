package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

func decode(r io.Reader, v any) error { return json.NewDecoder(r).Decode(v) }

// handOffRounds is how many turns are timed; the median counts.
const handOffRounds = 40

// Limits of a hand-off: against the least that has to be on disk by then, and
// of the reply's request against one that only commits.
//
// The least is the recording and its shared copy, each synced and with its
// folder, and two commits; a hand-off also levels the sound, and its
// box sends two requests. It is not counted in fsyncs alone: on a busy machine
// everything waits for processors, and fsync does not.
const (
	handOffLimit = 4
	replyLimit   = 6
)

// handOff times turns of a whisper between two boxes.
func handOff(ctx context.Context, b *bench) (err error) {
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	if err := f.enrol(ctx, 2); err != nil {
		return err
	}
	project, files, err := f.stage(ctx, 2)
	if err != nil {
		return err
	}
	disk, err := newDisk(f.w.Dir())
	if err != nil {
		return err
	}
	defer both(&err, disk.close)
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var whole, answered, synced, committed, least []time.Duration
	for round := range handOffRounds {
		w, err := f.begin(ctx, project, files, f.boxes[:2], 1)
		if err != nil {
			return err
		}
		t, err := f.timed(ctx, w, files)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		whole, answered = append(whole, t.whole), append(answered, t.answered)
		d, err := disk.sync()
		if err != nil {
			return err
		}
		synced = append(synced, d)
		began := time.Now()
		var code struct{ Code string }
		if err := f.post(ctx, client, "/api/v1/codes", map[string]string{"name": fmt.Sprintf("commit-%03d", round)}, &code); err != nil {
			return err
		}
		committed = append(committed, time.Since(began))
		if d, err = disk.keep(files.answer); err != nil {
			return err
		}
		least = append(least, 2*d+2*committed[round])
	}
	fsync, commit := median(synced), median(committed)
	b.say("fsync of 4 KiB %s, a request with one commit %s; two files kept and two commits %s", short(fsync), short(commit), short(median(least)))
	b.say("last byte of the recording in → hint at the next box %s, which is %.0f fsyncs (from the reply's request on %s)",
		short(median(whole)), ratio(median(whole), fsync), short(median(answered)))
	b.held(ratio(median(whole), median(least)), handOffLimit, "×", "hand-off, from the last byte, against what has to be on disk")
	b.held(ratio(median(answered), commit), replyLimit, "commits", "hand-off, from the reply's request")
	return nil
}

// times of one turn.
type times struct{ whole, answered time.Duration }

// timed plays a whisper of two boxes and times the way from one to the other.
func (f *fleet) timed(ctx context.Context, whisper string, files seed) (t times, err error) {
	first, offer, second, err := f.whose(ctx)
	if err != nil {
		return t, err
	}
	for _, step := range []protocol.MessageType{protocol.TypeDelivered, protocol.TypeHeard} {
		if err := first.Tell(ctx, step, offer); err != nil {
			return t, err
		}
	}
	defer both(&err, first.Close)
	ws, err := connect(ctx, f.w.URL(), second)
	if err != nil {
		return t, err
	}
	defer both(&err, ws.Close)
	if err := recording(files.answer, 2*time.Second); err != nil { // another one each time
		return t, err
	}
	var lastByte time.Time // of the upload's last request
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { lastByte = time.Now() }})
	file, err := first.Upload(traced, world.Upload{Path: files.answer, Role: protocol.RoleAudio})
	if err != nil {
		return t, err
	}
	received := time.Now()
	if _, err := first.Reply(ctx, offer.Hop, world.NewReply(offer, file)); err != nil {
		return t, err
	}
	if err := hint(ws, protocol.TypeOffers); err != nil {
		return t, err
	}
	t = times{time.Since(lastByte), time.Since(received)}
	page, err := second.Offers(ctx, "")
	if err != nil {
		return t, err
	}
	if !slices.ContainsFunc(page.Offers, func(o protocol.Offer) bool { return o.State == protocol.OfferOpen }) {
		return t, errors.New("the hint came before the offer")
	}
	return t, f.me.Steer(ctx, whisper, "end")
}

// whose finds the box whose turn it is, and the other one.
func (f *fleet) whose(ctx context.Context) (first *world.Box, offer protocol.Offer, second *world.Box, err error) {
	for {
		for i, box := range f.boxes[:2] {
			page, err := box.Offers(ctx, "")
			if err != nil {
				return nil, offer, nil, err
			}
			for _, o := range page.Offers {
				if o.State == protocol.OfferOpen {
					return box, o, f.boxes[1-i], nil
				}
			}
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return nil, offer, nil, err
		}
	}
}

// hint waits for one kind of message.
func hint(ws *websocket.Conn, want protocol.MessageType) error {
	if err := ws.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("no %s came: %w", want, err)
		}
		m, err := protocol.ParseMessageLoose(data)
		if err != nil {
			return err
		}
		if m.Type == want {
			return nil
		}
	}
}

// seed is what whispers begin with and what boxes answer.
type seed struct{ audio, image, answer string }

// stage makes a project and the files of its whispers; uploads are used up by a
// start, so begin sends them each time.
func (f *fleet) stage(ctx context.Context, boxes int) (project string, files seed, err error) {
	if project, err = f.me.Project(ctx, fmt.Sprintf("Bench with %d boxes", boxes), 0); err != nil {
		return "", files, err
	}
	files = seed{
		audio: filepath.Join(f.w.Dir(), "seed.wav"), image: filepath.Join(f.w.Dir(), "seed.jpg"),
		answer: filepath.Join(f.w.Dir(), "answer.wav"),
	}
	err = errors.Join(recording(files.audio, 2*time.Second), recording(files.answer, 2*time.Second))
	if _, statErr := os.Stat(files.image); err == nil && errors.Is(statErr, fs.ErrNotExist) {
		err = world.DrawPicture(files.image)
	}
	if err != nil {
		return "", files, fmt.Errorf("make the files: %w", err)
	}
	return project, files, nil
}

// begin starts whispers at boxes.
func (f *fleet) begin(ctx context.Context, project string, files seed, boxes []*world.Box, count int) (string, error) {
	audio, err := f.me.Upload(ctx, world.Upload{Path: files.audio, Role: protocol.RoleAudio})
	if err != nil {
		return "", err
	}
	image, err := f.me.Upload(ctx, world.Upload{Path: files.image, Role: protocol.RoleImage})
	if err != nil {
		return "", err
	}
	var ids []string
	for _, box := range boxes {
		ids = append(ids, box.ID)
	}
	return f.me.Start(ctx, project, world.Start{Title: "Bench", Audio: audio, Image: image, Boxes: ids, Count: count})
}

// disk is a file whose syncs show what the disk can do.
type disk struct {
	f   *os.File
	dir string
	n   int64
}

const diskBlock, diskBlocks = 4096, 256

func newDisk(dir string) (*disk, error) {
	f, err := os.Create(filepath.Join(dir, "disk"))
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, diskBlock*diskBlocks)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &disk{f: f, dir: dir}, f.Sync()
}

// sync writes 4 KiB in place and syncs it.
func (d *disk) sync() (time.Duration, error) {
	block := make([]byte, diskBlock)
	d.n++
	block[0] = byte(d.n)
	began := time.Now()
	_, err := d.f.WriteAt(block, d.n%diskBlocks*diskBlock)
	if err == nil {
		err = d.f.Sync()
	}
	return time.Since(began), err
}

// keep copies a file so that it outlasts a power cut: bytes and folder synced.
func (d *disk) keep(name string) (time.Duration, error) {
	began := time.Now()
	if err := plainCopy(name, filepath.Join(d.dir, "kept.part")); err != nil {
		return 0, err
	}
	if err := os.Rename(filepath.Join(d.dir, "kept.part"), filepath.Join(d.dir, "kept")); err != nil {
		return 0, err
	}
	folder, err := os.Open(d.dir)
	if err != nil {
		return 0, err
	}
	err = errors.Join(folder.Sync(), folder.Close())
	return time.Since(began), err
}

func (d *disk) close() error { return d.f.Close() }

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
