package models_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestAccept(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		var statements []string
		db.Watch(func(s string, _ []any) { statements = append(statements, s) })
		in := accept(t, db, "m1")
		if len(statements) != 1 || !strings.HasPrefix(statements[0], "INSERT") {
			t.Errorf("accepting took %q, want one INSERT", statements)
		}
		expect := message("m1")
		expect.Attempt, expect.ReceivedAt = 1, noon
		same(t, in, expect)
		got, err := db.Inbox.Get(ctx, in.ID)
		no(t, err)
		same(t, got, in)

		// A repeat has another ID of ours and comes later.
		clock.Advance(time.Second)
		repeat := message("m1")
		repeat.ID, repeat.Payload = "in-other", []byte("other")
		row, fresh, err := db.Inbox.Accept(ctx, repeat)
		no(t, err)
		same(t, fresh, false)
		same(t, row, in)

		// The receipt counts by channel, and to the byte.
		for i, other := range []models.Inbox{{Channel: "bot/group", MessageID: "m1"}, {Channel: "app/main", MessageID: "M1"}} {
			other.DueAt = noon
			row, fresh, err := db.Inbox.Accept(ctx, other)
			if err != nil || !fresh || len(row.ID) != 32 {
				t.Errorf("other receipt %d: %+v, %v, %v", i, row, fresh, err)
			}
		}

		// What waited to be stored is as old as its arrival, and held by no worker.
		late := message("m2")
		late.ID, late.ReceivedAt, late.DueAt = "", noon.Add(-time.Minute), clock.Now()
		row, _, err = db.Inbox.Accept(ctx, late)
		no(t, err)
		same(t, row.Attempt, 0)
		same(t, row.ReceivedAt, late.ReceivedAt)

		_, err = db.Inbox.Get(ctx, "in-nobody")
		want(t, err, models.ErrNotFound)
		taken := message("m9")
		taken.ID = in.ID
		_, _, err = db.Inbox.Accept(ctx, taken)
		want(t, err, models.ErrDuplicate)
		for _, bad := range []models.Inbox{{Channel: "", MessageID: "x"}, {Channel: "a"}, {Channel: "a", MessageID: strings.Repeat("x", 191)}, {Channel: "a", MessageID: "\xff"}} {
			_, _, err := db.Inbox.Accept(ctx, bad)
			want(t, err, models.ErrInvalid)
		}
	})
}

// One id from two senders is two messages, each with repeats of its own. The first
// has the id as it is, as programs of earlier versions look for it.
func TestAcceptOneIDOfTwoSenders(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		seen := map[string]bool{}
		for i, who := range []models.Sender{
			{Channel: "app/main", Chat: "wrChat", User: "zhangsan"}, {Channel: "app/main", Chat: "wrChat", User: "lisi"},
			{Channel: "app/main", Chat: "wrOther", User: "lisi"}, {Channel: "app/main", User: "lisi"}, {Channel: "app/main", User: strings.Repeat("x", 200)},
		} {
			in := message("m1")
			in.ID, in.Chat, in.User = fmt.Sprint("in-", i), who.Chat, strings.ToUpper(who.User)
			row, fresh, err := db.Inbox.Accept(ctx, in)
			no(t, err)
			if !fresh || seen[row.MessageID] || row.ID != in.ID || (i == 0) != (row.MessageID == "m1") {
				t.Errorf("message %d: fresh %v, %s as %q", i, fresh, row.ID, row.MessageID)
			}
			seen[row.MessageID] = true
			in.ID = fmt.Sprint("repeat-", i)
			again, fresh, err := db.Inbox.Accept(ctx, in)
			no(t, err)
			if fresh || again.ID != row.ID {
				t.Errorf("the repeat of message %d: fresh %v, %s", i, fresh, again.ID)
			}
		}
	})
}

func TestAcceptRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		rows := make([]models.Inbox, 50)
		fresh := make([]bool, 50)
		for _, err := range race(50, func(i int) (err error) {
			in := message("m1")
			in.ID = fmt.Sprint("in-", i)
			rows[i], fresh[i], err = db.Inbox.Accept(t.Context(), in)
			return err
		}) {
			no(t, err)
		}
		owners := 0
		for i := range rows {
			if fresh[i] {
				owners++
			}
			same(t, rows[i].ID, rows[0].ID)
		}
		same(t, owners, 1)
	})
}

