package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"illumi/scripts/e2e/world"
)

// fleet is a server with an administrator and enrolled boxes.
type fleet struct {
	w     *world.World
	debug string // the server's second listener
	me    *world.Researcher
	token string
	boxes []*world.Box
}

const password = "a bench is not a bank"

// newFleet starts a server and makes its accounts.
func newFleet(ctx context.Context, b *bench) (_ *fleet, err error) {
	port, err := world.FreePort()
	if err != nil {
		return nil, err
	}
	f := &fleet{debug: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	f.w, err = world.New(world.Options{Bin: b.bin, DB: b.db, LogLevel: "warn", Serve: []string{"--debug-listen", f.debug}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if err := f.w.StartServer(ctx); err != nil {
		return nil, err
	}
	key, err := f.w.SetupToken()
	if err != nil {
		return nil, err
	}
	if f.me, err = f.w.Visitor(); err != nil {
		return nil, err
	}
	if err := f.me.MakeAdministrator(ctx, key, "ada@bench.example", "Ada", password); err != nil {
		return nil, fmt.Errorf("make the administrator: %w", err)
	}
	f.token, err = f.me.Token(ctx, "bench", "boxes", "read", "write")
	return f, err
}

// close ends the server and removes what it kept.
func (f *fleet) close() error { return f.w.Close() }

// restart ends the server in order and starts it on the same data.
func (f *fleet) restart(ctx context.Context) error {
	if err := f.w.Server().Stop(30 * time.Second); err != nil {
		return err
	}
	return f.w.StartServer(ctx)
}

// enrollers is how many boxes enrol at the same time; wrong codes from one
// address are counted, and each counts until it was right.
const enrollers = 16

// enrol makes codes and enrols boxes by the wire, until there are n.
func (f *fleet) enrol(ctx context.Context, n int) error {
	first := len(f.boxes)
	f.boxes = append(f.boxes, make([]*world.Box, n-first)...)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: enrollers}}
	defer client.CloseIdleConnections()
	return each(n-first, enrollers, func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := fmt.Sprintf("box-%05d", first+i)
		var code struct{ Code string }
		if err := f.post(ctx, client, "/api/v1/codes", map[string]string{"name": name}, &code); err != nil {
			return fmt.Errorf("make a code: %w", err)
		}
		box := world.NewBox(name, f.w.URL())
		if err := box.Enrol(ctx, code.Code); err != nil {
			return fmt.Errorf("enrol %s: %w", name, err)
		}
		f.boxes[first+i] = box
		return nil
	})
}

// post sends JSON as the administrator's program.
func (f *fleet) post(ctx context.Context, client *http.Client, path string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.w.URL()+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the server answers %s", res.Status)
	}
	return json.NewDecoder(res.Body).Decode(answer)
}
