package rest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// hopVersion names what was seen of a turn, so that a decision about an older
// state of it changes nothing.
func hopVersion(h model.Hop) string { return fmt.Sprintf("%d.%d", h.Epoch, h.Course.Decisions) }

func parseVersion(text string) (epoch, decisions int, err error) {
	before, after, _ := strings.Cut(text, ".")
	epoch, err = strconv.Atoi(before)
	if err == nil {
		decisions, err = strconv.Atoi(after)
	}
	if err != nil {
		return 0, 0, model.RefuseField("version", "This is not the version of a turn.", "Send the version that get-whisper gives with the turn.")
	}
	return epoch, decisions, nil
}

type decisionInput struct {
	WhisperID
	Hop  string `path:"hop" doc:"The turn's id"`
	Body struct {
		Decision relay.Do `json:"decision" enum:"wait,skip,replace,postpone,end" doc:"Wait longer; pass the turn over; give it to another box; let the next one go first; end the whisper"`
		Version  string   `json:"version" minLength:"3" maxLength:"40" doc:"The turn's version, as it was seen" example:"1.0"`
		Box      string   `json:"box,omitempty" maxLength:"100" doc:"For replace: the id of a box that is not in the chain"`
		Reason   string   `json:"reason,omitempty" maxLength:"200" doc:"Why; it stands in the history"`
	}
}

func (a *API) stallOperations() {
	handle(a, op{
		id: "decide-turn", verb: model.Steer, method: "POST", path: "/whispers/{whisper}/hops/{hop}/decision", tag: "whispers", summary: "Decide about a turn that stalls, or that shall not be",
		more:   "A turn that has changed since its version was read is refused (409), so a second try is harmless.",
		fields: map[string]string{"why": "reason", "device": "box"},
	}, func(ctx context.Context, who model.Actor, in *decisionInput) (*body[Whisper], error) {
		b := in.Body
		epoch, decisions, err := parseVersion(b.Version)
		if err != nil {
			return nil, err
		}
		d := relay.Decision{Hop: in.Hop, Epoch: epoch, Decisions: decisions, Do: b.Decision, Why: b.Reason, Device: b.Box}
		if _, err := a.Relay.Decide(ctx, who, in.Whisper, d); err != nil {
			return nil, err
		}
		return a.whisper(ctx, who, &in.WhisperID)
	})
}

// ShareLink shows one whisper to people without an account.
type ShareLink struct {
	ID         string     `json:"id" doc:"Its id"`
	Whisper    string     `json:"whisper" doc:"The whisper that it shows"`
	Label      string     `json:"label" doc:"Who it is for"`
	HideFaces  bool       `json:"hide_pictures" doc:"It shows no pictures"`
	Works      bool       `json:"works" doc:"It was not revoked, and its time is not over"`
	URL        string     `json:"url,omitempty" doc:"The address; only in the answer that makes it"`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made"`
	ExpiresAt  time.Time  `json:"expires_at" doc:"When it stops working"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"When somebody last looked, to the hour"`
}

func shareShape(l model.ShareLink, now time.Time) ShareLink {
	return ShareLink{
		ID: l.ID, Whisper: l.WhisperID, Label: l.Label, HideFaces: l.HideFaces, Works: l.RevokedAt.IsZero() && now.Before(l.ExpiresAt),
		CreatedAt: l.CreatedAt.UTC(), ExpiresAt: l.ExpiresAt.UTC(), LastUsedAt: when(l.LastUsedAt),
	}
}

type (
	whisperPage struct {
		WhisperID
		Paging
	}
	newShare struct {
		WhisperID
		Body struct {
			Label     string `json:"label" minLength:"1" maxLength:"200" doc:"Who it is for" example:"The exhibition"`
			Days      int    `json:"days,omitempty" enum:"7,30,90" default:"30" doc:"How long it works"`
			HideFaces bool   `json:"hide_pictures,omitempty" doc:"Show no pictures"`
		}
	}
	shareID struct {
		Link string `path:"link" doc:"The link's id"`
	}
)

func (a *API) shareOperations() {
	handle(a, op{id: "list-links", verb: model.Share, method: "GET", path: "/whispers/{whisper}/links", tag: "whispers", summary: "List the links to a whisper, newest first"},
		func(ctx context.Context, who model.Actor, in *whisperPage) (*body[list[ShareLink]], error) {
			rows, err := a.Relay.Shares(ctx, who, in.Whisper)
			rows = page(rows, in.Paging, func(l model.ShareLink, after string) bool { return l.ID < after })
			now := a.Now()
			return answer(paged(rows, in.Limit, func(l model.ShareLink) ShareLink { return shareShape(l, now) }, func(l model.ShareLink) string { return l.ID }), err)
		})
	handle(a, op{
		id: "create-link", verb: model.Share, method: "POST", path: "/whispers/{whisper}/links", tag: "whispers", summary: "Make a read-only link to a whisper", status: 201,
		more: "Whoever has the address hears the chain, without an account. It is told only here.",
	}, func(ctx context.Context, who model.Actor, in *newShare) (*body[ShareLink], error) {
		secret, link, err := a.Relay.Share(ctx, who, in.Whisper, in.Body.Label, in.Body.Days, in.Body.HideFaces)
		shape := shareShape(link, a.Now())
		shape.URL = strings.TrimRight(a.PublicURL, "/") + "/s#" + secret
		return answer(shape, err)
	})
	handle(a, op{id: "revoke-link", verb: model.Share, method: "POST", path: "/links/{link}/revoke", tag: "whispers", summary: "End a link, also for those who look at it now", status: 204},
		func(ctx context.Context, who model.Actor, in *shareID) (*nothing, error) {
			_, err := a.Relay.RevokeShare(ctx, who, in.Link)
			return &nothing{}, err
		})
}
