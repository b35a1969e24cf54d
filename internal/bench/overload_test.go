package main

import (
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanquan/bot/chat"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// Only what an owner holds is counted: not a message that waits for a free worker,
// nor one whose pending answer is looked at again.
func TestClaims(t *testing.T) {
	clock := modelstest.NewClock(time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC))
	dsn := modelstest.MySQLDSN(t)
	db := modelstest.Open(t, models.MySQL, dsn, modelstest.WithClock(clock))
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	watchClaims(t.Context(), pool)
	now := clock.Now()
	accept := func(due time.Time) models.Inbox {
		row, _, err := db.Inbox.Accept(t.Context(), models.Inbox{ID: chat.NewID(), Channel: "app/main", MessageID: chat.NewID(), User: "zhangsan", ReceivedAt: now, DueAt: due})
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	waits, held, pending := accept(now), accept(now.Add(time.Minute)), accept(now.Add(time.Minute))
	pending.DueAt = now.Add(time.Second)
	if pending, err = db.Inbox.Answer(t.Context(), pending, []byte("{}"), false); err != nil {
		t.Fatal(err)
	}
	clock.Advance(2 * time.Minute)
	until := clock.Now().Add(time.Minute)
	for range 2 { // the second time, what waited is held
		for _, row := range []*models.Inbox{&waits, &held, &pending} {
			if *row, err = db.Inbox.Claim(t.Context(), *row, until); err != nil {
				t.Fatal(err)
			}
		}
		clock.Advance(2 * time.Minute)
		until = clock.Now().Add(time.Minute)
	}
	if err := db.Outbox.Enqueue(t.Context(), models.Outgoing{ID: "answer", Conversation: "app/main/zhangsan", Channel: "app/main", User: "zhangsan"}); err != nil {
		t.Fatal(err)
	}
	out := models.Outgoing{ID: "answer"}
	for range 3 { // the first is nobody's, the second is held, the third was tried in vain
		if out, err = db.Outbox.Claim(t.Context(), out, clock.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		clock.Advance(2 * time.Minute)
		if out.Attempt == 2 {
			if err := db.Outbox.Retry(t.Context(), out, "card", "45009", clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	op, err := db.Journal.Begin(t.Context(), models.Operation{
		ID: chat.NewID(), StoreID: 1, Code: "7992697494", Count: 1, UserID: "zhangsan", CreatedAt: clock.Now(), CalledAt: clock.Now(), DueAt: clock.Now(),
	}, held)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // during the call, and of the doubt that it leaves
		if op, err = db.Journal.Claim(t.Context(), op, clock.Now()); err != nil {
			t.Fatal(err)
		}
		if op, err = db.Journal.DoubtConsume(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"inbox": 3, "operations": 1, "outbox": 1}, claims(t.Context(), pool)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestOvertaken(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	text := func(person int, code string, asked, acknowledged int) texted {
		return texted{person: person, code: code, asked: at(asked), acknowledged: at(acknowledged), status: http.StatusOK}
	}
	one, two := text(1, "a", 0, 1), text(1, "b", 2, 3)
	refused := one
	refused.status = http.StatusServiceUnavailable
	for name, test := range map[string]struct {
		texts []texted
		told  map[string]time.Time
		want  int
	}{
		"in order":             {[]texted{one, two}, map[string]time.Time{"a": at(4), "b": at(5)}, 0},
		"the later one first":  {[]texted{one, two}, map[string]time.Time{"a": at(5), "b": at(4)}, 1},
		"only the later one":   {[]texted{one, two}, map[string]time.Time{"b": at(4)}, 1},
		"only the earlier one": {[]texted{one, two}, map[string]time.Time{"a": at(4)}, 0},
		"not accepted":         {[]texted{refused, two}, map[string]time.Time{"b": at(4)}, 0},
		"under way at once":    {[]texted{text(1, "a", 0, 3), two}, map[string]time.Time{"a": at(5), "b": at(4)}, 0},
		"of two people":        {[]texted{one, text(2, "b", 2, 3)}, map[string]time.Time{"a": at(5), "b": at(4)}, 0},
		"one ahead of several": {[]texted{one, two, text(1, "c", 4, 5)}, map[string]time.Time{"a": at(8), "b": at(9), "c": at(7)}, 1},
		"several ahead of one": {[]texted{one, two, text(1, "c", 4, 5)}, map[string]time.Time{"a": at(9), "b": at(7), "c": at(8)}, 2},
		"nobody was told":      {[]texted{one, two}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := overtaken(test.texts, test.told); got != test.want {
				t.Errorf("%d overtaken, want %d", got, test.want)
			}
		})
	}
}
