package models_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func outgoing(id, conversation string) models.Outgoing {
	return models.Outgoing{
		ID: id, Conversation: conversation, Channel: "app/main", Chat: "wrChat", User: "zhangsan", InboxID: "in-" + id,
		OperationID: "op-" + id, Payload: []byte("核销成功🎉 " + id), Form: "card",
	}
}

func due(t *testing.T, db *models.DB, now time.Time) []string {
	t.Helper()
	var ids []string
	for _, o := range must(db.Outbox.Due(t.Context(), now, 10, nil, time.Time{})) {
		ids = append(ids, o.ID)
	}
	return ids
}

func TestOutbox(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		no(t, db.Outbox.Enqueue(ctx, outgoing("a", "app/main/wr")))
		changed := outgoing("a", "app/main/other")
		no(t, db.Outbox.Enqueue(ctx, changed)) // known already
		list := must(db.Outbox.Due(ctx, noon, 10, nil, time.Time{}))
		expect := outgoing("a", "app/main/wr")
		expect.Seq, expect.Receiver, expect.State, expect.DueAt, expect.CreatedAt = 1, "app/main/wr", models.Queued, noon, noon
		same(t, list, []models.Outgoing{expect})

		o, err := db.Outbox.Claim(ctx, list[0], noon.Add(10*time.Second))
		no(t, err)
		same(t, o.Attempt, 1)
		_, err = db.Outbox.Claim(ctx, list[0], noon.Add(10*time.Second))
		want(t, err, models.ErrStale)
		_, err = db.Outbox.Claim(ctx, o, noon.Add(10*time.Second)) // the lease holds
		want(t, err, models.ErrStale)
		same(t, len(due(t, db, noon.Add(9*time.Second))), 0)

		no(t, db.Outbox.Retry(ctx, o, "markdown", "card_refused", noon.Add(time.Second)))
		clock.Advance(time.Second)
		list = must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
		same(t, list[0].Form+" "+list[0].Reason, "markdown card_refused")
		same(t, list[0].Attempt, 1)
		o, err = db.Outbox.Claim(ctx, list[0], noon.Add(time.Minute))
		no(t, err)
		want(t, db.Outbox.MarkSent(ctx, list[0], "msg", ""), models.ErrStale) // a former try
		no(t, db.Outbox.MarkSent(ctx, o, "msg-1", ""))
		for _, err := range []error{
			db.Outbox.MarkSent(ctx, o, "msg-2", ""), db.Outbox.Retry(ctx, o, "text", "x", noon), db.Outbox.Fail(ctx, o, "x"),
			second(db.Outbox.Claim(ctx, o, noon)),
		} {
			want(t, err, models.ErrStale)
		}
		same(t, len(due(t, db, noon.Add(time.Hour))), 0)

		for _, bad := range []models.Outgoing{{ID: "x"}, {Conversation: "x", ID: "\xff"}} {
			want(t, db.Outbox.Enqueue(ctx, bad), models.ErrInvalid)
		}
	})
}

// However many answers wait, the next are found without sorting all of them: while
// WeCom is down the queue grows, and has to be worked off again.
func TestLongQueueIsNotSorted(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i := range 100 {
			o := outgoing(fmt.Sprintf("o%03d", i), fmt.Sprintf("app/main/%d", i%30))
			o.Payload = bytes.Repeat(o.Payload, 50)
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		again, analyze := "id || ?", "ANALYZE"
		if db.Driver() == models.MySQL {
			again, analyze = "CONCAT(id, ?)", "ANALYZE TABLE outbox"
		}
		conn := must(db.Pool().Conn(ctx))
		exec := func(sql string, args ...any) { t.Helper(); no(t, second(conn.ExecContext(ctx, sql, args...))) }
		for i := range 7 { // doubled each time, so that an index is worth its while to a planner
			exec("CREATE TEMPORARY TABLE more AS SELECT * FROM outbox")
			exec("UPDATE more SET id = "+again+", seq = seq + ?", fmt.Sprint("-", i), 1000<<i)
			exec("INSERT INTO outbox SELECT * FROM more")
			exec("DROP TABLE more")
		}
		exec(analyze)
		no(t, conn.Close()) // SQLite has but one
		var query string
		var args []any
		db.Watch(func(sql string, a []any) { query, args = sql, slices.Clone(a) })
		same(t, len(must(db.Outbox.Due(ctx, noon, 10, nil, time.Time{}))), 10)
		for _, step := range explained(t, db, query, args) {
			if strings.Contains(step["Extra"], "filesort") || strings.Contains(step["detail"], "TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%s\n\t%v", query, step)
			}
		}
	})
}

