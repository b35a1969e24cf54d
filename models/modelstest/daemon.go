package modelstest

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// startLimit is how long a server may take until it answers.
const startLimit = 3 * time.Minute

// errNotInstalled: there is no MariaDB on this machine.
var errNotInstalled = errors.New("mariadbd is not installed")

// keeper runs a server as its standard input says and, however this process
// ends, kills the server and removes its folder. Only POSIX sh is needed for
// that, and no help from TestMain.
const keeper = `trap '' INT HUP TERM
dir=$1; shift
while read -r order options; do
	case $order in
	run) "$@" $options >>"$dir/log" 2>&1 </dev/null & server=$! ;;
	kill) kill -9 $server; wait $server; echo ended ;;
	wait) wait $server; echo ended ;;
	once) "$@" $options >"$dir/once" 2>&1 </dev/null; echo ended ;;
	esac
done
kill -9 $server; wait $server
rm -rf "$dir"`

// daemon is a mariadbd in a folder of its own, which may die and start again.
type daemon struct {
	dir     string
	root    *mysql.Config
	keeper  *exec.Cmd
	orders  io.WriteCloser
	replies *bufio.Reader
}

// newDaemon prepares a server, which has no data yet and does not run. Its
// disks are not waited for: it survives its own death, not a power cut.
func newDaemon(options ...string) (*daemon, error) {
	program, err := program("mariadbd")
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "yanquan-mariadb-")
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, root: mysql.NewConfig()}
	d.root.User, d.root.Net, d.root.Addr = "root", "tcp", loopback(port)
	args := append([]string{"-c", keeper, "sh", dir, program, "--no-defaults", "--user=" + me.Username, "--datadir=" + d.data(),
		"--socket=" + d.socket(), "--pid-file=" + filepath.Join(dir, "pid"), "--tmpdir=" + dir,
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve", "--max-connections=500",
		"--skip-log-bin", "--skip-ssl", "--performance-schema=OFF",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M",
		"--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--innodb-stats-persistent=0", "--sync-frm=0"}, options...)
	d.keeper = exec.Command("sh", args...)
	// Scripts that the server calls are looked for in its folder first.
	d.keeper.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := d.keeper.StdoutPipe()
	if err == nil {
		d.replies = bufio.NewReader(out)
		if d.orders, err = d.keeper.StdinPipe(); err == nil {
			err = d.keeper.Start()
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return d, nil
}

func (d *daemon) data() string   { return filepath.Join(d.dir, "data") }
func (d *daemon) socket() string { return filepath.Join(d.dir, "sock") }

// log is what the server has written in all its lives.
func (d *daemon) log() []byte {
	log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return log
}

// aborted reports whether the server has given up.
func (d *daemon) aborted() bool { return bytes.Contains(d.log(), []byte("[ERROR] Aborting")) }

// close ends the server and removes its folder.
func (d *daemon) close() {
	d.orders.Close()
	_ = d.keeper.Wait() // its status is that of the last rm
}

// install makes the data of a new server.
func (d *daemon) install() error {
	install, err := program("mariadb-install-db")
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	cmd := exec.Command(install, "--no-defaults", "--user="+me.Username, "--datadir="+d.data(),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=64M")
	cmd.Env = append(os.Environ(), "TMPDIR="+d.dir) // a server that starts removes the temporary tables of all in its folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	return nil
}

// run starts the server and waits until it answers.
func (d *daemon) run(options ...string) error {
	if err := d.order("run", options...); err != nil {
		return err
	}
	if err := d.answers(); err != nil {
		return fmt.Errorf("mariadbd does not answer: %w\n%s", err, d.log())
	}
	return nil
}

// kill ends the server by SIGKILL and waits for its end.
func (d *daemon) kill() error { return d.until("kill") }

// shutdown lets the server end in order.
func (d *daemon) shutdown(ctx context.Context) error {
	pool, err := d.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.ExecContext(ctx, "SHUTDOWN"); err != nil {
		return err
	}
	return d.until("wait")
}

// once runs the server's program with options that make it do one thing and end,
// and returns what it wrote.
func (d *daemon) once(options ...string) ([]byte, error) {
	if err := d.until("once", options...); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(d.dir, "once"))
}

func (d *daemon) order(word string, options ...string) error {
	_, err := fmt.Fprintln(d.orders, word, strings.Join(options, " "))
	return err
}

// until gives an order and waits until a process has ended by it.
func (d *daemon) until(word string, options ...string) error {
	if err := d.order(word, options...); err != nil {
		return err
	}
	_, err := d.replies.ReadString('\n')
	return err
}

// answers waits for the server. There is no event to wait for, so it asks; and
// sees to it that it is not another one on the same port.
func (d *daemon) answers() error {
	pool, err := d.pool()
	if err != nil {
		return err
	}
	defer pool.Close()
	return poll(func(ctx context.Context) (bool, error) {
		var where string
		err := pool.QueryRowContext(ctx, "SELECT @@socket").Scan(&where)
		switch {
		case err == nil && where != d.socket():
			return true, errors.New("another server has the port")
		case d.aborted():
			return true, errors.Join(err, errors.New("it has given up"))
		}
		return err == nil, err
	})
}

// pool connects as root, and is quiet about failures.
func (d *daemon) pool() (*sql.DB, error) {
	quiet := d.root.Clone()
	quiet.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(quiet)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// poll asks again and again until the answer is final or a server's time to
// start is over, and returns the last error.
func poll(ask func(context.Context) (final bool, err error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		final, err := ask(ctx)
		if final {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// program finds an executable, also where ordinary accounts do not look.
func program(name string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/libexec/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", errNotInstalled
}

// freePort finds one that a server which has died will still find free: below
// those that the system gives to outgoing connections.
func freePort() (int, error) {
	const lowest, highest = 12000, 32000
	var last error
	for range 100 {
		port := lowest + rand.N(highest-lowest)
		l, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, last
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
