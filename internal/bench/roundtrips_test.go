package main

import (
	"testing"

	"yanquan/models"
	"yanquan/models/modelstest"
)

// What a verification says to the database, the page gives a reason for.
func TestExplained(t *testing.T) {
	for _, way := range []string{byApp, byRobot} {
		for driver, dsn := range map[string]func(testing.TB) string{models.SQLite: modelstest.SQLiteDSN, models.MySQL: modelstest.MySQLDSN} {
			t.Run(way+"/"+driver, func(t *testing.T) {
				fake := newFakeWeCom(staff)
				defer fake.Close()
				l := &lab{ctx: t.Context(), dir: t.TempDir(), calls: newCallbacks(fake)}
				seen := l.statements(driver, dsn(t), way)
				if len(seen) == 0 {
					t.Error("no statement was seen")
				}
				for i, why := range explained(seen, way) {
					if why == "" {
						t.Errorf("statement %d, %s, is not explained: %s", i+1, seen[i], seen[i].Text)
					}
				}
			})
		}
	}
}