// An answer never overtakes another of its conversation, and never waits for
// one of another conversation.
func TestOutboxOrder(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for i, id := range []string{"a1", "b1", "a2", "a3"} {
			o := outgoing(id, "app/main/"+id[:1])
			o.DueAt = noon.Add(time.Duration(i-10) * time.Millisecond)
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		early := outgoing("A1", "app/main/A") // conversations differ by case, too
		early.DueAt = noon.Add(-time.Second)
		no(t, db.Outbox.Enqueue(ctx, early))
		same(t, due(t, db, noon), []string{"A1", "a1", "b1"})

		get := func(id string) models.Outgoing {
			for _, o := range must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{})) {
				if o.ID == id {
					return must(db.Outbox.Claim(ctx, o, clock.Now().Add(time.Minute)))
				}
			}
			t.Fatalf("%s is not due", id)
			return models.Outgoing{}
		}
		a1 := get("a1")
		same(t, due(t, db, noon), []string{"A1", "b1"}) // being sent
		no(t, db.Outbox.Retry(ctx, a1, "card", "rate_limited", noon.Add(time.Hour)))
		same(t, due(t, db, noon), []string{"A1", "b1"}) // waiting
		same(t, len(due(t, db, noon.Add(time.Hour))), 3)
		clock.Advance(time.Hour)
		no(t, db.Outbox.Fail(ctx, get("a1"), "no_receiver"))
		no(t, db.Outbox.MarkSent(ctx, get("a2"), "m", ""))
		same(t, due(t, db, clock.Now()), []string{"A1", "b1", "a3"})
	})
}

// Who has seen that one is refused finds the next that could be sent. When that has gone
// out, the others of the conversation do not wait for the first any more.
func TestOutboxAside(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for _, id := range []string{"a1", "a2", "a3", "a4", "b1"} {
			no(t, db.Outbox.Enqueue(ctx, outgoing(id, "app/main/"+id[:1])))
		}
		behind := func(o models.Outgoing) models.Outgoing { return must(db.Outbox.Behind(ctx, o, clock.Now())) }
		aside := func(o models.Outgoing) bool { return must(db.Outbox.Aside(ctx, o, "app/main/"+o.ID)) }
		claim := func(o models.Outgoing) models.Outgoing {
			return must(db.Outbox.Claim(ctx, o, clock.Now().Add(time.Minute)))
		}
		a1 := claim(must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0])
		no(t, db.Outbox.Retry(ctx, a1, "card", "http_status", noon.Add(time.Hour)))
		a2 := behind(a1)
		same(t, a2.ID+" "+string(a2.Payload), "a2 "+string(outgoing("a2", "").Payload))
		a3 := behind(a2)
		a2 = claim(a2)
		want(t, second(db.Outbox.Behind(ctx, a1, clock.Now())), models.ErrNotFound) // it is being sent
		same(t, due(t, db, noon), []string{"b1"})
		no(t, db.Outbox.Retry(ctx, a2, "card", "http_status", noon.Add(time.Minute)))
		want(t, second(db.Outbox.Behind(ctx, a1, clock.Now())), models.ErrNotFound) // it waits
		same(t, []bool{aside(a1), aside(a2)}, []bool{false, false})

		no(t, db.Outbox.MarkSent(ctx, claim(a3), "m", ""))
		same(t, due(t, db, noon), []string{"b1"})
		same(t, []bool{aside(a1), aside(a2)}, []bool{true, true})
		same(t, due(t, db, noon), []string{"a4", "b1"})
		want(t, second(db.Outbox.Aside(ctx, a1, "app/main/x")), models.ErrStale) // as it was read
		clock.Advance(time.Minute)
		same(t, due(t, db, clock.Now()), []string{"a4", "b1", "a2"})
		no(t, db.Outbox.MarkSent(ctx, claim(behind(a3)), "m", ""))
		_, mine, err := db.Outbox.EnqueueClaimed(ctx, outgoing("a5", "app/main/a"), clock.Now().Add(time.Minute), 0)
		no(t, err)
		same(t, mine, true)
		clock.Advance(time.Hour)
		rows := must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
		slices.SortFunc(rows, func(x, y models.Outgoing) int { return strings.Compare(x.ID, y.ID) })
		same(t, len(rows), 4) // a1, a2, a5, b1
		same(t, rows[0].Receiver+" "+rows[0].Conversation, "app/main/a app/main/a1")
		no(t, db.Outbox.MarkSent(ctx, claim(rows[0]), "m", ""))
		want(t, second(db.Outbox.Aside(ctx, rows[0], "app/main/x")), nil)
	})
}

