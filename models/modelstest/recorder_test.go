package modelstest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yanquan/models"
	"yanquan/models/modelstest"
)

func TestRecorder(t *testing.T) {
	rec := &modelstest.Recorder{}
	for driver, open := range map[string]func(testing.TB, ...modelstest.Option) *models.DB{models.SQLite: modelstest.SQLite, models.MySQL: modelstest.MySQL} {
		t.Run(driver, func(t *testing.T) {
			db := open(t, modelstest.WithRecorder(rec))
			notice := models.Outgoing{Conversation: "app/main/zhangsan", Channel: "app/main", User: "zhangsan"}
			stop := errors.New("stop")
			rec.Take()
			err := errors.Join(
				db.Outbox.Enqueue(t.Context(), notice),
				db.Tx(t.Context(), func(tx *models.DB) error { return tx.Outbox.Enqueue(t.Context(), notice) }),
			)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Outbox.AnswersTo(t.Context(), "none"); err != nil {
				t.Fatal(err)
			}
			err = db.Tx(t.Context(), func(tx *models.DB) error { return errors.Join(stop, tx.Outbox.Enqueue(t.Context(), notice)) })
			if !errors.Is(err, stop) {
				t.Fatal(err)
			}
			var got []string
			seen := rec.Take()
			for _, s := range seen {
				got = append(got, s.String())
			}
			want := []string{"INSERT outbox", "BEGIN", "INSERT outbox", "COMMIT", "SELECT outbox", "BEGIN", "INSERT outbox", "ROLLBACK"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("statements (-want +got):\n%s", diff)
			}
			if n := modelstest.Commits(seen); n != 2 {
				t.Errorf("%d commits, want 2", n)
			}
		})
	}
}
