// Package archtest keeps the rooms of docs/code.md apart. Its test reads the import graph
// and fails on a package, an edge or a use that the tables below do not name.
//
// To change the architecture, change a row here and docs/code.md in the same commit. An edge that
// goes past the layers belongs into extra, with its reason.
package archtest

// row is one package of ours. Names are short: "agent i/flow" is agent/internal/flow.
type row struct {
	name string
	may  []string // packages of ours it may import
	pure bool     // rules only: no clock, disk, network, log, goroutine, and no module of others
}

// everyone's vocabulary: ids, limits and error codes are said once. It is pure, so nothing leaks through it.
const everyone = "protocol"

var rows = []row{
	{name: "protocol", pure: true},
	{name: "systemd"},

	{name: "agent", may: []string{"agent i/cli"}},
	{name: "agent cmd/illumi-agent", may: []string{"agent"}},
	{name: "agent cmd/prompts", may: []string{"agent i/flow", "agent i/media"}},
	{name: "agent i/cli", may: []string{"systemd", "agent i/daemon", "agent i/flow", "agent i/selftest", "agent i/panel", "agent i/media", "agent i/spool", "agent i/link", "agent i/transfer", "agent i/health", "agent i/checkup", "agent i/screen", "agent i/printer", "agent i/retry", "agent i/wifi", "agent i/config", "agent i/logs"}},
	{name: "agent i/daemon", may: []string{"agent i/beat", "agent i/flow", "agent i/panel", "agent i/media", "agent i/spool", "agent i/link", "agent i/transfer", "agent i/health", "agent i/retry", "agent i/config"}},
	{name: "agent i/flow", pure: true},
	{name: "agent i/selftest", may: []string{"agent i/flow"}, pure: true},
	{name: "agent i/panel", may: []string{"agent i/beat", "agent i/flow"}},
	{name: "agent i/media", may: []string{"agent i/kernel", "agent i/sheet"}},
	{name: "agent i/sheet"},
	{name: "agent i/screen", may: []string{"agent i/beat", "agent i/kernel", "agent i/media", "agent i/sheet"}},
	{name: "agent i/printer", may: []string{"agent i/media", "agent i/sheet"}},
	{name: "agent i/spool", may: []string{"agent i/beat"}},
	{name: "agent i/link", may: []string{"agent i/beat", "agent i/retry"}},
	{name: "agent i/transfer", may: []string{"agent i/beat", "agent i/retry", "agent i/spool"}},
	{name: "agent i/wifi"},
	{name: "agent i/checkup", may: []string{"agent i/flow", "agent i/selftest", "agent i/panel", "agent i/media", "agent i/transfer"}},
	{name: "agent i/health", may: []string{"agent i/kernel"}},
	{name: "agent i/beat"},
	{name: "agent i/kernel"},
	{name: "agent i/retry"},
	{name: "agent i/logs"},
	{name: "agent i/config"},

	{name: "server", may: []string{"server i/cli"}},
	{name: "server cmd/illumi-server", may: []string{"server"}},
	{name: "server i/cli", may: []string{"systemd", "server i/app", "server i/model", "server i/relay", "server i/store", "server i/blob", "server i/auth", "server i/mail"}},
	{name: "server i/app", may: []string{"server i/model", "server i/route", "server i/relay", "server i/store", "server i/blob", "server i/media", "server i/upload", "server i/hub", "server i/bus", "server i/auth", "server i/mail", "server i/api", "server i/web", "server i/rest", "server i/firstgen", "server i/export", "server i/hook", "server i/metric"}},
	{name: "server i/model", pure: true},
	{name: "server i/route", may: []string{"server i/model"}, pure: true},
	{name: "server i/relay", may: []string{"server i/model", "server i/route"}},
	{name: "server i/store", may: []string{"server i/model"}},
	{name: "server i/blob"},
	{name: "server i/media", may: []string{"server i/model"}},
	{name: "server i/upload", may: []string{"server i/blob"}},
	{name: "server i/hub"},
	{name: "server i/bus"},
	{name: "server i/auth", may: []string{"server i/model", "server i/store"}},
	{name: "server i/mail", may: []string{"server i/model"}},
	{name: "server i/api", may: []string{"server i/model", "server i/relay", "server i/hub", "server i/upload"}},
	{name: "server i/web", may: []string{"server i/model", "server i/relay", "server i/export"}},
	{name: "server i/rest", may: []string{"server i/model", "server i/relay", "server i/auth", "server i/upload", "server i/bus", "server i/export"}},
	{name: "server i/firstgen", may: []string{"server i/model", "server i/relay", "server i/upload"}},
	{name: "server i/export", may: []string{"server i/model", "server i/relay"}},
	{name: "server i/hook", may: []string{"server i/model"}},
	{name: "server i/metric", may: []string{"server i/model"}},
}