// What goes out by a connection that another process holds is left to it, but not
// forever.
func TestOutboxOfChannelsAway(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for _, channel := range []string{"app/main", "socket/group", "socket/other"} {
			o := outgoing(channel, channel+"/zhangsan")
			o.Channel = channel
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		ids := func(away []string, before time.Time) (ids []string) {
			for _, o := range must(db.Outbox.Due(ctx, clock.Now(), 10, away, before)) {
				ids = append(ids, o.ID)
			}
			slices.Sort(ids)
			return ids
		}
		same(t, ids(nil, noon), []string{"app/main", "socket/group", "socket/other"})
		same(t, ids([]string{"socket/group"}, noon), []string{"app/main", "socket/other"})
		same(t, ids([]string{"socket/group", "socket/other"}, noon), []string{"app/main"})
		same(t, ids([]string{"socket/group", "socket/other"}, noon.Add(time.Microsecond)), []string{"app/main", "socket/group", "socket/other"})
		same(t, ids([]string{"Socket/Group"}, noon), []string{"app/main", "socket/group", "socket/other"})
	})
}

func TestAnswersTo(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for _, id := range []string{"a", "b"} {
			o := outgoing(id, "socket/group/"+id)
			o.InboxID, o.Form = "in-1", "form-"+id
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		no(t, db.Outbox.Enqueue(ctx, outgoing("other", "socket/group/c")))
		o := must(db.Outbox.Due(ctx, noon, 10, nil, time.Time{}))
		no(t, db.Outbox.MarkSent(ctx, must(db.Outbox.Claim(ctx, o[0], noon.Add(time.Minute))), "", ""))
		list := must(db.Outbox.AnswersTo(ctx, "in-1"))
		slices.SortFunc(list, func(x, y models.Outgoing) int { return strings.Compare(x.ID, y.ID) })
		same(t, list, []models.Outgoing{
			{ID: "a", Channel: "app/main", Form: "form-a", State: models.SentOut, Attempt: 1, CreatedAt: noon},
			{ID: "b", Channel: "app/main", Form: "form-b", State: models.Queued, CreatedAt: noon},
		})
	})
}

// An answer goes out in the response to a callback or by the outbox, not both.
func TestTakePassive(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		near, until := noon.Add(2*time.Second), noon.Add(6*time.Second)
		queue := func(id string, due time.Time) {
			o := outgoing(id, "bot/group/"+id)
			o.InboxID, o.DueAt = id, due
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		take := func(id string) bool { return must(db.Outbox.TakePassive(ctx, id, near, until)) }
		same(t, take("nothing queued"), true)

		queue("later", noon.Add(time.Minute))
		same(t, take("later"), true)

		queue("now", noon)
		row := must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0]
		same(t, take("now"), true)
		if _, err := db.Outbox.Claim(ctx, row, until); !errors.Is(err, models.ErrStale) {
			t.Errorf("claimed what is on its way: %v", err)
		}
		same(t, due(t, db, noon), []string(nil))
		same(t, take("now"), true) // a repeat meanwhile says the same
		same(t, must(db.Outbox.MarkPassive(ctx, "now")), 1)
		same(t, take("now"), true) // and so does a later one

		queue("left", noon) // whoever took it died
		same(t, take("left"), true)
		clock.Advance(6 * time.Second)
		same(t, due(t, db, clock.Now()), []string{"left"})

		row = must(db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, clock.Now(), 1, nil, time.Time{}))[0], clock.Now().Add(time.Minute)))
		same(t, take("left"), false)
		no(t, db.Outbox.MarkSent(ctx, row, "m", ""))
		same(t, take("left"), false)
	})
}

