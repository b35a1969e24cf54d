package crash

import (
	"testing"

	"yanquan/models/modelstest"
)

// galeraRounds take under a minute on two cores.
const (
	galeraRounds = 14
	galeraLanes  = 2 // three servers and three replicas each
)

// TestGalera plays rounds with each replica on another node of a Galera cluster,
// of which a node is killed under load in most rounds.
func TestGalera(t *testing.T) {
	t.Parallel()
	rounds := *flagGalera
	if rounds == 0 {
		rounds = galeraRounds
		if *flagSeed != 0 {
			rounds = max(*flagRounds, 1)
		}
		if testing.Short() {
			rounds = 4
		}
		if *flagRace {
			rounds = min(rounds, 6)
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
	t.Logf("transactions that lost against another node: %d at certification, %d aborted before", conflicts.Certification, conflicts.Aborted)
	if rounds >= 10 && (total.woes[nodeKilled] == 0 || total.consumed == 0) {
		t.Error("the rounds did not do what they are for")
	}
}