// edge is an import past the layers.
type edge struct {
	from, to, why string
}

var extra = []edge{
	{"server i/api", "server i/auth", "a device's or a token's request is let in before anything else is done with it"},
	{"server i/web", "server i/auth", "every page is somebody's page"},
	{"server i/web", "server i/web/assets", "pages name the bundled scripts and styles by hash"},
	{"server i/relay", "server i/store", "docs/adr/0001: a use case is one transaction, and the store has one implementation"},
	{"server i/web", "server i/route", "pages say in words which way of ordering an id stands for"},
	{"server i/web", "server i/media", "a recording's outline is drawn when a page first shows it"},
	{"server i/upload", "server i/media", "a finished upload is looked into, and its shared copy made, before it is acknowledged"},
	{"server i/upload", "server i/model", "what a finished upload is, and why one is refused"},
	{"server i/web", "server i/bus", "open pages look again when something changed"},
	{"server i/store", "server i/store/internal/sqlcgen", "the queries that sqlc compiled; nobody else may call them"},
}

// inner lists folders that are a part of their parent rather than a row of their own.
var inner = []row{
	{name: "server i/web/assets"},
	{name: "server i/store/internal/sqlcgen"},
	{name: "server i/store/storetest"},
	{name: "agent i/wifi/wifitest"},
}

// Everything under scripts/ drives the two halves from outside, through their facades.
var scriptsMay = []string{"agent", "server"}

// home says which packages may use a part of the standard library. Homes of other people's
// modules are in docs/dependencies.md, which the test reads.
type home struct {
	path string
	in   []string
	why  string
}

var homes = []home{
	{"database/sql", []string{"server i/store", "server i/store/internal/sqlcgen", "server i/store/storetest"}, "one SQL text, one place that decides about transactions"},
	{"os/exec", []string{"agent i/media", "server i/media"}, "subprocesses need limits and a reaper; one place in each half has them: docs/adr/0005 for the server's"},
	{"html/template", []string{"server i/web", "server i/mail"}, "whatever people typed is escaped in two places, and nowhere by hand"},
}

// Pure packages get time in an event and hand their effects back as values.
var (
	// impurePaths are forbidden with all that is below them, but for pureExceptions.
	impurePaths    = []string{"os", "net", "log", "database", "syscall", "io/ioutil", "path/filepath", "testing", "unsafe", "plugin", "embed"}
	pureExceptions = []string{"net/url", "net/mail", "net/netip"} // parsers of text

	impureTime = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"}
	// The functions of the package, which are seeded by the machine; a generator made from a seed is fine.
	impureRand = []string{"Int", "IntN", "Intn", "Int31", "Int31n", "Int32", "Int32N", "Int63", "Int63n", "Int64", "Int64N",
		"Uint", "UintN", "Uint32", "Uint32N", "Uint64", "Uint64N", "Float32", "Float64", "ExpFloat64", "NormFloat64", "N", "Perm", "Shuffle", "Read", "Seed"}
)

// maxLines is where a file has become two. Generated files may be longer.
const maxLines = 500
