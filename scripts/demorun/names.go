package main

import "fmt"

// invented are the boxes' names, always in this order, so that the same seed
// gives the same order of turns.
var invented = []string{
	"conandoyle", "janeeyre", "beargrylls", "mobydick", "emmawoodhouse", "sancho", "pippi", "sherlock", "heidi", "robinson",
	"momo", "phileasfogg", "missmarple", "nils", "ronja", "quasimodo", "gulliver", "rapunzel", "sindbad", "alice",
}

// names is the first n of them, and numbered ones after the list's end.
func names(n int) []string {
	list := make([]string, 0, n)
	for i := range n {
		if i < len(invented) {
			list = append(list, invented[i])
			continue
		}
		list = append(list, fmt.Sprintf("box-%02d", i+1))
	}
	return list
}
