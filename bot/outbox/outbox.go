package outbox

// Observer counts deliveries, for metrics.
type Observer interface {
	Delivered(channel, reason string) // reason is "" where it was sent
}
