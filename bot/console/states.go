package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"maps"
	"sync"
	"time"
)

// stateLife is how long scanning and confirming may take.
const stateLife = 10 * time.Minute

// Any browser gets a state, and with a made-up code each would spend a call to WeCom
// with our token. So a process has calls for askBurst codes that do not hold, and one
// more every askEvery. Codes that hold cost nothing.
const (
	askBurst = 20
	askEvery = 2 * time.Second
)

// states are what WeCom carries through a sign-in: letters and digits, signed, for
// stateLife, once in a process. Nothing is kept of those that do not come back.
type states struct {
	key []byte
	now func() time.Time

	mu    sync.Mutex
	used  map[string]time.Time // until when they would be good
	spent int                  // calls that are not given back
	since time.Time            // of the last that was
}

func newStates(key []byte, now func() time.Time) *states {
	return &states{key: key, now: now, used: map[string]time.Time{}}
}

const (
	stateHead = 16 + 8 // what is random, and the second at which it ends
	stateSeal = 16
)

var stateText = base32.StdEncoding.WithPadding(base32.NoPadding)

func (s *states) sign() string {
	raw := make([]byte, 16, stateHead+stateSeal)
	_, _ = rand.Read(raw)
	raw = binary.BigEndian.AppendUint64(raw, uint64(s.now().Add(stateLife).Unix()))
	return stateText.EncodeToString(append(raw, s.seal(raw)...))
}

func (s *states) seal(head []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(head)
	return h.Sum(nil)[:stateSeal]
}

// good reports whether a state is one of ours, and of any replica's, and until when.
func (s *states) good(state string) (until time.Time, ok bool) {
	raw, err := stateText.DecodeString(state)
	if err != nil || len(raw) != stateHead+stateSeal || stateText.EncodeToString(raw) != state || !hmac.Equal(s.seal(raw[:stateHead]), raw[stateHead:]) {
		return time.Time{}, false
	}
	until = time.Unix(int64(binary.BigEndian.Uint64(raw[16:stateHead])), 0)
	return until, s.now().Before(until)
}

// verdict is whether WeCom may be asked for what came back with a state.
type verdict int

const (
	ask verdict = iota
	notOurs
	busy // too many that did not hold
)

// use uses a state up, and the price of a call.
func (s *states) use(state string) verdict {
	until, ok := s.good(state)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	maps.DeleteFunc(s.used, func(_ string, until time.Time) bool { return !now.Before(until) })
	if _, again := s.used[state]; again || !ok {
		return notOurs
	}
	if back := int(now.Sub(s.since) / askEvery); back > 0 {
		s.spent, s.since = max(s.spent-back, 0), now
	}
	if s.spent >= askBurst {
		return busy
	}
	s.spent++
	s.used[state] = until
	return ask
}

// held gives back the price of a call whose code held.
func (s *states) held() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = max(s.spent-1, 0)
}
