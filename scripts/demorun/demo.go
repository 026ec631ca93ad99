package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"illumi/scripts/e2e/world"
)

// onlineTime is how long all boxes may take to enrol and connect.
const onlineTime = 2 * time.Minute

// Accounts of the demo; the password is drawn anew each time.
const (
	adminEmail = "ada@demo.example"
	email      = "rosa@demo.example"
)

// show is one demo that runs.
type show struct {
	settings
	screen
	w        *world.World
	me       *world.Researcher
	password string
	agents   []*world.Agent
	boxes    map[string]world.Device
}

// demo does everything and leaves nothing behind but the result.
func demo(ctx context.Context, s settings, scr screen) (err error) {
	w, err := world.New(world.Options{Bin: s.bin})
	if err != nil {
		return err
	}
	d := &show{settings: s, screen: scr, w: w, password: strings.ToLower(rand.Text()[:20])}
	defer func() {
		if ctx.Err() != nil {
			d.say("\nStopping.")
		}
		cerr := w.Close()
		if cerr == nil && (ctx.Err() != nil || !s.once) {
			d.done("server and boxes have ended; nothing is left behind")
		}
		err = errors.Join(err, cerr)
	}()
	res, err := newResult(s.out, w.Dir())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.drop()) }()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	files, err := d.upload(ctx)
	if err != nil {
		return err
	}
	if err := d.enrol(ctx); err != nil {
		return err
	}
	id, err := d.begin(ctx, files)
	if err != nil {
		return err
	}
	if !s.once {
		if err := d.invite(); err != nil {
			return err
		}
	}
	if err := d.follow(ctx, id); err != nil {
		return err
	}
	record, err := res.gather(ctx, w, d.me, id)
	if err != nil {
		return err
	}
	if err := res.keep(); err != nil {
		return err
	}
	d.summary(record, res.dir)
	if s.once {
		return nil
	}
	d.say("\nThe server and the boxes stay up: look around, start a whisper of your own. Ctrl-C ends the demo.")
	select {
	case <-ctx.Done():
		return nil
	case <-w.Server().Done():
		return fmt.Errorf("the server ended by itself:\n%s", w.Server().Tail(2000))
	}
}

// prepare starts the server and makes its accounts and a project.
func (d *show) prepare(ctx context.Context) error {
	err := d.step("starting the server", func(func(string)) (string, error) {
		if err := d.w.StartServer(ctx); err != nil {
			return "", err
		}
		return fmt.Sprintf("the server listens on %s, with an embedded database", d.w.URL()), nil
	})
	if err != nil {
		return err
	}
	return d.step("making the researcher's account", func(func(string)) (string, error) {
		token, err := d.w.SetupToken()
		if err != nil {
			return "", err
		}
		admin, err := d.w.Visitor()
		if err != nil {
			return "", err
		}
		if err := admin.MakeAdministrator(ctx, token, adminEmail, "Ada", d.password); err != nil {
			return "", fmt.Errorf("make the administrator: %w", err)
		}
		if err := d.w.AddUser(ctx, email, "Rosa", "researcher", d.password); err != nil {
			return "", err
		}
		if d.me, err = d.w.Visitor(); err != nil {
			return "", err
		}
		if err := d.me.SignIn(ctx, email, d.password); err != nil {
			return "", fmt.Errorf("sign in: %w", err)
		}
		return "the researcher Rosa has an account and is signed in", nil
	})
}

// seedFiles are the addresses of what was uploaded.
type seedFiles struct{ audio, image string }

