package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"illumi/protocol"
)

// downloads is how often the file is fetched and copied; medians count.
const downloads = 9

// downloadLimit is how many plain copies with SHA-256 and fsync a download with
// the same may take: the bytes go through a socket and two processes.
const downloadLimit = 2.5

// download fetches a long recording as a box does, and copies it as a program
// could at best.
func download(ctx context.Context, b *bench) (err error) {
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	if err := f.enrol(ctx, 1); err != nil {
		return err
	}
	project, files, err := f.stage(ctx, 1)
	if err != nil {
		return err
	}
	if err := recording(files.audio, 500*time.Second); err != nil {
		return err
	}
	if _, err := f.begin(ctx, project, files, f.boxes[:1], 1); err != nil {
		return err
	}
	offer, err := f.boxes[0].Open(ctx)
	if err != nil {
		return err
	}
	var file protocol.File
	for _, candidate := range offer.Files {
		if candidate.Size > file.Size {
			file = candidate
		}
	}
	if file.Size < 10e6 {
		return fmt.Errorf("the offer's largest file has %d bytes", file.Size)
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	local := filepath.Join(f.w.Dir(), "local")
	if err := f.fetch(ctx, client, file, local); err != nil { // both are in the page cache from here on
		return err
	}
	var fetched, copied []time.Duration
	for range downloads {
		began := time.Now()
		if err := f.fetch(ctx, client, file, filepath.Join(f.w.Dir(), "fetched")); err != nil {
			return err
		}
		fetched = append(fetched, time.Since(began))
		began = time.Now()
		if err := plainCopy(local, filepath.Join(f.w.Dir(), "copied")); err != nil {
			return err
		}
		copied = append(copied, time.Since(began))
	}
	b.say("%.1f MB: fetched in %s, copied in %s", float64(file.Size)/1e6, short(median(fetched)), short(median(copied)))
	b.held(ratio(median(fetched), median(copied)), downloadLimit, "×", "download against a plain copy")
	return nil
}

// fetch downloads a file into a new one, checks and syncs it.
func (f *fleet) fetch(ctx context.Context, client *http.Client, file protocol.File, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.w.URL()+protocol.PathMedia+file.SHA256, nil)
	if err != nil {
		return err
	}
	box := f.boxes[0]
	req.Header.Set("Authorization", "Bearer "+box.Secret)
	req.Header.Set(protocol.HeaderBoard, box.Board)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", res.Status)
	}
	sum, err := keep(res.Body, to)
	if err == nil && sum != file.SHA256 {
		err = errors.New("other bytes came")
	}
	return err
}

func plainCopy(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = keep(in, to)
	return err
}

// keep writes a new file, syncs it and returns its digest.
func keep(from io.Reader, to string) (string, error) {
	out, err := os.Create(to)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), struct{ io.Reader }{from})
	err = errors.Join(err, out.Sync(), out.Close())
	return hex.EncodeToString(h.Sum(nil)), err
}
