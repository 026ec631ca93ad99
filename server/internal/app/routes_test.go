package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/rest"
	"illumi/server/internal/store"
)

// rights says what each route answers to nobody, a box, the researcher whose
// project it is, an administrator, and a researcher who has nothing to do with
// it. Bodies are empty and ids are real, so 422 is "you may, but this is no
// request". A new route has to come with its line.
var rights = map[string][5]int{
	"GET /healthz": {200, 200, 200, 200, 200},
	"GET /readyz":  {200, 200, 200, 200, 200},

	"POST /api/v1/enroll":                          {422, 422, 422, 422, 422},
	"GET /api/v1/device/socket":                    {401, 400, 401, 401, 401},
	"GET /api/v1/device/speed":                     {401, 200, 401, 401, 401},
	"POST /api/v1/device/speed":                    {401, 200, 401, 401, 401},
	"GET /api/v1/device/offers":                    {401, 200, 401, 401, 401},
	"GET /api/v1/device/media/:digest":             {401, 200, 401, 401, 401},
	"HEAD /api/v1/device/media/:digest":            {401, 200, 401, 401, 401},
	"PUT /api/v1/device/hops/:hop/reply":           {401, 422, 401, 401, 401},
	"DELETE /api/v1/device/hops/:hop/reply/:reply": {401, 404, 401, 401, 401},
	"POST /api/v1/device/checks":                   {401, 422, 401, 401, 401},
	"GET /api/v1/device/clips":                     {401, 200, 401, 401, 401},
	"GET /api/v1/device/clips/:digest":             {401, 404, 401, 401, 401}, // it is no clip
	"HEAD /api/v1/device/clips/:digest":            {401, 404, 401, 401, 401},
	"POST /api/v1/device/uploads":                  {401, 412, 401, 401, 401},
	"HEAD /api/v1/device/uploads/*":                {401, 404, 401, 401, 401},

	"GET /echo":           {404, 404, 404, 404, 404}, // there is no box of the first generation
	"POST /uploadWhisper": {404, 404, 404, 404, 404},
	"GET /uploads/:name":  {404, 404, 404, 404, 404},
	"HEAD /uploads/:name": {404, 404, 404, 404, 404},

	"GET /assets/*":    {404, 404, 404, 404, 404},
	"GET /favicon.ico": {302, 302, 302, 302, 302},
	"GET /setup":       {200, 200, 200, 200, 200},
	"POST /setup":      {409, 409, 409, 409, 409}, // there is an administrator
	"GET /sign-in":     {200, 200, 303, 303, 303},
	"POST /sign-in":    {422, 422, 422, 422, 422},

	"GET /":                                              {303, 303, 200, 200, 200},
	"POST /projects":                                     {401, 401, 422, 422, 422},
	"GET /projects/:project":                             {303, 303, 200, 200, 404},
	"GET /projects/:project/live":                        {303, 303, 200, 200, 404},
	"GET /projects/:project/start":                       {303, 303, 200, 200, 404},
	"POST /projects/:project/start":                      {401, 401, 422, 422, 404},
	"GET /whispers/:whisper":                             {303, 303, 200, 200, 404},
	"GET /whispers/:whisper/live":                        {303, 303, 200, 200, 404},
	"GET /whispers/:whisper/whisper.json":                {303, 303, 200, 200, 404},
	"GET /whispers/:whisper/media/:name":                 {303, 303, 200, 200, 404},
	"GET /whispers/:whisper/decide":                      {303, 303, 200, 200, 404},
	"POST /whispers/:whisper/decide":                     {401, 401, 422, 422, 404},
	"POST /whispers/:whisper/pause":                      {401, 401, 303, 303, 404},
	"POST /whispers/:whisper/resume":                     {401, 401, 303, 303, 404},
	"POST /whispers/:whisper/end":                        {401, 401, 303, 303, 404},
	"GET /projects/:project/people":                      {303, 303, 200, 200, 404},
	"POST /projects/:project/people":                     {401, 401, 422, 422, 404},
	"POST /projects/:project/people/:user":               {401, 401, 422, 422, 404},
	"POST /projects/:project/people/:user/remove":        {401, 401, 404, 404, 404},
	"POST /projects/:project/invitations/:ticket/revoke": {401, 401, 404, 404, 404},
	"GET /projects/:project/settings":                    {303, 303, 200, 200, 404},
	"POST /projects/:project/settings":                   {401, 401, 422, 422, 404},
	"GET /projects/:project/export":                      {303, 303, 200, 200, 404},
	"GET /projects/:project/export.zip":                  {303, 303, 422, 422, 404},
	"POST /projects/:project/exports":                    {401, 401, 422, 422, 404},
	"GET /exports/:export/export.zip":                    {303, 303, 404, 404, 404},
	"POST /exports/:export/delete":                       {401, 401, 404, 404, 404},
	"GET /projects/:project/hooks":                       {303, 303, 200, 200, 404},
	"POST /projects/:project/hooks":                      {401, 401, 422, 422, 404},
	"GET /hooks/:hook":                                   {303, 303, 200, 200, 404},
	"POST /hooks/:hook/test":                             {401, 401, 303, 303, 404},
	"POST /hooks/:hook/on":                               {401, 401, 303, 303, 404},
	"POST /hooks/:hook/off":                              {401, 401, 303, 303, 404},
	"POST /hooks/:hook/delete":                           {401, 401, 303, 404, 404}, // it is gone then
	"POST /deliveries/:delivery/again":                   {401, 401, 404, 404, 404},
	"GET /mails":                                         {303, 303, 403, 200, 403},
	"GET /mails/live":                                    {303, 303, 200, 200, 200}, // a hint without content
	"POST /mails/test":                                   {401, 401, 403, 303, 403},
	"POST /mails/:mail/again":                            {401, 401, 409, 409, 404}, // it was not given up
	"GET /projects/:project/mails":                       {303, 303, 200, 200, 404},
	"POST /projects/:project/mails/test":                 {401, 401, 303, 303, 404},
	"GET /join":                                          {200, 200, 200, 200, 200},
	"POST /join":                                         {422, 422, 422, 422, 422},
	"GET /sign-up":                                       {200, 200, 200, 200, 200},
	"POST /sign-up":                                      {403, 403, 403, 403, 403}, // it is closed
	"GET /reset":                                         {200, 200, 200, 200, 200},
	"POST /reset":                                        {422, 422, 422, 422, 422},
	"GET /reset/new":                                     {200, 200, 200, 200, 200},
	"POST /reset/new":                                    {422, 422, 422, 422, 422},
	"GET /account/session":                               {200, 200, 200, 200, 200},
	"POST /account/session":                              {200, 200, 200, 200, 200},
	"GET /account":                                       {303, 303, 200, 200, 200},
	"POST /account/name":                                 {401, 401, 422, 422, 422},
	"POST /account/password":                             {401, 401, 422, 422, 422},
	"POST /account/keys":                                 {401, 401, 303, 303, 303},
	"POST /account/sessions/end":                         {401, 401, 404, 404, 404},
	"POST /account/sessions/end-others":                  {401, 401, 303, 303, 303},
	"GET /people":                                        {303, 303, 403, 200, 403},
	"POST /people/invite":                                {401, 401, 403, 422, 403},
	"POST /people/invitations/:ticket/revoke":            {401, 401, 404, 404, 404},
	"POST /people/sign-up":                               {401, 401, 403, 303, 403},
	"POST /people/:user/role":                            {401, 401, 403, 422, 403},
	"POST /people/:user/end":                             {401, 401, 403, 404, 403},
	"POST /people/:user/disable":                         {401, 401, 403, 404, 403},
	"POST /people/:user/enable":                          {401, 401, 403, 404, 403},
	"GET /account/tokens":                                {303, 303, 200, 200, 200},
	"POST /account/tokens":                               {401, 401, 422, 422, 422},
	"POST /account/tokens/:token/revoke":                 {401, 401, 404, 404, 404},
	"GET /boxes":                                         {303, 303, 200, 200, 200},
	"GET /boxes/live":                                    {303, 303, 200, 200, 200},
	"GET /boxes/first-generation":                        {303, 303, 403, 200, 403},
	"POST /boxes/first-generation":                       {401, 401, 403, 422, 403},
	"GET /whispers/:whisper/share":                       {303, 303, 200, 200, 404},
	"POST /whispers/:whisper/share":                      {401, 401, 422, 422, 404},
	"POST /shares/:share/revoke":                         {401, 401, 404, 404, 404},
	"GET /s":                                             {200, 200, 200, 200, 200},
	"POST /s":                                            {404, 404, 404, 404, 404}, // no secret, nothing there
	"GET /s/whisper":                                     {404, 404, 404, 404, 404},
	"GET /s/media/:name":                                 {404, 404, 404, 404, 404},
	"GET /boxes/codes":                                   {303, 303, 303, 303, 303},
	"POST /boxes/codes":                                  {401, 401, 403, 422, 403},
	"POST /boxes/codes/:code/revoke":                     {401, 401, 403, 303, 403},
	"GET /boxes/:box":                                    {303, 303, 200, 200, 200},
	"POST /boxes/:box":                                   {401, 401, 403, 422, 403},
	"POST /boxes/:box/ask":                               {401, 401, 403, 422, 403},
	"POST /boxes/:box/end":                               {401, 401, 403, 422, 403},
	"GET /boxes/:box/clips/:key":                         {303, 303, 404, 404, 404}, // it speaks as it was delivered
	"POST /boxes/:box/clips":                             {401, 401, 403, 422, 403},
	"POST /boxes/:box/clips/:key/remove":                 {401, 401, 403, 404, 403},
	"POST /boxes/:box/revoke":                            {401, 401, 403, 303, 403},
	"POST /app/uploads":                                  {401, 401, 412, 412, 412},
	"HEAD /app/uploads/*":                                {401, 401, 404, 404, 404},
	"POST /sign-out":                                     {303, 303, 303, 303, 303},
}