func TestAnswer(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1")
		want(t, db.Inbox.Revise(ctx, in.ID, []byte("x"), true), models.ErrStale) // nothing to replace yet
		clock.Advance(time.Second)
		answered, err := db.Inbox.Answer(ctx, in, []byte("核验中"), false)
		no(t, err)
		same(t, answered.AnsweredAt, noon.Add(time.Second))
		same(t, answered.DueAt, in.DueAt) // somebody looks again then
		got, err := db.Inbox.Get(ctx, in.ID)
		no(t, err)
		same(t, got, answered)

		_, err = db.Inbox.Answer(ctx, answered, []byte("again"), true)
		want(t, err, models.ErrStale)
		_, err = db.Inbox.Extend(ctx, answered, noon.Add(time.Hour))
		want(t, err, models.ErrStale)
		_, err = db.Inbox.Claim(ctx, answered, noon.Add(time.Hour)) // not due
		want(t, err, models.ErrStale)
		clock.Advance(time.Minute)
		same(t, must(db.Inbox.Due(ctx, clock.Now(), 10, nil)), []models.Inbox{answered})
		answered, err = db.Inbox.Claim(ctx, answered, noon.Add(time.Hour))
		no(t, err)

		no(t, db.Inbox.Revise(ctx, in.ID, []byte("核销成功🎉"), true))
		want(t, db.Inbox.Revise(ctx, in.ID, []byte("later"), true), models.ErrStale)
		got, err = db.Inbox.Get(ctx, in.ID)
		no(t, err)
		answered.Reply, answered.Final, answered.DueAt = []byte("核销成功🎉"), true, time.Time{}
		same(t, got, answered)
		want(t, db.Inbox.Revise(ctx, "in-nobody", nil, true), models.ErrStale)

		// An empty reply is a reply.
		mute := accept(t, db, "m2")
		_, err = db.Inbox.Answer(ctx, mute, nil, true)
		no(t, err)
		got, err = db.Inbox.Get(ctx, mute.ID)
		no(t, err)
		if got.Reply == nil || len(got.Reply) != 0 {
			t.Errorf("reply is %v, want empty and not nil", got.Reply)
		}
	})
}

func TestLease(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1") // owned for 30 s
		_, err := db.Inbox.Claim(ctx, in, noon.Add(time.Hour))
		want(t, err, models.ErrStale)
		same(t, len(must(db.Inbox.Due(ctx, clock.Now(), 10, nil))), 0)

		extended, err := db.Inbox.Extend(ctx, in, noon.Add(time.Minute))
		no(t, err)
		_, err = db.Inbox.Extend(ctx, in, noon.Add(time.Minute)) // to the same time: still ours
		no(t, err)
		clock.Advance(59 * time.Second)
		_, err = db.Inbox.Claim(ctx, in, noon.Add(time.Hour)) // read before it was extended
		want(t, err, models.ErrStale)
		same(t, len(must(db.Inbox.Due(ctx, clock.Now(), 10, nil))), 0)

		clock.Advance(time.Second)
		same(t, must(db.Inbox.Due(ctx, clock.Now(), 10, nil)), []models.Inbox{extended})
		claimed, err := db.Inbox.Claim(ctx, extended, noon.Add(2*time.Minute))
		no(t, err)
		same(t, claimed.Attempt, 2)
		got, err := db.Inbox.Get(ctx, in.ID)
		no(t, err)
		same(t, got, claimed)

		// What the message says is found out, and kept; by the owner alone.
		_, err = db.Inbox.Rewrite(ctx, extended, []byte("late"), noon.Add(time.Hour))
		want(t, err, models.ErrStale)
		rewritten, err := db.Inbox.Rewrite(ctx, claimed, []byte("验 7992697494"), noon.Add(3*time.Minute))
		no(t, err)
		got, err = db.Inbox.Get(ctx, in.ID)
		no(t, err)
		same(t, got, rewritten)
		same(t, string(got.Payload), "验 7992697494")
		same(t, got.DueAt, noon.Add(3*time.Minute))

		// The former owner has lost it, the new one answers.
		_, err = db.Inbox.Extend(ctx, extended, noon.Add(time.Hour))
		want(t, err, models.ErrStale)
		_, err = db.Inbox.Answer(ctx, extended, []byte("late"), true)
		want(t, err, models.ErrStale)
		_, err = db.Inbox.Answer(ctx, claimed, []byte("now"), true)
		no(t, err)
		_, err = db.Inbox.Rewrite(ctx, claimed, []byte("late"), noon.Add(time.Hour))
		want(t, err, models.ErrStale)
		clock.Advance(time.Hour)
		same(t, len(must(db.Inbox.Due(ctx, clock.Now(), 10, nil))), 0)
	})
}

func TestClaimMessageRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		in := accept(t, db, "m1")
		clock.Advance(time.Minute)
		oneWins(t, race(20, func(int) error {
			_, err := db.Inbox.Claim(t.Context(), in, noon.Add(time.Hour))
			return err
		}), models.ErrStale)
	})
}

func TestDueMessagesOrder(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		// Fractions of unequal length would be out of order as text of any width.
		for i, due := range []time.Duration{100 * time.Millisecond, 0, 123456 * time.Microsecond, 120 * time.Millisecond, time.Second} {
			in := message(fmt.Sprint("m", i))
			in.DueAt = noon.Truncate(time.Second).Add(due)
			_, _, err := db.Inbox.Accept(t.Context(), in)
			no(t, err)
		}
		var order []string
		for _, in := range must(db.Inbox.Due(t.Context(), noon.Truncate(time.Second).Add(time.Second), 10, nil)) {
			order = append(order, in.MessageID)
		}
		same(t, order, []string{"m1", "m0", "m3", "m2", "m4"})
		same(t, len(must(db.Inbox.Due(t.Context(), noon.Add(time.Hour), 2, nil))), 2)
	})
}

// What can be in a message, and how much of it.
func TestPayloads(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		for i, payload := range [][]byte{{}, {0}, []byte("'\\\x00\x1a\"🀄️𠮷👨‍👩‍👧"), {0xff, 0xfe}, bytes.Repeat([]byte("券"), 300_000)} {
			in := message(fmt.Sprint("m", i))
			in.Payload = payload
			_, _, err := db.Inbox.Accept(t.Context(), in)
			no(t, err)
			got, err := db.Inbox.Get(t.Context(), in.ID)
			no(t, err)
			if !bytes.Equal(got.Payload, payload) {
				t.Errorf("payload %d of %d bytes came back as %d bytes", i, len(payload), len(got.Payload))
			}
		}
	})
}

// A line that asks to wait and the answer, written at the same moment: the line
// comes first, or not at all.
func TestUnansweredRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i := range 20 {
			id := fmt.Sprint("m", i)
			in := accept(t, db, id)
			say := func(tx *models.DB, what string) error {
				o := outgoing(what+id, "socket/group/"+id)
				o.InboxID = in.ID
				return tx.Outbox.Enqueue(ctx, o)
			}
			errs := race(2, func(i int) error {
				return db.Tx(ctx, func(tx *models.DB) error {
					if i == 0 {
						if err := tx.Inbox.Unanswered(ctx, in); err != nil {
							return err
						}
						return say(tx, "wait")
					}
					if _, err := tx.Inbox.Answer(ctx, in, []byte("done"), true); err != nil {
						return err
					}
					return say(tx, "done")
				})
			})
			no(t, errs[1])
			first := "wait" + id
			if errs[0] != nil {
				want(t, errs[0], models.ErrStale)
				first = "done" + id
			}
			o := must(db.Outbox.Due(ctx, noon, 100, nil, time.Time{}))
			at := slices.IndexFunc(o, func(o models.Outgoing) bool { return o.InboxID == in.ID })
			same(t, o[at].ID, first)
			want(t, db.Inbox.Unanswered(ctx, in), models.ErrStale)
		}
		in := accept(t, db, "claimed")
		in.Attempt++
		want(t, db.Inbox.Unanswered(ctx, in), models.ErrStale)
	})
}

