package app

import (
	"strconv"
	"testing"

	"illumi/server/internal/store"
)

// The command line's lists are whole, however long they are.
func TestAll_GathersEveryPage(t *testing.T) {
	for _, total := range []int{0, 1, store.MaxPage, 2*store.MaxPage + 7} {
		got, err := all(func(after string) ([]string, error) {
			from := 0
			if after != "" {
				from = must(strconv.Atoi(after))(t)
			}
			var page []string
			for k := from + 1; k <= min(from+store.MaxPage, total); k++ {
				page = append(page, strconv.Itoa(k))
			}
			return page, nil
		}, func(row string) string { return row })
		if err != nil || len(got) != total || total > 0 && got[total-1] != strconv.Itoa(total) {
			t.Errorf("%d of %d rows, %v", len(got), total, err)
		}
	}
}
