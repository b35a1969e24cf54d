package setup

import (
	"context"

	"yanquan/bot/doctor"
)

// section is what each part of the dialogue under a heading works with.
type section struct {
	*interview
	consoles *consoles
	probe    doctor.Probe
}

// clock holds ours against a platform's, whose undo window it is shown by.
func (s section) clock(ctx context.Context, name, url string) {
	ahead, told, err := s.probe.Clock(ctx, url)
	switch {
	case err != nil || !told:
	case ahead > doctor.MaxSkew, ahead < -doctor.MaxSkew:
		s.line("✗ ", "no.clock", []any{name, ahead})
	default:
		s.good("clock.good", name)
	}
}
