package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yanquan/bot"
	"yanquan/bot/outbox"
	"yanquan/internal/jobs"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// desk is an intake whose work is to answer with the text of the message, when it
// may go on.
type desk struct {
	t *testing.T
	*Intake
	db     *models.DB
	runner *jobs.Runner
	takes  time.Duration // the work

	mu   sync.Mutex
	held map[string]chan struct{} // by text; closed when it may go on
	done []string
}

// courier sends everything at once.
type courier struct{}

func (courier) FirstForm(bot.Delivery) bot.Form { return bot.AsCard }

func (courier) PerMinute(bot.Delivery) int { return 0 }

func (courier) Away() []string { return nil }

func (courier) Changes(string) bool { return false }

func (courier) Deliver(context.Context, bot.Delivery) (bot.Sent, error) { return bot.Sent{}, nil }

func (courier) Delivered(string, string) {}

func setup(t *testing.T, limit int, hold ...string) *desk {
	db := modelstest.SQLite(t)
	d := &desk{t: t, db: db, held: map[string]chan struct{}{}}
	for _, text := range hold {
		d.held[text] = make(chan struct{})
	}
	log := slog.New(slog.DiscardHandler)
	d.Intake = New(Options{
		DB: db, Out: &outbox.Outbox{DB: db, Courier: courier{}, Observer: courier{}, Jitter: rand.Float64, Now: time.Now, NewID: NewID, Log: log},
		Work: d.work, Conclude: func(context.Context, models.Inbox) error { return nil },
		Awaited: func(context.Context, []string) ([]string, error) { return nil, nil },
		Lease:   time.Minute, Limit: limit, Base: t.Context(), Wake: func(names ...string) { d.runner.Wake(names...) },
		Now: time.Now, NewID: NewID, Sleep: jobs.Sleep, Log: log,
	})
	d.runner = jobs.New(jobs.Options{Jobs: d.Jobs(), Every: 10 * time.Millisecond, Base: t.Context()})
	return d
}

func (d *desk) work(ctx context.Context, row models.Inbox, m bot.Message) (bot.Reply, error) {
	d.mu.Lock()
	held := d.held[m.Text]
	d.mu.Unlock()
	if held != nil {
		<-held
	}
	time.Sleep(d.takes)
	d.mu.Lock()
	d.done = append(d.done, m.User+" "+m.Text)
	d.mu.Unlock()
	reply := bot.Say("%s", m.Text)
	return reply, d.db.Tx(ctx, func(tx *models.DB) error { return d.Out.Answer(ctx, tx, row, m, reply) })
}

// say sends a text.
func (d *desk) say(user, text string) string {
	d.t.Helper()
	id, err := d.Accept(d.t.Context(), message(user, text))
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func message(user, text string) bot.Message {
	return bot.Message{Channel: "app/main", ID: user + " " + text, User: user, Kind: bot.Text, Text: text}
}

// answered waits for the answer to a message.
func (d *desk) answered(id, text string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	if r, ok := d.Await(ctx, id); !ok || r.Text != text {
		d.t.Fatalf("%q is answered %q, %v", text, r.Text, ok)
	}
}

// by is what was done for somebody, in its order.
func (d *desk) by(user string) (texts []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.done {
		var who, text string
		if _, err := fmt.Sscan(one, &who, &text); err == nil && who == user {
			texts = append(texts, text)
		}
	}
	return texts
}

// did counts the messages with a text that were worked on.
func (d *desk) did(text string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.done {
		if strings.HasSuffix(one, " "+text) {
			n++
		}
	}
	return n
}

// Somebody who sends more than can be kept in memory keeps nobody waiting, and is
// served in the order that they sent it.
func TestFlood(t *testing.T) {
	t.Parallel()
	d := setup(t, 2, "0")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.runner.Run(ctx) })
	defer running.Wait()
	defer stop()
	var ids, want []string
	for i := range 20 {
		ids, want = append(ids, d.say("flood", fmt.Sprint(i))), append(want, fmt.Sprint(i))
	}
	for i := range 3 {
		d.answered(d.say(fmt.Sprint("other", i), "x"), "x")
	}
	if got := d.by("flood"); len(got) > 0 {
		t.Errorf("done before its turn: %v", got)
	}
	if n := d.queue.line.waiting(); n > 2 {
		t.Errorf("%d wait in memory", n)
	}
	close(d.held["0"])
	for i, id := range ids {
		d.answered(id, want[i])
	}
	if got := d.by("flood"); !slices.Equal(got, want) {
		t.Errorf("done in the order %v", got)
	}
}

