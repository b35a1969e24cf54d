package modelstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// clusterSize is the least at which a cluster survives the loss of a node.
const clusterSize = 3

// errNoGalera: MariaDB's replication library is not there.
var errNoGalera = errors.New("libgalera_smm.so is not installed (Debian: galera-4)")

// transfer is the script by which Galera brings a node up to date. The nodes
// begin with the same data, so that all that is ever missing is in the donor's
// cache (an incremental transfer, done by Galera itself) and the scripts of the
// two sides only have to tell each other the position. A full copy is refused.
const transfer = `#!/bin/sh
while [ $# -gt 0 ]; do
	case $1 in
	--role) role=$2; shift ;;
	--address) address=$2; shift ;;
	--datadir) data=$2; shift ;;
	--parent) server=$2; shift ;;
	--gtid) position=$2; shift ;;
	--bypass) incremental=yes ;;
	esac
	shift
done
case $role in
joiner)
	told=$data/position
	rm -f "$told"
	echo "ready $told"
	while [ ! -e "$told" ]; do kill -0 "$server" || exit 1; sleep 0.05; done
	cat "$told" ;;
donor)
	[ "$incremental" ] || exit 1
	echo "$position" >"$address.new"
	mv "$address.new" "$address"
	echo "done $position" ;;
esac
`

// Cluster is a Galera cluster of three nodes for one test alone.
type Cluster struct {
	nodes []*daemon

	mu        sync.Mutex
	conflicts Conflicts // of lives that have ended
}

// Conflicts counts the transactions that nodes undid because those of another
// node had come first.
type Conflicts struct {
	Certification int // found when the transaction was to be committed
	Aborted       int // found while it was still at work
}

// NewCluster starts a cluster with one empty database; it is gone after the
// test. Without Galera the test is skipped, or fails where CI=true.
func NewCluster(tb testing.TB) *Cluster {
	tb.Helper()
	library, err := galeraLibrary()
	require(tb, err)
	for range 3 { // on a busy machine nodes may lose sight of each other while they find together
		c := &Cluster{}
		if err = c.start(tb.Context(), library); err == nil {
			tb.Cleanup(c.close)
			return c
		}
		c.close()
	}
	require(tb, err)
	return nil
}

func (c *Cluster) close() {
	for _, d := range c.nodes {
		d.close()
	}
}

// start makes the nodes and starts them.
func (c *Cluster) start(ctx context.Context, library string) error {
	var addresses []string
	for range clusterSize {
		port, err := freePort()
		if err != nil {
			return err
		}
		addresses = append(addresses, loopback(port))
	}
	for _, address := range addresses {
		port, err := freePort()
		if err != nil {
			return err
		}
		d, err := newDaemon("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
			"--innodb-flush-log-at-trx-commit=0", // as Galera advises: the other nodes have what is lost here
			"--wsrep-on=ON", "--wsrep-provider="+library, "--wsrep-cluster-name=test",
			"--wsrep-cluster-address=gcomm://"+strings.Join(addresses, ","), "--wsrep-node-address=127.0.0.1",
			"--wsrep-sst-method=transfer",
			// A dead node is given up after four seconds, which is how long
			// the others cannot commit.
			"--wsrep-provider-options=gmcast.listen_addr=tcp://"+address+";ist.recv_addr="+loopback(port)+
				";gcache.size=32M;pc.recovery=no;evs.keepalive_period=PT0.2S;evs.inactive_check_period=PT0.2S"+
				";evs.suspect_timeout=PT4S;evs.inactive_timeout=PT8S;evs.install_timeout=PT8S")
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, d)
		if err := os.WriteFile(filepath.Join(d.dir, "wsrep_sst_transfer"), []byte(transfer), 0o700); err != nil {
			return err
		}
	}
	return c.bootstrap(ctx)
}

