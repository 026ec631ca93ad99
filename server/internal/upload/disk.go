package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tus/tusd/v2/pkg/filestore"
	"github.com/tus/tusd/v2/pkg/handler"
)

// disk is tusd's file store with what it lacks: an offset that was answered is
// synced, and a creation that fails leaves nothing.
type disk struct {
	filestore.FileStore
	s *Service
}

// NewUpload makes the two files of an upload, synced.
func (d disk) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	u, err := d.FileStore.NewUpload(ctx, info)
	if err == nil {
		err = d.s.syncFiles(d.s.info(info.ID), d.s.dir)
	}
	if err != nil {
		return nil, fail(ctx, errors.Join(full(fmt.Errorf("upload: create: %w", err)), d.s.drop(info.ID)))
	}
	d.s.ready(info.ID)
	return part{u, d.s, info.ID}, nil
}

// GetUpload finds an upload; its offset is the length of its data.
func (d disk) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	u, err := d.FileStore.GetUpload(ctx, id)
	if errors.Is(err, handler.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, fail(ctx, fmt.Errorf("upload: open: %w", err))
	}
	return part{u, d.s, id}, nil
}

// AsTerminatableUpload is tusd's way to ask for Terminate.
func (d disk) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload {
	return u.(part) // NewUpload and GetUpload give nothing else
}

// part is one upload that is written to under its lock.
type part struct {
	handler.Upload
	s  *Service
	id string
}

// WriteChunk appends src and syncs it, also where src breaks off, so that the
// offset that the client is told next survives a power cut.
func (p part) WriteChunk(ctx context.Context, _ int64, src io.Reader) (int64, error) {
	f, err := os.OpenFile(p.s.data(p.id), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, fail(ctx, fmt.Errorf("upload: append: %w", err))
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{f}, src, make([]byte, 64<<10))
	if err != nil {
		return n, fail(ctx, errors.Join(full(fmt.Errorf("upload: append: %w", err)), f.Close()))
	}
	if err := p.s.sync(f); err != nil {
		// A second sync would not tell what the kernel has dropped meanwhile.
		return 0, fail(ctx, errors.Join(full(fmt.Errorf("upload: sync: %w", err)), f.Close(), p.s.drop(p.id)))
	}
	if err := f.Close(); err != nil {
		return n, fail(ctx, fmt.Errorf("upload: append: %w", err))
	}
	return n, nil
}

// Terminate removes the upload.
func (p part) Terminate(ctx context.Context) error {
	if err := p.s.drop(p.id); err != nil {
		return fail(ctx, err)
	}
	return nil
}

func (s *Service) syncFiles(names ...string) error {
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		if err := s.sync(f); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
