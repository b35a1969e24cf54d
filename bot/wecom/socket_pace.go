package wecom

import (
	"sync"
	"time"
)

// What may be sent to one conversation over the long connection, answers and
// messages together: 30 in a minute and 1000 in an hour (page 101463), less a
// reserve for what the process that was connected before has sent.
const (
	perMinute = 28
	perHour   = 980
	// Lines that a later one replaces leave room for answers.
	linesPerMinute = 12
)

// pace counts what was sent in the last hour.
type pace struct {
	mu     sync.Mutex
	sent   map[string][]time.Time // by conversation, oldest first
	looked time.Time              // when conversations that are silent were last forgotten
}

// take counts one message, if it may be sent now; otherwise it tells how long to
// wait.
func (p *pace) take(conversation string, now time.Time, minute int) (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clean(now)
	sent := p.sent[conversation]
	for len(sent) > 0 && now.Sub(sent[0]) >= time.Hour {
		sent = sent[1:]
	}
	if n := len(sent); n >= perHour {
		wait = sent[n-perHour].Add(time.Hour).Sub(now)
	}
	if n := len(sent); n >= minute {
		wait = max(wait, sent[n-minute].Add(time.Minute).Sub(now))
	}
	if wait <= 0 {
		sent, wait = append(sent, now), 0
	}
	p.sent[conversation] = sent
	return wait
}

func (p *pace) clean(now time.Time) {
	if now.Sub(p.looked) < time.Hour {
		return
	}
	p.looked = now
	for conversation, sent := range p.sent {
		if len(sent) == 0 || now.Sub(sent[len(sent)-1]) >= time.Hour {
			delete(p.sent, conversation)
		}
	}
}
