package intake

import (
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/models"
)

// senderOf is who sent a message, as its row has it.
func senderOf(m bot.Message) models.Sender {
	return models.Inbox{Channel: m.Channel, Chat: m.Chat, User: m.User}.Sender()
}

// line is the order of those who sent several messages: what one person sends in
// one conversation is worked on one after another.
type line map[models.Sender][]*place

// place is that of one message in its sender's line.
type place struct {
	sender models.Sender
	first  chan struct{} // closed when nobody is before it
	slot   bool          // it holds one
	begun  time.Time     // since when
}

// join appends a message to its sender's line.
func (l line) join(s models.Sender) *place {
	p := &place{sender: s, first: make(chan struct{})}
	if l[s] = append(l[s], p); len(l[s]) == 1 {
		close(p.first)
	}
	return p
}

// leave takes a message out of its line. Where it was the first, the next one is.
func (l line) leave(p *place) {
	was := l[p.sender]
	now := slices.DeleteFunc(slices.Clone(was), func(o *place) bool { return o == p })
	switch {
	case len(now) == 0:
		delete(l, p.sender)
		return
	case was[0] == p:
		close(now[0].first)
	}
	l[p.sender] = now
}

// Whoever is in a hundred groups takes neither all slots nor a platform's patience,
// and neither does a shop with a hundred people.
const (
	perPerson = 3  // conversations in which a person is served at once
	perGroup  = 16 // people who are served at once in a group
)

// crowded reports whether the person behind a sender is served in as many other
// conversations, or the group in which they speak has as many others served, as may
// be, with those that are about to join.
func (l line) crowded(s models.Sender, joining map[models.Sender]int) bool {
	person, group := 0, 0
	count := func(o models.Sender) {
		switch {
		case o == s:
		case o.User == s.User:
			person++
		case o.Chat != "" && o.Chat == s.Chat && o.Channel == s.Channel:
			group++
		}
	}
	for o := range l {
		count(o)
	}
	for o := range joining {
		if l[o] == nil {
			count(o)
		}
	}
	return person >= perPerson || group >= perGroup
}

// waiting counts those who are not the first.
func (l line) waiting() (n int) {
	for _, places := range l {
		n += len(places) - 1
	}
	return n
}
