package server

import (
	"cmp"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"yanquan/dianping"
	"yanquan/douyin"
	"yanquan/models"
)

// Metrics is everything /metrics shows. It implements [bot.Observer]. No label
// takes its value from a request: channels are the configured ones.
type Metrics struct {
	registry *prometheus.Registry

	callbacks     *prometheus.CounterVec
	callbackTime  *prometheus.HistogramVec
	platformCalls *prometheus.HistogramVec
	deliveries    *prometheus.CounterVec
	settled       *prometheus.HistogramVec
	backlog       *prometheus.GaugeVec
	connected     *prometheus.GaugeVec
	ready         prometheus.Gauge
}

// NewMetrics makes a registry of its own.
func NewMetrics(version, commit string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanquan_callbacks_total", Help: "Callbacks from WeCom by channel, method and the HTTP status they were answered with.",
		}, []string{"channel", "method", "status"}),
		callbackTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yanquan_callback_duration_seconds", Help: "Time to answer a callback; WeCom gives up after 5 s.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 4, 5},
		}, []string{"channel"}),
		platformCalls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yanquan_platform_call_duration_seconds", Help: "Calls to the voucher platform by outcome; class is ok or the class of the failure.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2, 3, 5, 10},
		}, []string{"platform", "call", "class"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yanquan_deliveries_total", Help: "Tries to deliver an answer or notice; reason is sent or why the try failed.",
		}, []string{"channel", "reason"}),
		settled: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yanquan_settle_duration_seconds", Help: "How long doubtful operations were doubtful, by the state they were settled to.",
			Buckets: []float64{.5, 1, 2, 5, 10, 30, 60, 180, 600, 3600},
		}, []string{"state"}),
		backlog: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "yanquan_backlog", Help: "What is due and not done: messages, operations, outgoing, a thousand of each at the most.",
		}, []string{"kind"}),
		connected: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "yanquan_connected", Help: "1 while this process holds the long connection of a robot; of all replicas one does.",
		}, []string{"channel"}),
		ready: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yanquan_ready", Help: "1 while /readyz answers 200.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "yanquan_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "go": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.callbacks, m.callbackTime, m.platformCalls, m.deliveries, m.settled, m.backlog, m.connected, m.ready, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler serves the registry.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

func (m *Metrics) callback(channel, method string, status int, took time.Duration) {
	m.callbacks.WithLabelValues(channel, method, strconv.Itoa(status)).Inc()
	m.callbackTime.WithLabelValues(channel).Observe(took.Seconds())
}

// Platform counts one call to Meituan/Dianping.
func (m *Metrics) Platform(o dianping.Observation) {
	class := ""
	if o.Err != nil {
		class = string(o.Err.Class)
	}
	m.called(o.Platform, string(o.Call), class, o.Took)
}

// Douyin counts one call to Douyin.
func (m *Metrics) Douyin(o douyin.Observation) {
	class := ""
	if o.Err != nil {
		class = string(o.Err.Class)
	}
	m.called(o.Platform, string(o.Call), class, o.Took)
}

func (m *Metrics) called(platform, call, class string, took time.Duration) {
	m.platformCalls.WithLabelValues(platform, call, cmp.Or(class, "ok")).Observe(took.Seconds())
}

// Settled counts a doubtful operation that was settled.
func (m *Metrics) Settled(state models.State, took time.Duration) {
	m.settled.WithLabelValues(string(state)).Observe(took.Seconds())
}

// Delivered counts a try to deliver; reason is empty where it was sent.
func (m *Metrics) Delivered(channel, reason string) {
	m.deliveries.WithLabelValues(channel, cmp.Or(reason, "sent")).Inc()
}

// Backlog sets what is due.
func (m *Metrics) Backlog(messages, operations, outgoing int) {
	m.backlog.WithLabelValues("messages").Set(float64(messages))
	m.backlog.WithLabelValues("operations").Set(float64(operations))
	m.backlog.WithLabelValues("outgoing").Set(float64(outgoing))
}

// Connected sets whether this process holds a robot's long connection.
func (m *Metrics) Connected(channel string, up bool) {
	m.connected.WithLabelValues(channel).Set(gaugeOf[up])
}

func (m *Metrics) setReady(ready bool) { m.ready.Set(gaugeOf[ready]) }

// gaugeOf is a bool as the value of a gauge.
var gaugeOf = map[bool]float64{true: 1}