// Of the outbox and a callback that want to give one answer at once, one does.
func TestTakePassiveRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i := range 10 {
			o := outgoing(fmt.Sprint("o", i), fmt.Sprint("bot/group/", i))
			o.InboxID = o.ID
			no(t, db.Outbox.Enqueue(ctx, o))
			row := must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0]
			var taken, claimed bool
			for _, err := range race(2, func(n int) (err error) {
				if n == 0 {
					taken, err = db.Outbox.TakePassive(ctx, o.ID, noon, noon.Add(time.Minute))
					return err
				}
				_, err = db.Outbox.Claim(ctx, row, noon.Add(time.Minute))
				claimed = err == nil
				if errors.Is(err, models.ErrStale) {
					err = nil
				}
				return err
			}) {
				no(t, err)
			}
			if taken == claimed {
				t.Errorf("taken for a callback: %t, claimed by the outbox: %t", taken, claimed)
			}
			no(t, second(db.Outbox.Obsolete(ctx, o.ID)))
			if claimed {
				row.Attempt++
				no(t, db.Outbox.MarkSent(ctx, row, "m", ""))
			}
		}
	})
}

func TestOutgoingObsolete(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for i := range 3 {
			o := outgoing(fmt.Sprint("o", i), "app/main/wr")
			o.InboxID = "in-1"
			no(t, db.Outbox.Enqueue(ctx, o))
		}
		no(t, db.Outbox.Enqueue(ctx, outgoing("other", "app/main/wr")))
		first := must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0]
		first = must(db.Outbox.Claim(ctx, first, noon.Add(time.Minute)))
		no(t, db.Outbox.MarkSent(ctx, first, "m", ""))
		n, err := db.Outbox.Obsolete(ctx, "in-1")
		no(t, err)
		same(t, n, 2)
		same(t, due(t, db, noon), []string{"other"})
		n, err = db.Outbox.Obsolete(ctx, "in-1")
		no(t, err)
		same(t, n, 0)
		n, err = db.Outbox.Obsolete(ctx, "")
		no(t, err)
		same(t, n, 0)
	})
}

// Numbers within a conversation are without gap or repeat, however many write.
func TestEnqueueRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		ctx := t.Context()
		for _, err := range race(40, func(i int) error {
			return db.Tx(ctx, func(tx *models.DB) error {
				if err := tx.Outbox.Enqueue(ctx, outgoing(fmt.Sprint("a", i), "app/main/a")); err != nil {
					return err
				}
				return tx.Outbox.Enqueue(ctx, outgoing(fmt.Sprint("a", i), "app/main/a"))
			})
		}) {
			no(t, err)
		}
		var got, expect []int64
		for i := range 40 {
			expect = append(expect, int64(i+1))
			o := must(db.Outbox.Due(ctx, noon, 10, nil, time.Time{}))
			same(t, len(o), 1)
			got = append(got, o[0].Seq)
			no(t, db.Outbox.MarkSent(ctx, must(db.Outbox.Claim(ctx, o[0], noon.Add(time.Minute))), "", ""))
		}
		slices.Sort(got)
		same(t, got, expect)
	})
}

func TestClaimOutgoingRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, _ *modelstest.Clock) {
		no(t, db.Outbox.Enqueue(t.Context(), outgoing("a", "app/main/a")))
		o := must(db.Outbox.Due(t.Context(), noon, 1, nil, time.Time{}))[0]
		oneWins(t, race(20, func(int) error {
			_, err := db.Outbox.Claim(t.Context(), o, noon.Add(time.Minute))
			return err
		}), models.ErrStale)
	})
}

