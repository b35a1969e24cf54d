package crash

import (
	"database/sql"
	"strconv"
	"testing"

	"github.com/go-sql-driver/mysql"

	"yanquan/internal/breadth"
	"yanquan/models"
	"yanquan/models/modelstest"
)

// How many random rounds are played on clusters.
const (
	allGaleraRounds   = 14 // under a minute on two cores
	racedGaleraRounds = 6
	galeraLanes       = 2 // three servers and three replicas each
)

// TestGalera plays rounds with each replica on another node of a Galera cluster,
// of which a node is killed under load in most rounds.
func TestGalera(t *testing.T) {
	t.Parallel()
	rounds := *flagGalera
	if rounds == 0 {
		switch {
		case *flagSeed != 0:
			rounds = max(*flagRounds, 1)
		case *flagRace:
			rounds = racedGaleraRounds
		case breadth.All():
			rounds = allGaleraRounds
		default: // make test-all plays more
			rounds = 1
		}
	}
	var clusters []*modelstest.Cluster
	total := campaign(t, "galera", rounds, min(*flagLanes, galeraLanes), func(t *testing.T) database {
		d := ownCluster(t)
		clusters = append(clusters, d.cluster)
		return d
	})
	conflicts := modelstest.Conflicts{}
	for _, c := range clusters {
		n, err := c.Conflicts(t.Context())
		must(t, err)
		conflicts.Certification += n.Certification
		conflicts.Aborted += n.Aborted
	}
	oneNodeAfterAnother(t, clusters[0])
	t.Logf("transactions that lost against another node: %d at certification, %d aborted before", conflicts.Certification, conflicts.Aborted)
	if rounds >= 10 && (total.woes[nodeKilled] == 0 || total.consumed == 0) {
		t.Error("the rounds did not do what they are for")
	}
}

// oneNodeAfterAnother accepts messages by one node and reads or answers them by the
// next at once, which has something large to catch up with.
func oneNodeAfterAnother(t *testing.T, c *modelstest.Cluster) {
	ctx := t.Context()
	admin, err := sql.Open("mysql", c.AdminDSN(0))
	must(t, err)
	defer admin.Close()
	open := func(node int) *models.DB {
		cfg, err := mysql.ParseDSN(c.DSN(node))
		must(t, err)
		_, err = admin.ExecContext(ctx, "GRANT ALL ON catching_up.* TO '"+cfg.User+"'@'%'")
		must(t, err)
		cfg.DBName = "catching_up"
		return modelstest.Open(t, models.MySQL, cfg.FormatDSN())
	}
	_, err = admin.ExecContext(ctx, "CREATE DATABASE catching_up")
	must(t, err)
	first, second := open(0), open(1)
	_, err = first.Migrate(ctx)
	must(t, err)
	_, err = admin.ExecContext(ctx, "CREATE TABLE catching_up.ballast (n BIGINT PRIMARY KEY, text CHAR(200))")
	must(t, err)
	for i := range 4 {
		_, err = admin.ExecContext(ctx, "INSERT INTO catching_up.ballast SELECT seq, seq FROM seq_"+strconv.Itoa(i*50000+1)+"_to_"+strconv.Itoa(i*50000+50000))
		must(t, err)
		row, _, err := first.Inbox.Accept(ctx, models.Inbox{Channel: "app/main", MessageID: "ballast" + strconv.Itoa(i)})
		must(t, err)
		if i%2 == 0 {
			_, err = second.Inbox.Get(ctx, row.ID)
		} else {
			_, err = second.Inbox.Answer(ctx, row, nil, true)
		}
		must(t, err)
	}
}
