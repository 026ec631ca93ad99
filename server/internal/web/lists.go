package web

import (
	"html/template"
	"net/url"
	"strconv"

	"illumi/server/internal/relay"
)

var (
	projectHead = cast(`<li class="item" id="project-%0"><div class="item-head"><h2><a class="whole" href="/projects/%1"><bdi>%2</bdi></a></h2><p class="states">`)
	projectFoot = "</p></div></li>\n"
)

// projectItem is a project in the list of projects.
func projectItem(r relay.ProjectRow) template.HTML {
	b := projectHead.fill(make([]byte, 0, 1024), r.ID, url.PathEscape(r.ID), r.Title)
	n := r.Counts
	for _, s := range []struct {
		n int
		state
	}{
		{n.Travelling, state{" travelling", "travelling", "live"}}, {n.Paused, state{" paused", "pause", "hold"}},
		{n.Complete, state{" complete", "complete", "good"}}, {n.Ended, state{" ended early", "ended", "quiet"}},
	} {
		if s.n > 0 {
			s.Word = strconv.Itoa(s.n) + s.Word
			b = append(appendState(b, s.state), ' ')
		}
	}
	if n.Total() == 0 {
		b = appendState(b, state{"no whisper yet", "planned", "quiet"})
	}
	return made(append(b, projectFoot...))
}

var (
	waitHead = cast(`<li id="wait-%0"><span class="which"><a href="/whispers/%1"><bdi>%2</bdi></a> <span class="quiet"><bdi>%3</bdi>, %4 of %5 answered</span></span>`)
	waitBox  = cast(` for <strong><bdi>%0</bdi></strong></span> <span class="presence">`)
)

// waitItem is a whisper in the list of those on their way.
func waitItem(r whisperRow) template.HTML {
	b := waitHead.fill(make([]byte, 0, 1024), r.ID, url.PathEscape(r.ID), r.Title, r.Project, strconv.Itoa(r.Answered), strconv.Itoa(r.Hops))
	if r.Box != "" {
		if r.Since.IsZero() {
			b = append(b, ` <span>waits`...)
		} else {
			b = appendMoment(append(b, ` <span>has waited `...), asFor, since, r.Since)
		}
		b = append(appendPresence(waitBox.fill(b, r.Box), r.Presence), "</span>"...)
	}
	return made(append(b, "</li>\n"...))
}

var mailHead = cast(`<li class="item" id="mail-%0"><div class="item-head"><h2><bdi>%1</bdi></h2>`)

// mailItem is the head of a mail in a list, up to where it says what to do.
func mailItem(r mailRow) template.HTML {
	b := appendState(mailHead.fill(make([]byte, 0, 1024), r.ID, r.Subject), r.State)
	b = append(b, `</div><p class="quiet">`...)
	if r.About != "" {
		b = append(text(b, r.About), ", "...)
	}
	b = append(appendName(append(b, "to "...), r.To), ", "...)
	if r.SentAt.IsZero() {
		b = appendMoment(append(b, "written "...), asAgo, "", r.CreatedAt)
		if r.Attempts > 0 {
			b = append(append(b, ", "...), plural(r.Attempts, "try", "tries")...)
		}
	} else {
		b = appendMoment(b, asAgo, "", r.SentAt)
		if r.Attempts > 1 {
			b = append(append(b, ", after "...), plural(r.Attempts, "try", "tries")...)
		}
	}
	if r.Waiting && !r.NextAt.IsZero() {
		b = appendMoment(append(b, ", next try "...), "", "", r.NextAt)
	}
	return made(append(b, "</p>"...))
}