func TestSentBack(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		for _, id := range []string{"a", "b", "c", "d"} {
			no(t, db.Outbox.Enqueue(ctx, outgoing(id, "app/main/zhangsan")))
			no(t, db.Outbox.Enqueue(ctx, outgoing(id+"-other", "app/main/lisi")))
		}
		for _, id := range []string{"a", "b", "c"} {
			o := must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
			i := slices.IndexFunc(o, func(o models.Outgoing) bool { return o.ID == id })
			o[i] = must(db.Outbox.Claim(ctx, o[i], clock.Now().Add(time.Minute)))
			if id == "b" {
				no(t, db.Outbox.Fail(ctx, o[i], "no_receiver")) // never sent
			} else {
				no(t, db.Outbox.MarkSent(ctx, o[i], id, ""))
			}
			clock.Advance(time.Second)
		}
		o := must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
		d := o[slices.IndexFunc(o, func(o models.Outgoing) bool { return o.ID == "d" })]
		same(t, d.Receiver, "app/main/zhangsan")
		back := func(n int, since time.Time) time.Time { return must(db.Outbox.SentBack(ctx, d.Receiver, n, since)) }
		same(t, back(1, noon.Add(-time.Second)), noon.Add(2*time.Second))
		same(t, back(2, noon.Add(-time.Second)), noon)
		same(t, back(2, noon).IsZero(), true)
		same(t, back(3, noon.Add(-time.Second)).IsZero(), true)
	})
}

// What its writer sends itself is claimed as it is written, unless something is
// queued before it or the minute is full.
func TestEnqueueClaimed(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		claim := func(id string, perMinute int) (models.Outgoing, bool) {
			t.Helper()
			o := outgoing(id, "app/main/zhangsan")
			row, ok, err := db.Outbox.EnqueueClaimed(ctx, o, clock.Now().Add(15*time.Second), perMinute)
			no(t, err)
			return row, ok
		}
		a, ok := claim("a", 2)
		same(t, ok, true)
		same(t, a.Attempt, 1)
		same(t, a.DueAt, noon.Add(15*time.Second))
		_, ok = claim("a", 2) // known
		same(t, ok, false)
		_, ok = claim("b", 2) // a is being sent
		same(t, ok, false)
		same(t, len(due(t, db, clock.Now())), 0)
		same(t, due(t, db, noon.Add(15*time.Second)), []string{"a"}) // its writer has died
		no(t, db.Outbox.MarkSent(ctx, a, "m", ""))

		clock.Advance(time.Second)
		b, ok := claim("b", 2)
		same(t, ok, true)
		no(t, db.Outbox.MarkSent(ctx, b, "m", ""))
		_, ok = claim("c", 2) // the minute is full
		same(t, ok, false)
		no(t, db.Outbox.Enqueue(ctx, outgoing("c", "app/main/zhangsan")))
		clock.Advance(time.Minute)
		_, ok = claim("d", 0) // c is queued before it
		same(t, ok, false)
		same(t, must(db.Outbox.Obsolete(ctx, "in-c")), 1)
		d, ok := claim("d", 2)
		same(t, ok, true)
		clock.Advance(15 * time.Second)
		d = must(db.Outbox.Claim(ctx, d, clock.Now().Add(time.Second)))
		same(t, d.Lost, true) // the writer may have sent it
	})
}

// Of several who write an answer to one conversation, one has it claimed.
func TestEnqueueClaimedRace(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		mine := make([]bool, 20)
		for _, err := range race(len(mine), func(i int) error {
			return db.Tx(ctx, func(tx *models.DB) error {
				o := outgoing(fmt.Sprint("o", i), "app/main/wr")
				_, ok, err := tx.Outbox.EnqueueClaimed(ctx, o, clock.Now().Add(time.Minute), 25)
				if mine[i] = ok; err == nil && !ok {
					err = tx.Outbox.Enqueue(ctx, o)
				}
				return err
			})
		}) {
			no(t, err)
		}
		n := 0
		for _, ok := range mine {
			if ok {
				n++
			}
		}
		same(t, n, 1)
		same(t, len(due(t, db, clock.Now())), 0)
	})
}