// upload sends picture and recording to the server, which judges them. It
// comes before the boxes: a bad file is refused at once.
func (d *show) upload(ctx context.Context) (seedFiles, error) {
	var out seedFiles
	if d.image == "" {
		d.image = filepath.Join(d.w.Dir(), "picture.jpg")
		if err := world.DrawPicture(d.image); err != nil {
			return out, err
		}
	}
	if d.audio == "" {
		d.audio = filepath.Join(d.w.Dir(), "recording.wav")
		if err := world.SpeakSound(d.audio); err != nil {
			return out, err
		}
	}
	for _, part := range []struct {
		title, role, path string
		to                *string
	}{{"picture", "image", d.image, &out.image}, {"recording", "audio", d.audio, &out.audio}} {
		err := d.step("uploading the "+part.title, func(note func(string)) (string, error) {
			var total int64
			up := world.Upload{Path: part.path, Role: world.Role(part.role), Progress: func(sent, all int64) {
				total = all
				note(fmt.Sprintf("%s of %s", size(sent), size(all)))
			}}
			address, err := d.me.Upload(ctx, up)
			if err != nil {
				return "", refused(part.title, part.path, err)
			}
			*part.to = address
			return fmt.Sprintf("the %s %s is uploaded and looked through (%s)", part.title, filepath.Base(part.path), size(total)), nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// refused says why a file did not get in, in the server's words where it was the server.
func refused(title, path string, err error) error {
	if r, ok := errors.AsType[*world.Refusal](err); ok {
		return fmt.Errorf("the %s %s was refused. %w", title, filepath.Base(path), r)
	}
	return fmt.Errorf("the %s %s cannot be used: %w", title, path, err)
}

// enrol starts a process for each box and waits until the server knows them all.
func (d *show) enrol(ctx context.Context) error {
	return d.step("enrolling the boxes", func(note func(string)) (string, error) {
		list := names(d.settings.boxes)
		for _, name := range list {
			a, err := d.w.NewAgent(ctx, name)
			if err != nil {
				return "", err
			}
			a.Speed, a.Auto = d.speed, name != d.settings.me
			if !a.Auto {
				a.Speed = 1 // a person needs the time that people need
			}
			if !d.once {
				if a.Page, err = world.FreePort(); err != nil {
					return "", err
				}
			}
			if err := a.Start(); err != nil {
				return "", err
			}
			d.agents = append(d.agents, a)
		}
		wait, cancel := context.WithTimeout(ctx, onlineTime)
		defer cancel()
		online := 0
		boxes, err := d.w.WaitOnline(wait, d.agents, func(string) {
			online++
			note(fmt.Sprintf("%d of %d", online, len(list)))
		})
		d.boxes = boxes
		return fmt.Sprintf("%d boxes are enrolled and online: %s", len(list), strings.Join(list, ", ")), err
	})
}

// begin makes the project and starts the whisper.
func (d *show) begin(ctx context.Context, files seedFiles) (string, error) {
	project, err := d.me.Project(ctx, "Illumi demo", 0)
	if err != nil {
		return "", fmt.Errorf("make the project: %w", err)
	}
	var ids []string
	for _, name := range names(d.settings.boxes) {
		ids = append(ids, d.boxes[name].ID)
	}
	id, err := d.me.Start(ctx, project, world.Start{
		Title: "An evening by the sea", Audio: files.audio, Image: files.image, Boxes: ids, Seed: d.seed,
	})
	if err != nil {
		return "", fmt.Errorf("the whisper was not started. %w", err)
	}
	d.done("the whisper is on its way: %s/whispers/%s", d.w.URL(), id)
	return id, nil
}

// invite says how to look and to take part.
func (d *show) invite() error {
	d.say("\n  Sign in as   %s\n  password     %s\n  (administrator: %s, the same password)\n", email, d.password, adminEmail)
	d.say("  The boxes, each on a page of its own with its light, picture and button:")
	for _, a := range d.agents {
		mine := ""
		if a.Name == d.settings.me {
			mine = "   ← yours: it waits for your answer"
		}
		page, err := a.PageURL()
		if err != nil {
			return err
		}
		d.say("    %-14s %s%s", a.Name, page, mine)
	}
	if d.settings.me == "" {
		d.say("\n  They answer by themselves. To answer one yourself: scripts/demo --me %s", d.agents[0].Name)
	}
	d.say("")
	return nil
}