// What fills the inbox before anything else is one person's: a pass finds the others
// all the same.
func TestFloodInTheInbox(t *testing.T) {
	t.Parallel()
	d := setup(t, 3, "0")
	for i := range 30 {
		if err := d.Keep(t.Context(), message("flood", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"a", "b"} {
		if err := d.Keep(t.Context(), message(user, "x")); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := d.db.Inbox.Due(t.Context(), time.Now().Add(time.Hour), 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{} // by who sent it
	for _, row := range rows {
		ids[row.User] = row.ID
	}
	passed := make(chan struct{})
	go func() { d.runner.Pass(t.Context()); close(passed) }()
	for _, user := range []string{"a", "b"} {
		d.answered(ids[user], "x")
	}
	close(d.held["0"])
	<-passed
	if got := d.by("flood"); len(got) != 2 { // one is worked on, and one waits for it
		t.Errorf("done in one pass: %v", got)
	}
}

// Whoever speaks in many conversations at once is served in a few, and so are the
// people of a group; both leave room for the others, whether the messages are taken in
// or found in the inbox.
func TestServedAtOnce(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		message func(i int) bot.Message
		mine    func(models.Sender) bool
		most    int
	}{
		"a person": {func(i int) bot.Message { m := message("many", "0"); m.Chat = fmt.Sprint("chat-", i); return m },
			func(s models.Sender) bool { return s.User == "many" }, perPerson},
		"a group": {func(i int) bot.Message { m := message(fmt.Sprint("many-", i), "0"); m.Chat = "group"; return m },
			func(s models.Sender) bool { return s.Chat == "group" }, perGroup},
	} {
		for how, keep := range map[string]bool{"taken in": false, "found": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				const many = 40
				d := setup(t, many, "0")
				for i := range many {
					m := of.message(i)
					m.ID = fmt.Sprint(i)
					if !keep {
						if _, err := d.Accept(t.Context(), m); err != nil {
							t.Fatal(err)
						}
					} else if err := d.Keep(t.Context(), m); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { d.runner.Run(ctx) })
				defer running.Wait()
				defer stop()
				for i := range 3 {
					d.answered(d.say(fmt.Sprint("other", i), "x"), "x")
				}
				for d.underWay(of.mine) < of.most {
					runtime.Gosched()
				}
				d.answered(d.say("last", "x"), "x") // another look may have come meanwhile
				if n := d.underWay(of.mine); n != of.most {
					t.Errorf("%d are worked on", n)
				}
				close(d.held["0"])
				for d.did("0") < many {
					runtime.Gosched()
				}
			})
		}
	}
}

// underWay counts the conversations in which somebody is served.
func (d *desk) underWay(mine func(models.Sender) bool) (n int) {
	d.queue.mu.Lock()
	defer d.queue.mu.Unlock()
	for s := range d.queue.line {
		if mine(s) {
			n++
		}
	}
	return n
}

// While somebody waits for a slot, nobody who comes later takes it.
func TestNobodyOvertakes(t *testing.T) {
	t.Parallel()
	d := setup(t, 1, "0")
	first := d.say("a", "0")
	waits := d.say("b", "1")
	close(d.held["0"])
	d.answered(first, "0")
	d.Wait()
	late := d.say("c", "2") // there is a slot
	d.Wait()
	if got := d.by("c"); len(got) > 0 {
		t.Fatal("it has overtaken")
	}
	for range 3 {
		d.runner.Pass(t.Context())
	}
	d.answered(waits, "1")
	d.answered(late, "2")
	if want := []string{"a 0", "b 1", "c 2"}; !slices.Equal(d.done, want) {
		t.Errorf("done in the order %v", d.done)
	}
	d.say("d", "3") // nobody waits any more
	d.Wait()
	if got := d.by("d"); len(got) != 1 {
		t.Error("there is room, and it waits")
	}
}

// What cannot be stored takes no room.
func TestFailedStoringMakesRoom(t *testing.T) {
	t.Parallel()
	d := setup(t, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if _, err := d.Accept(ended, message("a", "0")); err == nil {
			t.Fatal("stored by a context that has ended")
		}
	}
	d.answered(d.say("a", "1"), "1")
	d.answered(d.say("b", "2"), "2")
	d.Wait()
	if len(d.queue.slots) != 0 || len(d.queue.line) != 0 {
		t.Errorf("%d slots and %d lines are left", len(d.queue.slots), len(d.queue.line))
	}
}

// A panic is an error of its message only.
func TestPanic(t *testing.T) {
	t.Parallel()
	d := setup(t, 1)
	d.Options.Work = func(context.Context, models.Inbox, bot.Message) (bot.Reply, error) { panic("bad luck") }
	id := d.say("a", "0")
	d.Wait()
	if row, err := d.db.Inbox.Get(t.Context(), id); err != nil || !row.AnsweredAt.IsZero() {
		t.Errorf("%+v, %v", row, err)
	}
	if len(d.queue.slots) != 0 || len(d.queue.line) != 0 || d.Holds(id) {
		t.Error("it is still held")
	}
}

// At the stop, what waits for its turn is finished, and nothing new is taken.
func TestStop(t *testing.T) {
	t.Parallel()
	d := setup(t, 1, "0")
	d.say("a", "0")
	d.say("a", "1")
	stopped := make(chan struct{})
	go func() { d.Stop(); close(stopped) }()
	for !d.Stopping() {
		runtime.Gosched()
	}
	if _, err := d.Accept(t.Context(), message("b", "2")); !errors.Is(err, bot.ErrStopping) {
		t.Errorf("a message at the end: %v", err)
	}
	close(d.held["0"])
	<-stopped
	if got := d.by("a"); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("done: %v", got)
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	one, two := models.Sender{User: "one"}, models.Sender{User: "two"}
	b := backlog{senders: map[models.Sender]*absence{}}
	holds := func(want bool, s models.Sender, when string) {
		t.Helper()
		if b.holdsUp(s) != want {
			t.Errorf("%s: %s is held up: %v", when, s.User, !want)
		}
	}
	holds(false, one, "at the start")
	a := b.of(one)
	a.storing++
	b.look++
	b.looked(b.look, nil)
	holds(true, one, "while storing")
	holds(false, two, "while another's is stored")
	b.look++ // begins before it is stored
	a.storing--
	b.leave(a)
	b.looked(b.look, nil)
	holds(true, one, "after a look that may have missed it")
	b.look++
	b.looked(b.look, []models.Sender{one})
	holds(true, one, "after a look that left it out")
	b.look++
	b.looked(b.look, nil)
	holds(false, one, "after a look that has not found it")
	if len(b.senders) != 0 {
		t.Errorf("%d senders are remembered", len(b.senders))
	}
	b.leave(&b.all)
	holds(true, two, "while somebody waits for a slot")
	b.look++
	b.looked(b.look, nil)
	holds(false, two, "when nobody does")
}
