package web

import "illumi/server/internal/model"

// tab is one room of a project; Here is the page one is on.
type tab struct {
	Word, Path string
	Here       bool
}

// rooms are the pages of a project, in their order, and what one must be
// allowed to do there.
var rooms = []struct {
	word, path string
	verb       model.Verb
}{
	{"Whispers", "", model.See}, {"People", "/people", model.See}, {"Export", "/export", model.ExportData},
	{"Mails", "/mails", model.Settle}, {"Webhooks", "/hooks", model.Settle}, {"Settings", "/settings", model.Settle},
}

// Tabs are the rooms of a project that the reader may enter; here is the word
// of the one that is shown.
func (p page) Tabs(project model.Project, here string) []tab {
	who := model.Actor{UserID: p.User.ID, Role: p.User.Role}
	var tabs []tab
	for _, r := range rooms {
		if r.word == here || who.MayIn(project, r.verb) {
			tabs = append(tabs, tab{r.word, "/projects/" + project.ID + r.path, r.word == here})
		}
	}
	return tabs
}
