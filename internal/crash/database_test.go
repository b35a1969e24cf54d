package crash

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"yanquan/models/modelstest"
)

// database is where a lane's data are. A lane that lets it suffer has a server
// or a cluster for itself.
type database struct {
	admin   string   // DSN of the suite's own account
	nodes   []string // DSN for each replica
	server  *modelstest.Server
	cluster *modelstest.Cluster
}

// sharedDatabase is one on the server that all tests use.
func sharedDatabase(t *testing.T) database {
	t.Helper()
	dsn := modelstest.MySQLDSN(t)
	return database{admin: dsn, nodes: []string{dsn, dsn, dsn}}
}

// ownServer is a MariaDB that can be killed and made read-only.
func ownServer(t *testing.T) database {
	t.Helper()
	s := modelstest.NewServer(t)
	return database{admin: s.AdminDSN(), nodes: []string{s.DSN(), s.DSN(), s.DSN()}, server: s}
}

// ownCluster is a Galera cluster. Each replica has a node of its own, as behind a
// proxy that prefers one node and knows the others as spares.
func ownCluster(t *testing.T) database {
	t.Helper()
	c := modelstest.NewCluster(t)
	return database{admin: c.AdminDSN(0), nodes: []string{c.DSN(0), c.DSN(1), c.DSN(2)}, cluster: c}
}

// Kinds of trouble with the database.
const (
	databaseDown     = "database down"      // connections are cut and refused, for all replicas
	databaseCut      = "database cut"       // one connection is lost, at a statement that changes something
	databaseSlow     = "database slow"      // every answer comes late
	databaseReadOnly = "database read-only" // as after a failover
	databaseKilled   = "database killed"    // SIGKILL, and crash recovery
	nodeKilled       = "node killed"        // of a cluster: SIGKILL, and the others go on
)

// changes are texts of statements at which a connection is lost; "" is at once.
var changes = []string{"COMMIT", "COMMIT", "COMMIT", "", "INSERT INTO inbox", "INSERT INTO `operations`", "UPDATE `inbox`", "UPDATE `outbox`", "UPDATE `operations`"}

// databaseTrouble plans what happens to the database in a round, if anything.
func databaseTrouble(random *rand.Rand, clustered bool) (all []chaos) {
	moment := func() time.Duration { return time.Duration(random.Int64N(int64(actionTime))) }
	cut := func() chaos {
		return chaos{what: databaseCut, at: moment(), replica: random.IntN(replicas),
			statement: pickOf(random, changes), after: random.IntN(2) == 0}
	}
	if clustered {
		if random.IntN(100) < 60 {
			all = append(all, chaos{what: nodeKilled, at: moment(), replica: random.IntN(replicas), spare: random.IntN(3) > 0,
				down: time.Duration(random.IntN(1500)) * time.Millisecond})
		}
		if random.IntN(100) < 30 {
			all = append(all, cut())
		}
		return all
	}
	if random.IntN(100) >= 28 {
		return nil
	}
	for range 1 + random.IntN(2) {
		c := cut()
		c.down = time.Duration(200+random.IntN(1300)) * time.Millisecond
		switch n := random.IntN(100); {
		case n < 40: // cut
		case n < 55:
			c.what = databaseDown
		case n < 70:
			c.what, c.lag = databaseSlow, time.Duration(200+random.IntN(1800))*time.Millisecond
		case n < 85:
			c.what = databaseReadOnly
		default:
			c.what = databaseKilled
		}
		all = append(all, c)
	}
	return all
}

// wreakDatabase makes one thing go wrong with the database and puts it right
// again.
func (l *lane) wreakDatabase(ctx context.Context, h *history, c chaos) error {
	switch c.what {
	case databaseCut:
		l.cut(ctx, h, c)
		return nil
	case databaseSlow:
		h.suffered(c.what)
		l.eachLine(func(line *modelstest.Proxy) { line.Slow(c.lag) })
		h.pause(ctx, c.down)
		l.eachLine(func(line *modelstest.Proxy) { line.Slow(0) })
		return nil
	}
	l.outage.Lock()
	defer l.outage.Unlock()
	h.suffered(c.what)
	switch c.what {
	case databaseDown:
		l.eachLine((*modelstest.Proxy).Down)
		h.pause(ctx, c.down)
		l.eachLine((*modelstest.Proxy).Up)
		return nil
	case databaseReadOnly:
		if err := setReadOnly(ctx, l.db, true); err != nil {
			return err
		}
		h.pause(ctx, c.down)
		return setReadOnly(ctx, l.db, false)
	case databaseKilled:
		if err := l.database.server.Kill(); err != nil {
			return err
		}
		h.pause(ctx, c.down)
		return l.database.server.Start()
	case nodeKilled:
		return l.killNode(ctx, h, c)
	}
	return fmt.Errorf("unknown chaos %q", c.what)
}

func (l *lane) eachLine(do func(*modelstest.Proxy)) {
	for _, line := range l.lines {
		do(line)
	}
}

func setReadOnly(ctx context.Context, admin *sql.DB, on bool) error {
	_, err := admin.ExecContext(ctx, fmt.Sprintf("SET GLOBAL read_only = %t", on))
	return err
}

// killNode kills the node of a replica, which has a spare or has to wait.
func (l *lane) killNode(ctx context.Context, h *history, c chaos) error {
	if err := l.database.cluster.Kill(ctx, c.replica); err != nil {
		return err
	}
	line := l.lines[c.replica]
	if c.spare {
		if err := line.To(l.database.nodes[(c.replica+1)%replicas]); err != nil {
			return err
		}
	}
	h.pause(ctx, c.down)
	if err := l.database.cluster.Rejoin(c.replica); err != nil {
		return err
	}
	return line.To(l.database.nodes[c.replica])
}

// cut loses connections of a replica: all at once, or the one on which a
// statement comes by while people act and shortly after.
func (l *lane) cut(ctx context.Context, h *history, c chaos) {
	line := l.lines[c.replica]
	if c.statement == "" {
		line.Cut()
		h.suffered(c.what)
		return
	}
	arm := line.CutBefore
	if c.after {
		arm = line.CutAfter
	}
	fired := arm(c.statement)
	end := time.NewTimer(time.Until(h.began.Add(actionTime + time.Second)))
	defer end.Stop()
	select {
	case <-fired:
		h.suffered(c.what)
		if c.statement == "COMMIT" {
			h.suffered("of these in a COMMIT")
		}
	case <-end.C:
	case <-ctx.Done():
	}
}

// ofDatabase reports whether it is the database that something happens to.
func (c chaos) ofDatabase() bool {
	switch c.what {
	case databaseDown, databaseCut, databaseSlow, databaseReadOnly, databaseKilled, nodeKilled:
		return true
	}
	return false
}