// order is the order of the requests: what ends something comes last.
func order(a, b string) int {
	late := func(s string) int {
		return slices.Index([]string{"POST /hooks/:hook/delete", "POST /whispers/:whisper/end", "POST /boxes/codes/:code/revoke", "POST /boxes/:box/revoke", "POST /sign-out"}, s)
	}
	if d := late(a) - late(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func TestRoutes_Rights(t *testing.T) {
	r := newRig(t)
	b := r.enrol("box")
	owner := r.person("owner@example.org", model.RoleResearcher)
	whisper := owner.start("straight", b)
	admin := r.person("admin@example.org", model.RoleAdmin)
	other := r.person("other@example.org", model.RoleResearcher)
	o := b.offer()
	if _, _, err := r.MakeCode(t.Context(), "next box"); err != nil {
		t.Fatal(err)
	}
	var codeID string
	for _, c := range must(r.relay.Codes(t.Context(), operator))(t) {
		if c.Label == "next box" {
			codeID = c.ID
		}
	}
	spare := r.enrol("spare")
	hook := must(r.relay.CreateHook(t.Context(), operator, model.Hook{ProjectID: r.projectOf(whisper), URL: "https://example.org/", Kinds: []string{model.EventLateFull}}))(t)
	var boss model.User
	if err := r.store.View(t.Context(), func(tx *store.Tx) (err error) {
		boss, err = tx.UserByEmail(t.Context(), "admin@example.org")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	mail := must(r.relay.TestMail(t.Context(), model.Actor{UserID: boss.ID, Role: boss.Role}, r.projectOf(whisper)))(t)
	real := strings.NewReplacer(
		":mail", mail.ID,
		":token", store.NewID(), ":hook", hook.ID, ":delivery", store.NewID(),
		":digest", o.Files[0].SHA256, ":hop", o.Hop, ":reply", store.NewID(), ":whisper", whisper,
		":project", r.projectOf(whisper), ":name", "00_audio_original.wav", ":code", codeID, ":box", spare.id, ":export", store.NewID(), "*", store.NewID(),
	)
	askers := []client{r.nobody(), b.client, owner, admin, other}
	names := []string{"nobody", "a box", "the researcher", "an administrator", "another researcher"}
	for _, route := range slices.SortedFunc(maps.Keys(rights), order) {
		method, path, _ := strings.Cut(route, " ")
		for i, asker := range askers {
			if got := asker.do(method, real.Replace(path), nil).status; got != rights[route][i] {
				t.Errorf("%s was answered %d to %s, want %d", route, got, names[i], rights[route][i])
			}
		}
	}
	known := map[string]bool{}
	for route := range rights {
		known[route] = true
	}
	for _, route := range r.echo.Routes() {
		tus := strings.Contains(route.Path, "/uploads")                                                         // all methods, one handler: one line is enough
		ours := strings.HasPrefix(route.Path, rest.Base) && !strings.HasPrefix(route.Path, rest.Base+"/device") // TestREST_EveryOperation walks these
		if route.Method == echo.RouteNotFound || strings.Contains(route.Name, "wrongMethods") || tus || ours {
			continue
		}
		if !known[route.Method+" "+route.Path] {
			t.Errorf("%s %s has no line in rights", route.Method, route.Path)
		}
	}
}

func (r *rig) projectOf(whisper string) string {
	r.t.Helper()
	return must(r.relay.Whisper(r.t.Context(), operator, whisper))(r.t).Project.ID
}

// Signing out ends the session itself, not only the browser's memory of it.
func TestRoutes_SignOut(t *testing.T) {
	r := newRig(t)
	c := r.person("r@example.org", model.RoleResearcher)
	if a := c.do("GET", "/", nil); a.status != 200 {
		t.Fatalf("signed in: %d", a.status)
	}
	c.do("POST", "/sign-out", nil)
	if a := c.do("GET", "/", nil); a.status != 303 {
		t.Errorf("after signing out: %d", a.status)
	}
}

func TestRoutes_EveryAnswerHasItsHeaders(t *testing.T) {
	r := newRig(t)
	b := r.enrol("box")
	for _, tc := range []struct {
		by client
		at string
	}{
		{r.nobody(), "/sign-in"}, {r.nobody(), "/healthz"}, {r.nobody(), "/nothing"}, {r.nobody(), "/api/v1/nothing"},
		{r.nobody(), "/assets/nothing"}, {r.nobody(), protocol.PathOffers}, {b.client, protocol.PathOffers}, {b.client, protocol.PathUploads},
	} {
		h := tc.by.do("GET", tc.at, nil).header
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("GET %s: %s is %q, want %q", tc.at, name, h.Get(name), want)
			}
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("GET %s: the policy is %q", tc.at, csp)
		}
		if h.Get("Cache-Control") == "" {
			t.Errorf("GET %s may be cached", tc.at)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("GET %s: http asks for https", tc.at)
		}
	}
	https := newRig(t, func(c *Config) { c.PublicURL = "https://illumi.example.org" })
	https.url = "http://" + https.addr
	if h := https.nobody().do("GET", "/sign-in", nil).header; h.Get("Strict-Transport-Security") == "" {
		t.Error("https is not kept")
	}
}

// A page of another site can change nothing; what it links to works.
func TestRoutes_CrossSite(t *testing.T) {
	r := newRig(t)
	c := r.person("r@example.org", model.RoleResearcher)
	form := url.Values{"title": {"T"}, "forwarding": {"straight"}}
	for name, headers := range map[string][]string{
		"fetch metadata": {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"old browser":    {"Origin", "https://evil.example"},
		"sandboxed":      {"Origin", "null"},
		"same site":      {"Sec-Fetch-Site", "same-site", "Origin", "https://sub.example.org"},
	} {
		if a := c.with(headers...).form("/projects", form); a.status != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, a.status)
		}
	}
	if a := c.with("Sec-Fetch-Site", "cross-site").do("GET", "/", nil); a.status != 200 {
		t.Errorf("a link from elsewhere: %d", a.status)
	}
	if a := c.with("Sec-Fetch-Site", "same-origin", "Origin", r.url).form("/projects", form); a.status != 303 {
		t.Errorf("our own page: %d", a.status)
	}
	// Behind a proxy that changes the Host, the public URL is ours.
	p := newRig(t, func(c *Config) { c.PublicURL = "https://illumi.example.org" })
	p.url = "http://" + p.addr
	if a := p.nobody().with("Origin", "https://illumi.example.org").form("/sign-in", nil); a.status != 422 {
		t.Errorf("the public URL's own page: %d", a.status)
	}
}

// Every code of the protocol has a status, here and in the documentation.
func TestStatus_EveryCode(t *testing.T) {
	file := must(parser.ParseFile(token.NewFileSet(), "../../../protocol/errors.go", nil, 0))(t)
	doc := string(must(os.ReadFile("../../../docs/protocol.md"))(t))
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Code" {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s is no literal", spec.Names[0])
			return true
		}
		codes++
		code := protocol.Code(must(strconv.Unquote(literal.Value))(t))
		if status[code] < 400 {
			t.Errorf("%s has no status", code)
		}
		if row := "| `" + string(code) + "` | " + strconv.Itoa(status[code]); !strings.Contains(doc, row) {
			t.Errorf("docs/protocol.md has no row %q", row)
		}
		return true
	})
	if codes == 0 || codes != len(status) {
		t.Errorf("%d codes, %d statuses", codes, len(status))
	}
}
