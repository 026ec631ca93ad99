package main

import (
	"context"
	"errors"
)

func idle(ctx context.Context, r *rig) error   { return errors.New("not written") }
func power(ctx context.Context, r *rig) error  { return errors.New("not written") }
func remove(ctx context.Context, r *rig) error { return errors.New("not written") }
