package modelstest_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"yanquan/models/modelstest"
)

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

func count(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	if err := pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM x").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What was committed outlives the server.
func TestServer(t *testing.T) {
	t.Parallel()
	s := modelstest.NewServer(t)
	pool := open(t, s.DSN())
	if _, err := pool.ExecContext(t.Context(), "CREATE TABLE x (id INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := pool.ExecContext(t.Context(), "INSERT INTO x VALUES (?)", i); err != nil {
			t.Fatal(err)
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := pool.PingContext(t.Context()); err == nil {
			t.Fatal("a dead server answers")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if n := count(t, pool); n != i+1 {
			t.Fatalf("%d rows, want %d", n, i+1)
		}
	}
}

// A node that dies catches up, also where it lost what it had committed last,
// and two nodes that change the same row are in conflict.
func TestCluster(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := modelstest.NewCluster(t)
	nodes := []*sql.DB{open(t, c.DSN(0)), open(t, c.DSN(1)), open(t, c.DSN(2))}
	if _, err := nodes[0].ExecContext(ctx, "CREATE TABLE x (id INT PRIMARY KEY, n INT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	insert := func(node, id int) {
		t.Helper()
		if _, err := nodes[node].ExecContext(ctx, "INSERT INTO x VALUES (?, 0)", id); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 10 {
		insert(0, id)
	}
	if err := c.Kill(ctx, 0); err != nil {
		t.Fatal(err)
	}
	insert(1, 10)
	if err := c.Rejoin(0); err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		if n := count(t, open(t, c.AdminDSN(i))); n != 11 {
			t.Fatalf("%d rows on node %d, want 11", n, i)
		}
	}
	var wg sync.WaitGroup
	for _, node := range nodes {
		wg.Go(func() {
			for range 30 {
				_, err := node.ExecContext(ctx, "UPDATE x SET n = n + 1")
				var onServer *mysql.MySQLError
				if err != nil && (!errors.As(err, &onServer) || onServer.Number != 1213) {
					t.Errorf("%v, want a deadlock or nothing", err)
				}
			}
		})
	}
	wg.Wait()
	conflicts, err := c.Conflicts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if conflicts == (modelstest.Conflicts{}) {
		t.Error("nodes that change the same rows were never in conflict")
	}
}
