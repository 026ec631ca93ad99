package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"illumi/server/internal/model"
	"illumi/server/internal/store/storetest"
)

func TestFull(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, Options{DSN: storetest.New(t, "sqlite")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	must(t, s, func(tx *Tx) error { return tx.CreateProject(ctx, model.Project{ID: "before"}) })
	if _, err := s.d.write.Exec("PRAGMA max_page_count = 1"); err != nil { // it stays as large as it is
		t.Fatal(err)
	}
	err = s.Tx(ctx, func(tx *Tx) error {
		for i := range 1000 {
			if err := tx.CreateProject(ctx, model.Project{ID: fmt.Sprint(i), Title: strings.Repeat("x", 200)}); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrFull) {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := s.d.write.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	must(t, s, func(tx *Tx) error {
		if _, err := tx.Project(ctx, "0"); !errors.Is(err, ErrNotFound) {
			t.Errorf("half a transaction is there: %v", err)
		}
		return tx.CreateProject(ctx, model.Project{ID: "after"})
	})
	for number, want := range map[uint16]bool{1021: true, 1114: true, 1062: false, 1213: false} {
		if err := wrap(&mysql.MySQLError{Number: number}, "try"); errors.Is(err, ErrFull) != want {
			t.Errorf("MySQL's error %d: %v", number, err)
		}
	}
}