func galeraLibrary() (string, error) {
	for _, folder := range []string{"/usr/lib/galera", "/usr/lib", "/usr/lib64/galera-4", "/usr/lib64/galera"} {
		path := filepath.Join(folder, "libgalera_smm.so")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errNoGalera
}

// bootstrap makes the first node's data as those of a cluster of one, copies
// them to the others and starts all three.
func (c *Cluster) bootstrap(ctx context.Context) error {
	first := c.nodes[0]
	if err := first.install(); err != nil {
		return err
	}
	const found = "--wsrep-new-cluster"
	if err := first.join(1, found); err != nil {
		return err
	}
	if err := first.furnish(ctx); err != nil {
		return err
	}
	if err := first.shutdown(ctx); err != nil {
		return err
	}
	for _, d := range c.nodes[1:] {
		if err := os.CopyFS(d.data(), os.DirFS(first.data())); err != nil {
			return err
		}
		// What it has sent to others is the first node's own.
		if err := os.Remove(filepath.Join(d.data(), "galera.cache")); err != nil {
			return err
		}
	}
	for i, d := range c.nodes { // one by one: who joins at the same time as another has to try again
		var options []string
		if i == 0 {
			options = append(options, found)
		}
		if err := d.join(i+1, options...); err != nil {
			return err
		}
	}
	for _, d := range c.nodes { // who has helped another to join is back at work
		if err := d.takesPart(clusterSize); err != nil {
			return err
		}
	}
	return nil
}

// DSN is that of a node, for the program under test.
func (c *Cluster) DSN(node int) string { return c.nodes[node].dsn(appAccount) }

// AdminDSN is the same for the test. It sees everything that was committed on
// any node before it asks.
func (c *Cluster) AdminDSN(node int) string {
	return c.nodes[node].dsn(c.nodes[node].root.User) + "?wsrep_sync_wait=1"
}

// Kill ends a node by SIGKILL.
func (c *Cluster) Kill(ctx context.Context, node int) error {
	lost, err := c.nodes[node].conflicts(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conflicts.add(lost)
	c.mu.Unlock()
	return c.nodes[node].kill()
}

// Rejoin starts a node again and waits until it has caught up.
func (c *Cluster) Rejoin(node int) error {
	d := c.nodes[node]
	out, err := d.once("--wsrep-recover")
	if err != nil {
		return err
	}
	position := recovered.FindSubmatch(out)
	if position == nil {
		return fmt.Errorf("node %d does not know its position:\n%s", node, out)
	}
	return d.join(clusterSize, "--wsrep-start-position="+string(position[1]))
}

var recovered = regexp.MustCompile(`Recovered position: (\S+)`)

// Conflicts counts those of all nodes since the start of the cluster.
func (c *Cluster) Conflicts(ctx context.Context) (Conflicts, error) {
	c.mu.Lock()
	all := c.conflicts
	c.mu.Unlock()
	for _, d := range c.nodes {
		now, err := d.conflicts(ctx)
		if err != nil {
			return Conflicts{}, err
		}
		all.add(now)
	}
	return all, nil
}

func (c *Conflicts) add(other Conflicts) {
	c.Certification += other.Certification
	c.Aborted += other.Aborted
}

// join starts a node and waits until it takes part in a cluster of so many.
func (d *daemon) join(size int, options ...string) error {
	if err := d.run(options...); err != nil {
		return err
	}
	return d.takesPart(size)
}

// takesPart waits until a node has caught up and takes statements.
func (d *daemon) takesPart(size int) error {
	want := map[string]string{
		"wsrep_ready": "ON", "wsrep_cluster_status": "Primary", "wsrep_local_state_comment": "Synced", "wsrep_cluster_size": strconv.Itoa(size),
	}
	err := poll(func(ctx context.Context) (bool, error) {
		for name, wanted := range want {
			switch is, err := d.status(ctx, name); {
			case d.aborted():
				return true, errors.New("it has given up")
			case err != nil:
				return false, err
			case is != wanted:
				return false, fmt.Errorf("%s is %s, not %s", name, is, wanted)
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("node does not take part: %w\n%s", err, d.log())
	}
	return nil
}

func (d *daemon) conflicts(ctx context.Context) (c Conflicts, err error) {
	for name, n := range map[string]*int{"wsrep_local_cert_failures": &c.Certification, "wsrep_local_bf_aborts": &c.Aborted} {
		text, err := d.status(ctx, name)
		if err != nil {
			return Conflicts{}, err
		}
		if _, err := fmt.Sscan(text, n); err != nil {
			return Conflicts{}, fmt.Errorf("%s %q: %w", name, text, err)
		}
	}
	return c, nil
}

// status asks for a counter or state of the server.
func (d *daemon) status(ctx context.Context, name string) (value string, err error) {
	pool, err := d.pool()
	if err != nil {
		return "", err
	}
	defer pool.Close()
	err = pool.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &value)
	return value, err
}
