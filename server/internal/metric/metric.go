// Package metric counts what a person who looks after the server asks about,
// and gives it to Prometheus. Names begin with illumi_; docs/operations.md
// says what each means, and a test holds the two together.
package metric

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"illumi/server/internal/model"
)

// keepGauges is how long what the database counted is good for: many who
// scrape cost no more than one.
const keepGauges = 5 * time.Second

// askGauges bounds one look at the database.
const askGauges = 3 * time.Second

// Sources is where gauges come from.
type Sources struct {
	Gauges   func(ctx context.Context) (model.Gauges, error)
	Database func() model.DatabaseStats
	Boxes    func() int // live connections
	Version  string
}

// Metrics is the registry and its counters. The zero value is of no use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	running  prometheus.Gauge
	events   *prometheus.CounterVec
	mails    *prometheus.CounterVec
	uploads  *prometheus.CounterVec
	bytes    prometheus.Counter
}

// New makes the registry.
func New(s Sources) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "illumi_http_request_seconds", Help: "Time to answer a request, by route.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}, []string{"method", "route", "status"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "illumi_http_requests_running", Help: "Requests being answered, live pages and sockets included."}),
		events:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "illumi_events_total", Help: "Lines of whispers' histories, by kind: offered, delivered, heard, received, approved, late, complete …"}, []string{"kind"}),
		mails:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "illumi_mails_total", Help: "Attempts to send a mail, by outcome: sent, queued (tried again later), failed."}, []string{"outcome"}),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "illumi_uploads_total", Help: "Uploads that were received and kept, by role."}, []string{"role"}),
		bytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "illumi_upload_bytes_total", Help: "Bytes of kept uploads as they came."}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "illumi_build_info", Help: "1, with the version as label.", ConstLabels: prometheus.Labels{"version": s.Version},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.requests, m.running, m.events, m.mails, m.uploads, m.bytes, build, &waiting{s: s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Event counts a line of a whisper's history.
func (m *Metrics) Event(kind string) { m.events.WithLabelValues(kind).Inc() }

// Mail counts an attempt.
func (m *Metrics) Mail(state model.MailState) { m.mails.WithLabelValues(string(state)).Inc() }

// Upload counts a kept upload.
func (m *Metrics) Upload(u model.Upload) {
	m.uploads.WithLabelValues(string(u.Media.Role)).Inc()
	m.bytes.Add(float64(u.Media.Size))
}

// Middleware measures requests by route. A URL is never a label: it names
// people's whispers, and there is no end to them.
func (m *Metrics) Middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		m.running.Inc()
		defer m.running.Dec()
		err := next(c)
		if err != nil {
			c.Error(err) // here, so that the status is the true one; it is not rendered twice
		}
		route := c.Path()
		if route == "" {
			route = "none"
		}
		m.requests.WithLabelValues(method(c.Request().Method), route, strconv.Itoa(c.Response().Status)).Observe(time.Since(began).Seconds())
		return nil
	}
}

// method keeps made-up methods from becoming labels.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// waiting collects what the database and the hub know.
type waiting struct {
	s Sources

	mu     sync.Mutex
	asked  time.Time
	gauges model.Gauges
	failed bool
}

var (
	up         = prometheus.NewDesc("illumi_database_up", "1 if the last look at the database succeeded.", nil, nil)
	boxes      = prometheus.NewDesc("illumi_boxes_connected", "Live connections of boxes.", nil, nil)
	queued     = prometheus.NewDesc("illumi_hops_waiting", "Turns whose box is busy with another one.", nil, nil)
	queuedAge  = prometheus.NewDesc("illumi_hops_waiting_oldest_seconds", "How long the first of them waits.", nil, nil)
	travelling = prometheus.NewDesc("illumi_whispers_travelling", "Whispers on their way.", nil, nil)
	standing   = prometheus.NewDesc("illumi_whispers_oldest_step_seconds", "The longest that a travelling whisper stands still.", nil, nil)
	needs      = prometheus.NewDesc("illumi_whispers_need_decision", "Whispers that wait for a person's decision.", nil, nil)
	mailsDue   = prometheus.NewDesc("illumi_mails_waiting", "Mails that are to be sent.", nil, nil)
	mailsAge   = prometheus.NewDesc("illumi_mails_waiting_oldest_seconds", "How long the first of them is due.", nil, nil)
	deliveries = prometheus.NewDesc("illumi_hook_deliveries_waiting", "Deliveries of hooks that are to be made.", nil, nil)
	dbOpen     = prometheus.NewDesc("illumi_database_connections", "Connections to the database, by use.", []string{"state"}, nil)
	dbWaits    = prometheus.NewDesc("illumi_database_waits_total", "Waits for a free connection.", nil, nil)
	dbWaited   = prometheus.NewDesc("illumi_database_wait_seconds_total", "Time spent in them.", nil, nil)
	dbRuns     = prometheus.NewDesc("illumi_database_transactions_total", "Transactions that were run, those that were run again included.", nil, nil)
	dbBusy     = prometheus.NewDesc("illumi_database_transaction_seconds_total", "Time spent inside transactions.", nil, nil)
	dbAgain    = prometheus.NewDesc("illumi_database_reruns_total", "Transactions that lost against another and were run again.", nil, nil)
)

// Describe is Prometheus's.
func (w *waiting) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{up, boxes, queued, queuedAge, travelling, standing, needs, mailsDue, mailsAge, deliveries,
		dbOpen, dbWaits, dbWaited, dbRuns, dbBusy, dbAgain} {
		out <- d
	}
}

// Collect is Prometheus's. Where the database does not answer, only what does
// not need it is told.
func (w *waiting) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	db := w.s.Database()
	gauge(boxes, float64(w.s.Boxes()))
	gauge(dbOpen, float64(db.InUse), "busy")
	gauge(dbOpen, float64(db.Open-db.InUse), "idle")
	counter(dbWaits, float64(db.Waits))
	counter(dbWaited, db.Waited.Seconds())
	counter(dbRuns, float64(db.Transactions))
	counter(dbBusy, db.Busy.Seconds())
	counter(dbAgain, float64(db.Again))
	g, ok := w.look()
	if !ok {
		gauge(up, 0)
		return
	}
	gauge(up, 1)
	now := time.Now()
	for _, v := range []struct {
		count, age *prometheus.Desc
		n          int
		since      time.Time
	}{
		{queued, queuedAge, g.QueuedHops, g.OldestQueued}, {travelling, standing, g.Travelling, g.OldestTravelling},
		{mailsDue, mailsAge, g.Mails, g.OldestMail},
	} {
		gauge(v.count, float64(v.n))
		age := 0.0
		if !v.since.IsZero() {
			age = max(now.Sub(v.since).Seconds(), 0)
		}
		gauge(v.age, age)
	}
	gauge(needs, float64(g.Needs))
	gauge(deliveries, float64(g.Deliveries))
}

// look asks the database unless it was asked a moment ago.
func (w *waiting) look() (model.Gauges, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.asked) < keepGauges {
		return w.gauges, !w.failed
	}
	ctx, cancel := context.WithTimeout(context.Background(), askGauges)
	defer cancel()
	g, err := w.s.Gauges(ctx)
	w.asked, w.gauges, w.failed = time.Now(), g, err != nil
	return g, err == nil
}