// Transactions that tell the same people several things each do not lose against
// each other, though the order in which they tell them differs.
func TestNoticesDoNotCollide(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		const writers, each = 32, 4
		for _, err := range race(writers, func(i int) error {
			runs := 0
			err := db.Tx(ctx, func(tx *models.DB) error {
				runs++
				for j := range each {
					o := outgoing(fmt.Sprintf("n-%d-%d", i, j), "app/main//"+[]string{"boss", "chenba"}[(i+j)%2])
					o.Apart = true
					if err := tx.Outbox.Enqueue(ctx, o); err != nil {
						return err
					}
				}
				return nil
			})
			if runs > 1 && db.Driver() == models.MySQL {
				t.Errorf("a transaction ran %d times", runs)
			}
			return err
		}) {
			no(t, err)
		}
		for range writers * each / 2 {
			o := must(db.Outbox.Due(ctx, clock.Now(), 10, nil, time.Time{}))
			same(t, len(o), 2) // one at a time for each
			no(t, db.Outbox.MarkSent(ctx, must(db.Outbox.Claim(ctx, o[1], clock.Now().Add(time.Minute))), "", ""))
			no(t, db.Outbox.MarkSent(ctx, must(db.Outbox.Claim(ctx, o[0], clock.Now().Add(time.Minute))), "", ""))
		}
		same(t, len(due(t, db, clock.Now())), 0)
	})
}

// What cannot be opened is set aside: it must not take the place of what can.
func TestUnreadableIsSetAside(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		spoil := func(id, payload string) {
			t.Helper()
			o := outgoing(id, "app/main/"+id)
			o.DueAt = noon.Add(-time.Minute)
			no(t, db.Outbox.Enqueue(ctx, o))
			no(t, second(db.Pool().ExecContext(ctx, "UPDATE outbox SET payload = "+payload+" WHERE id = ?", id)))
		}
		no(t, db.Outbox.Enqueue(ctx, outgoing("good", "app/main/good")))
		for i := range 10 {
			spoil(fmt.Sprint("altered", i), "(SELECT p FROM (SELECT payload AS p FROM outbox WHERE id = 'good') AS other)")
			spoil(fmt.Sprint("foreign", i), "X'01FFFFFFFF00'") // sealed by a newer program
		}
		same(t, len(due(t, db, clock.Now())), 0) // these are looked at first
		same(t, due(t, db, clock.Now()), []string{"good"})

		story := func() (reasons []string) {
			rows := must(db.Pool().QueryContext(ctx, "SELECT state, reason, COUNT(*) FROM outbox GROUP BY state, reason ORDER BY state, reason"))
			defer rows.Close()
			for rows.Next() {
				var state, reason string
				var n int
				no(t, rows.Scan(&state, &reason, &n))
				reasons = append(reasons, strings.TrimSpace(fmt.Sprint(n, " ", state, " ", reason)))
			}
			return reasons
		}
		same(t, story(), []string{"10 failed unreadable", "11 queued"})
		// After an hour nobody is waited for any more who could open the others.
		no(t, second(db.Outbox.Due(ctx, clock.Now(), 100, nil, clock.Now().Add(time.Second))))
		same(t, story(), []string{"20 failed unreadable", "1 queued"})
	})
}

// An answer that waits for its next try is no longer needed when another takes its
// place; one that is being sent keeps it.
func TestObsoleteWhileItWaits(t *testing.T) {
	each(t, func(t *testing.T, db *models.DB, clock *modelstest.Clock) {
		ctx := t.Context()
		o := outgoing("o", "app/main/wr")
		no(t, db.Outbox.Enqueue(ctx, o))
		claimed := must(db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, noon, 1, nil, time.Time{}))[0], noon.Add(time.Second)))
		same(t, must(db.Outbox.Obsolete(ctx, o.InboxID)), 0)
		no(t, db.Outbox.Retry(ctx, claimed, "card", "rate_limited", noon.Add(time.Minute)))
		same(t, must(db.Outbox.MarkPassive(ctx, "another")), 0)
		clock.Advance(time.Minute)
		claimed = must(db.Outbox.Claim(ctx, must(db.Outbox.Due(ctx, clock.Now(), 1, nil, time.Time{}))[0], clock.Now().Add(time.Second)))
		same(t, claimed.Lost, false)
		same(t, must(db.Outbox.Obsolete(ctx, o.InboxID)), 0) // being sent again
		claimed.Lost = true
		no(t, db.Outbox.Retry(ctx, claimed, "card", "timeout", clock.Now().Add(time.Minute)))
		same(t, must(db.Outbox.AnswersTo(ctx, o.InboxID))[0].Lost, true)
		same(t, must(db.Outbox.Obsolete(ctx, o.InboxID)), 1)
		want(t, db.Outbox.MarkSent(ctx, claimed, "m", ""), models.ErrStale)
	})
}
