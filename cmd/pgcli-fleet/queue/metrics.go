package queue

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pgcli/paligemma/batch/record"
)

// Metrics are a worker's, for Prometheus. Age, waiting and slots tell whether more workers
// would help; items and seconds tell whether this one is well. docs/fleet.md lists them. They
// are safe for concurrent use.
type Metrics struct {
	items   *prometheus.CounterVec
	seconds prometheus.Histogram
	age     prometheus.Gauge
	waiting prometheus.Gauge
	slots   prometheus.Gauge
}

// NewMetrics registers the metrics of a worker.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		items: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pgcli_items_total",
			Help: "Records by result: answered, failed, duplicate (another worker was faster); and messages: retried, refused."}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pgcli_item_seconds",
			Help: "Time from a picture's delivery to its results, all prompts together.", Buckets: []float64{.01, .03, .1, .3, 1, 2, 4, 8, 16, 32, 64, 128}}),
		age: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pgcli_queue_age_seconds",
			Help: "How long the picture that was taken last had been in the queue."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pgcli_queue_waiting",
			Help: "Pictures that no worker had when the last one was taken."}),
		slots: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pgcli_slots_busy",
			Help: "Pictures that are asked about now."}),
	}
	r.MustRegister(m.items, m.seconds, m.age, m.waiting, m.slots)
	// Each result is 0 until it occurs: a rate needs a value to start from.
	for _, result := range []string{"answered", "failed", "duplicate", "retried", "refused"} {
		m.items.WithLabelValues(result)
	}
	return m
}

func (m *Metrics) taken(msg jetstream.Msg) {
	if meta, err := msg.Metadata(); err == nil {
		m.age.Set(time.Since(meta.Timestamp).Seconds())
		m.waiting.Set(float64(meta.NumPending))
	}
}

func (m *Metrics) ended(start time.Time) { m.seconds.Observe(time.Since(start).Seconds()) }

func (m *Metrics) busy(n int) { m.slots.Add(float64(n)) }

func (m *Metrics) count(result string, n int) { m.items.WithLabelValues(result).Add(float64(n)) }

func (m *Metrics) record(r *record.Record, fresh bool) {
	switch {
	case !fresh:
		m.count("duplicate", 1)
	case r.Error != nil:
		m.count("failed", 1)
	default:
		m.count("answered", 1)
	}
}