// Two operations of a message that end at the same moment: the transaction of the later
// one sees both.
func TestTouch(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i := range 10 {
			in := accept(t, db, fmt.Sprint("m", i))
			var ops [2]models.Operation
			for seq := range ops {
				op := intent(fmt.Sprintf("79926974%d%d", i, seq))
				op.Seq = seq
				ops[seq] = must(db.Journal.Begin(ctx, op, in))
			}
			var seen [2]int
			for _, err := range race(2, func(i int) error {
				return db.Tx(ctx, func(tx *models.DB) error {
					if _, err := tx.Journal.FinishConsume(ctx, ops[i], nil); err != nil {
						return err
					}
					if err := tx.Inbox.Touch(ctx, in.ID); err != nil {
						return err
					}
					all, err := tx.Journal.OfMessage(ctx, in.ID)
					seen[i] = len(slices.DeleteFunc(all, func(op models.Operation) bool { return op.State != models.Done }))
					return err
				})
			}) {
				no(t, err)
			}
			same(t, max(seen[0], seen[1]), 2)
			same(t, must(db.Inbox.Get(ctx, in.ID)), in)
		}
		want(t, db.Inbox.Touch(ctx, "in-nobody"), models.ErrNotFound)
	})
}

// What was stored though its owner was told otherwise is given back; what somebody
// has taken up meanwhile, or answered, is not.
func TestReleaseMessage(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1")
		want(t, second(db.Inbox.Claim(ctx, in, noon.Add(time.Minute))), models.ErrStale)
		want(t, db.Inbox.Release(ctx, models.Inbox{ID: "in-m2", Attempt: 1}), models.ErrStale)
		no(t, db.Inbox.Release(ctx, in))
		claimed := must(db.Inbox.Claim(ctx, in, noon.Add(time.Minute)))
		want(t, db.Inbox.Release(ctx, in), models.ErrStale)
		no(t, second(db.Inbox.Answer(ctx, claimed, nil, true)))
		want(t, db.Inbox.Release(ctx, claimed), models.ErrStale)
	})
}

// A lease that is prolonged never becomes shorter, and is its owner's only.
func TestProlongMessage(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		in := accept(t, db, "m1") // for 30 s
		want(t, db.Inbox.Prolong(ctx, in, noon.Add(20*time.Second)), models.ErrStale)
		no(t, db.Inbox.Prolong(ctx, in, noon.Add(time.Minute)))
		same(t, must(db.Inbox.Get(ctx, in.ID)).DueAt, noon.Add(time.Minute))
		clock.Advance(time.Minute)
		claimed := must(db.Inbox.Claim(ctx, in, noon.Add(2*time.Minute)))
		want(t, db.Inbox.Prolong(ctx, in, noon.Add(time.Hour)), models.ErrStale)
		no(t, second(db.Inbox.Answer(ctx, claimed, nil, false)))
		want(t, db.Inbox.Prolong(ctx, claimed, noon.Add(time.Hour)), models.ErrStale)
	})
}

func TestDueMessagesExcept(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i, who := range []models.Sender{
			{Channel: "app/main", User: "zhangsan"}, {Channel: "app/main", Chat: "wr", User: "ZhangSan"},
			{Channel: "bot/group", Chat: "wr", User: "zhangsan"}, {Channel: "app/main", Chat: "wr", User: "lisi"},
		} {
			id := fmt.Sprint("m", i)
			in := models.Inbox{ID: id, Channel: who.Channel, MessageID: id, Chat: who.Chat, User: who.User, DueAt: noon}
			_, _, err := db.Inbox.Accept(ctx, in)
			no(t, err)
		}
		due := func(limit int, except ...models.Sender) (ids []string) {
			for _, in := range must(db.Inbox.Due(ctx, noon, limit, except)) {
				ids = append(ids, in.ID)
			}
			return ids
		}
		zhangsan := must(db.Inbox.Get(ctx, "m1")).Sender()
		same(t, zhangsan, models.Sender{Channel: "app/main", Chat: "wr", User: "zhangsan"})
		same(t, due(10, zhangsan), []string{"m0", "m2", "m3"})
		same(t, due(2, zhangsan), []string{"m0", "m2"})
		same(t, due(10, zhangsan, models.Sender{Channel: "app/main", User: "zhangsan"}), []string{"m2", "m3"})
	})
}

