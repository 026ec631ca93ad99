// Package rest is the researchers' JSON API below /api/v1: whatever the pages
// can do, a program with a token can do too. Handlers parse, call one method of
// relay as the token's actor, and render. The OpenAPI document is made of the
// same Go types that the handlers use, so the two cannot part.
package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Base is where the API is mounted, beside the boxes' one.
const Base = "/api/v1"

// PathUploads is where programs upload the files of a start, by tus.
const PathUploads = Base + "/uploads/"

// Tokens tells whose token a request carries.
type Tokens interface {
	// AuthenticateToken returns who an Authorization header stands for, or a
	// *model.Error. Wrong ones are counted by the client's address.
	AuthenticateToken(ctx context.Context, authorization, ip string) (model.Actor, error)
	// TokensAfter lists the tokens of the person, newest first, from after the id given.
	TokensAfter(ctx context.Context, actor model.Actor, limit int, after string) ([]model.Token, error)
	// RevokeToken ends a token; a token may end only itself.
	RevokeToken(ctx context.Context, actor model.Actor, id string) error
}

// People settles who has an account; auth.Service says what each does.
type People interface {
	Users(ctx context.Context, actor model.Actor, limit int, after string) ([]model.User, error)
	ChangeAccount(ctx context.Context, actor model.Actor, id string, c auth.AccountChange) (model.User, error)
	Invite(ctx context.Context, actor model.Actor, r auth.InviteRequest) (link string, t model.Ticket, err error)
	InvitationsAfter(ctx context.Context, actor model.Actor, project string, limit int, after string) ([]model.Ticket, error)
	RevokeInvitation(ctx context.Context, actor model.Actor, id string) error
	OpenSignUp(ctx context.Context) (bool, error)
	SetOpenSignUp(ctx context.Context, actor model.Actor, open bool) error
}

// Media opens stored bytes by digest.
type Media interface {
	Open(digest string) (*os.File, error)
}

// Uploads takes files in; it writes nothing when it returns an error.
type Uploads interface {
	Serve(w http.ResponseWriter, r *http.Request) error
}

// Options is what the API needs.
type Options struct {
	Relay   *relay.Service
	Tokens  Tokens
	People  People
	Bus     *bus.Bus
	Media   Media
	Uploads Uploads // tus, mounted at PathUploads
	// Explain turns an error into what the client is told, and logs what it is not told.
	Explain func(r *http.Request, route string, err error) (protocol.Problem, time.Duration)
	// HookSecret is what messages to a hook are signed with.
	HookSecret func(hook string) string
	PublicURL  string
	Temp       string // where exports lie, and parts of one that is streamed
	// WakeExports tells the worker that makes exports ready; it may be nil.
	WakeExports func()
	Now         func() time.Time
	Log         *slog.Logger
	Base        context.Context // ends at shutdown, and streams with it
	Heartbeat   time.Duration   // of streams; 0: 15 s
}

// API serves programs.
type API struct {
	Options
	huma huma.API
	raw  []rawRoute
}

// New registers every route on e and makes the OpenAPI document.
func New(e *echo.Echo, o Options) (*API, error) {
	if o.Heartbeat == 0 {
		o.Heartbeat = heartbeat
	}
	a := &API{Options: o}
	config := huma.DefaultConfig("illumi", "1")
	config.Info.Description = description
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema links: answers hold data alone
	config.RejectUnknownQueryParameters = true
	config.Servers = []*huma.Server{{URL: Base}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		securityToken: {Type: "http", Scheme: "bearer", Description: "A token made on the page Programs, ilm_…"},
		securityBox:   {Type: "http", Scheme: "bearer", Description: "A box's own secret, made at its enrolment"},
	}
	config.Tags = tags
	// A group without middleware: echo would else catch every address below Base.
	group := e.Group(Base)
	a.huma = humaecho.NewWithGroup(e, group, config)
	a.huma.UseMiddleware(a.authenticated)
	a.operations()
	a.rawRoutes(group)
	a.boxRoutes()
	return a, a.document(group)
}

// document serves the OpenAPI document, made once.
func (a *API) document(g *echo.Group) error {
	asJSON, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		return fmt.Errorf("rest: write the OpenAPI document: %w", err)
	}
	asYAML, err := a.huma.OpenAPI().YAML()
	if err != nil {
		return fmt.Errorf("rest: write the OpenAPI document: %w", err)
	}
	g.GET("/openapi.json", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/openapi+json", asJSON) })
	g.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/openapi+yaml", asYAML) })
	return nil
}

// Document is the OpenAPI document as it is committed in docs/openapi.yaml.
func (a *API) Document() ([]byte, error) { return a.huma.OpenAPI().YAML() }

// OpenAPI is the document as huma keeps it.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

type contextKey struct{}

// ActorFrom is who a request's token stands for.
func ActorFrom(ctx context.Context) (model.Actor, bool) {
	actor, ok := ctx.Value(contextKey{}).(model.Actor)
	return actor, ok
}

// actor is who asks; authenticated has checked that there is one.
func actor(ctx context.Context) model.Actor {
	who, _ := ActorFrom(ctx)
	return who
}

// authenticated lets only requests with a good token through to huma.
func (a *API) authenticated(ctx huma.Context, next func(huma.Context)) {
	c := humaecho.Unwrap(ctx)
	who, err := a.Tokens.AuthenticateToken(ctx.Context(), ctx.Header("Authorization"), c.RealIP())
	if err != nil {
		c.Error(needsToken(c, err))
		return
	}
	next(huma.WithValue(ctx, contextKey{}, who))
}

// needsToken says in a header how to prove who asks, where nobody did (RFC 6750).
func needsToken(c echo.Context, err error) error {
	if e, ok := model.AsError(err); ok && e.Code == protocol.CodeSignIn {
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="illumi"`)
		if c.Request().Header.Get("Authorization") == "" {
			return model.Refuse(protocol.CodeSignIn, "This address needs a token.", e.Next)
		}
	}
	return err
}

// withToken is authenticated for plain routes.
func (a *API) withToken(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		who, err := a.Tokens.AuthenticateToken(r.Context(), r.Header.Get("Authorization"), c.RealIP())
		if err != nil {
			return needsToken(c, err)
		}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), contextKey{}, who)))
		return next(c)
	}
}
