package model

import (
	"slices"
	"strings"
	"time"

	"illumi/protocol"
)

// ProjectRole is what a person is in one project.
type ProjectRole string

// Roles in a project (people.md R8).
const (
	ProjectOwner      ProjectRole = "owner"
	ProjectResearcher ProjectRole = "researcher"
	ProjectModerator  ProjectRole = "moderator" // hears, takes nothing away
	ProjectViewer     ProjectRole = "viewer"    // sees the course, hears and sees nobody
)

// ProjectRoles lists them, the mightiest first.
func ProjectRoles() []ProjectRole {
	return []ProjectRole{ProjectOwner, ProjectResearcher, ProjectModerator, ProjectViewer}
}

// Verb is something that a person or a program wants to do.
type Verb string

// Verbs within a project.
const (
	See        Verb = "see"         // titles, states, times, boxes' names
	Hear       Verb = "hear"        // recordings and pictures
	Steer      Verb = "steer"       // start, pause, end, decide about a turn that stalls
	Share      Verb = "share"       // links for people without an account
	Export     Verb = "export"      // data with recordings and pictures
	ExportData Verb = "export data" // data alone
	Settle     Verb = "settle"      // the project's settings and hooks
	People     Verb = "people"      // who works on the project, and as what
)

// Verbs of the whole server.
const (
	CreateProjects Verb = "create projects"
	SeeBoxes       Verb = "see boxes"
	ManageBoxes    Verb = "manage boxes" // codes, places, removal
	ManageUsers    Verb = "manage users"
	ManageServer   Verb = "manage server" // its settings, its mails
)

// mayInProject and mayOnServer are the whole of who may do what.
var mayInProject = map[ProjectRole][]Verb{
	ProjectOwner:      {See, Hear, Steer, Share, Export, ExportData, Settle, People},
	ProjectResearcher: {See, Hear, Steer, Share, Export, ExportData},
	ProjectModerator:  {See, Hear},
	ProjectViewer:     {See, ExportData},
}

var mayOnServer = map[Role][]Verb{
	RoleAdmin:      {CreateProjects, SeeBoxes, ManageBoxes, ManageUsers, ManageServer},
	RoleResearcher: {CreateProjects, SeeBoxes},
	RoleInstaller:  {SeeBoxes, ManageBoxes},
}

// Scope is what a program's token was made for; a token never does more than
// its scopes, nor more than the person who made it.
type Scope string

// Scopes.
const (
	ScopeRead   Scope = "read"
	ScopeMedia  Scope = "media"
	ScopeExport Scope = "export"
	ScopeWrite  Scope = "write"
	ScopeBoxes  Scope = "boxes"
	ScopeAdmin  Scope = "admin"
)

var scopeWords = map[Scope]string{
	ScopeRead: "See", ScopeMedia: "Hear and look", ScopeExport: "Export", ScopeWrite: "Start and steer", ScopeBoxes: "Look after boxes", ScopeAdmin: "Settings",
}

// Words is what the page Programs calls a scope.
func (s Scope) Words() string { return scopeWords[s] }

// Scopes lists them.
func Scopes() []Scope {
	return []Scope{ScopeRead, ScopeMedia, ScopeExport, ScopeWrite, ScopeBoxes, ScopeAdmin}
}

var inScope = map[Scope][]Verb{
	ScopeRead:   {See, SeeBoxes},
	ScopeMedia:  {See, Hear},
	ScopeExport: {See, Export, ExportData},
	ScopeWrite:  {See, SeeBoxes, Steer, Share, CreateProjects},
	ScopeBoxes:  {SeeBoxes, ManageBoxes},
	ScopeAdmin:  {See, Settle, People, ManageUsers, ManageServer},
}

// ScopesFor lists the scopes with each of which a token may do something.
func ScopesFor(v Verb) []Scope {
	return slices.DeleteFunc(Scopes(), func(s Scope) bool { return !slices.Contains(inScope[s], v) })
}

// Actor is who does something: a signed-in person, or a program with a token.
type Actor struct {
	UserID string
	Role   Role
	// Token is the id of the token that a program shows; empty for a person.
	Token   string
	Scopes  []Scope // of the token
	Project string  // the only project that the token is for, if any
}

// Admin reports whether the actor may see every project, as an owner does.
func (a Actor) Admin() bool { return a.Role == RoleAdmin }

// May reports whether the actor may do something on the whole server.
func (a Actor) May(v Verb) bool {
	if v != SeeBoxes && a.Project != "" {
		return false // a token for one project
	}
	return a.inScope(v) && slices.Contains(mayOnServer[a.Role], v)
}

// MayIn reports whether the actor may do something in a project where it has
// this role; empty is no role.
func (a Actor) MayIn(p Project, v Verb) bool {
	if a.Project != "" && a.Project != p.ID {
		return false
	}
	role := p.As
	if a.Admin() {
		role = ProjectOwner
	}
	return a.inScope(v) && slices.Contains(mayInProject[role], v)
}

func (a Actor) inScope(v Verb) bool {
	if a.Token == "" {
		return true
	}
	return slices.ContainsFunc(a.Scopes, func(s Scope) bool { return slices.Contains(inScope[s], v) })
}

// Refusal says why the actor may not do something that others may do here: a
// program learns which scope its token lacks.
func (a Actor) Refusal(v Verb) *Error {
	switch {
	case a.inScope(v) && a.Project != "" && slices.Contains(mayOnServer[a.Role], v):
		return Refuse(protocol.CodeForbidden, "This token is for one project alone.", "Make one for all projects on the page Programs.")
	case a.inScope(v):
		return Forbidden(v)
	}
	var names []string
	for _, s := range ScopesFor(v) {
		names = append(names, "“"+s.Words()+"” (scope "+string(s)+")")
	}
	return Refuse(protocol.CodeForbidden, "This token was not made for this.", "Make one with "+strings.Join(names, " or ")+" on the page Programs.")
}

// Forbidden is the refusal of something that others may do here.
func Forbidden(v Verb) *Error {
	sentence, next := "Your role in this project does not allow this.", "Ask the project's owner."
	switch v {
	case ManageUsers, ManageServer:
		sentence, next = "Only an administrator can do this.", "Ask your administrator."
	case ManageBoxes:
		sentence, next = "Only an administrator or an installer can do this.", "Ask your administrator."
	case CreateProjects, SeeBoxes:
		sentence, next = "Your account does not allow this.", "Ask your administrator."
	}
	return Refuse(protocol.CodeForbidden, sentence, next)
}

// Member is a person's part in a project.
type Member struct {
	ProjectID string
	UserID    string
	Role      ProjectRole
	AddedBy   string
	AddedAt   time.Time
	ExpiresAt time.Time // zero: never
}

// Lapsed reports whether the part is over at now.
func (m Member) Lapsed(now time.Time) bool { return !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt) }