func TestBacklog(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		same(t, must(db.Backlog(ctx, noon, 10)), models.Backlog{})
		for i := range 3 {
			accept(t, db, fmt.Sprint("m", i))
			no(t, db.Outbox.Enqueue(ctx, outgoing(fmt.Sprint("o", i), "app/main/wr")))
		}
		later := noon.Add(time.Hour)
		same(t, must(db.Backlog(ctx, later, 20)), models.Backlog{Messages: 3, Outgoing: 3})
		for i, state := range states {
			inState(t, db, fmt.Sprint(10000000+i), state)
		}
		same(t, must(db.Backlog(ctx, later, 20)).Operations, 5)
		same(t, must(db.Backlog(ctx, later, 2)), models.Backlog{Messages: 2, Operations: 2, Outgoing: 2})
		stores := must(db.Journal.Due(ctx, models.Of{}, later, 1))[0].StoreID
		same(t, len(must(db.Journal.Due(ctx, models.Of{Without: []int64{stores}}, later, 10))), 0)
		same(t, len(must(db.Journal.Due(ctx, models.Of{Without: []int64{stores + 1}}, later, 10))), 5)
		for id, platform := range map[int64]string{stores: "meituan", stores + 1: "dianping"} {
			no(t, second(db.Pool().ExecContext(ctx, "INSERT INTO stores (id, platform, shop_id, name, origin, active) VALUES (?, ?, '', '', 'config', 1)", id, platform)))
		}
		same(t, len(must(db.Journal.Due(ctx, models.Of{Platform: "meituan"}, later, 10))), 5)
		same(t, len(must(db.Journal.Due(ctx, models.Of{Platform: "meituan", Without: []int64{stores}}, later, 10))), 0)
		same(t, len(must(db.Journal.Due(ctx, models.Of{Platform: "dianping"}, later, 10))), 0)
	})
}

// What a look at a queue would list is known of all queues at once.
func TestQueuesDue(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		later := clock.Now().Add(365 * 24 * time.Hour)
		waiting := func(at time.Time) (names []string) {
			for name, due := range must(db.QueuesDue(ctx, at)) {
				if due {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names
		}
		same(t, waiting(later), []string(nil))
		var all []string
		for _, queue := range []struct {
			name string
			fill func()
			list func(at time.Time) int
		}{
			{models.ExportQueue, func() { must(db.Exports.Begin(ctx, models.Export{InboxID: "in", UserID: "sunba"})) },
				func(at time.Time) int { return len(must(db.Exports.Due(ctx, at, 10))) }},
			{models.GrantQueue, func() { granted(t, db, "bid-1") },
				func(at time.Time) int { return len(must(db.Grants.Due(ctx, at, 10))) }},
			{models.OperationQueue, func() { begin(t, db, intent("7992697494")) },
				func(at time.Time) int { return len(must(db.Journal.Due(ctx, models.Of{}, at, 10))) }},
			{models.OutgoingQueue, func() { no(t, db.Outbox.Enqueue(ctx, outgoing("o1", "app/main/wr"))) },
				func(at time.Time) int {
					return len(must(db.Outbox.Due(ctx, at, 10, nil, at)))
				}},
			{models.ReconciliationQueue, func() { plan(t, db, 1, "2026-11-22", noon) },
				func(at time.Time) int { return len(must(db.Reconciliations.Due(ctx, at, 10))) }},
		} {
			queue.fill()
			all = append(all, queue.name)
			same(t, waiting(later), all)
			if queue.list(later) != 1 {
				t.Errorf("%s: nothing is due a year later", queue.name)
			}
			early := clock.Now().Add(-time.Hour)
			same(t, queue.list(early), 0)
		}
		same(t, waiting(clock.Now().Add(-time.Hour)), []string(nil))
		o := must(db.Outbox.Due(ctx, later, 10, nil, later))[0]
		o = must(db.Outbox.Claim(ctx, o, later))
		no(t, db.Outbox.MarkSent(ctx, o, "", ""))
		same(t, slices.Contains(waiting(later.Add(time.Hour)), models.OutgoingQueue), false)
	})
}
