package rest

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// boxRoutes describes the boxes' own API, which package api serves, so that
// the document names everything below /api/v1.
func (a *API) boxRoutes() {
	for _, r := range []rawRoute{
		{op: op{id: "box-enrol", method: "POST", path: "/enroll", summary: "Enrol a box with a code"}, kind: "application/json", security: securityNone},
		{op: op{id: "box-socket", method: "GET", path: "/device/socket", summary: "Open the socket for hints (illumi.v1)", status: 101}},
		{op: op{id: "box-offers", method: "GET", path: "/device/offers", summary: "Ask for offers"}, kind: "application/json",
			params: []*huma.Param{text("query", "since", "The cursor of the answer before", false)}},
		{op: op{id: "box-media", method: "GET", path: "/device/media/{digest}", summary: "Fetch a file of the present turn"}, kind: "application/octet-stream"},
		{op: op{id: "box-media-head", method: "HEAD", path: "/device/media/{digest}", summary: "Ask how long such a file is"}},
		{op: op{id: "box-reply", method: "PUT", path: "/device/hops/{hop}/reply", summary: "Hand an answer in"}, kind: "application/json"},
		{op: op{id: "box-take-back", method: "DELETE", path: "/device/hops/{hop}/reply/{reply}", summary: "Take an answer back"}, kind: "application/json"},
		{op: op{id: "box-speed", method: "GET", path: "/device/speed", summary: "Fetch bytes to time the line"}, kind: "application/octet-stream"},
		{op: op{id: "box-speed-up", method: "POST", path: "/device/speed", summary: "Send bytes to time the line"}, kind: "application/octet-stream"},
		{op: op{id: "box-check", method: "POST", path: "/device/checks", summary: "Hand in what was found when the box was looked through"}, kind: "application/json"},
		{op: op{id: "box-clips", method: "GET", path: "/device/clips", summary: "List the sentences that somebody else speaks"}, kind: "application/json"},
		{op: op{id: "box-clip", method: "GET", path: "/device/clips/{digest}", summary: "Fetch one of them"}, kind: "application/octet-stream"},
		{op: op{id: "box-clip-head", method: "HEAD", path: "/device/clips/{digest}", summary: "Ask how long it is"}},
		{op: op{id: "box-upload", method: "POST", path: "/device/uploads", summary: "Begin an upload, by tus 1.0", status: 201}},
	} {
		r.tag = boxTag
		if r.security == "" {
			r.security = securityBox
		}
		for part := range strings.SplitSeq(r.path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				name = strings.TrimSuffix(name, "}")
				r.params = append(r.params, text("path", name, "The "+name, true))
			}
		}
		a.describe(r)
	}
}
