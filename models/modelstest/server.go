package modelstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// serverEnv names the environment variable with the DSN of a server whose
// account may create databases, as in root:secret@tcp(127.0.0.1:3306)/.
const serverEnv = "YANQUAN_TEST_MYSQL"

// startLimit is how long a server may take until it answers.
const startLimit = time.Minute

// errNoServer: there is nothing to test with.
var errNoServer = errors.New("no MySQL server: set " + serverEnv + " or install mariadbd")

// MySQLDSN is the DSN of a fresh, empty database, dropped after the test. It is
// created as latin1, so that every test shows that this does no harm.
func MySQLDSN(tb testing.TB) string {
	tb.Helper()
	server, err := theServer()
	if errors.Is(err, errNoServer) && os.Getenv("CI") != "true" {
		fmt.Fprintf(os.Stderr, "\n*** %s NOT RUN: %v ***\n\n", tb.Name(), err)
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	admin, err := sql.Open("mysql", server.FormatDSN())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { admin.Close() })
	name := "yanquan_test_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(tb.Context(), "CREATE DATABASE "+name+" CHARACTER SET latin1"); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			tb.Error(err)
		}
	})
	own := server.Clone()
	own.DBName = name
	return own.FormatDSN()
}

// theServer is the one server of this test process.
var theServer = sync.OnceValues(func() (*mysql.Config, error) {
	if dsn := os.Getenv(serverEnv); dsn != "" {
		return mysql.ParseDSN(dsn)
	}
	var cfg *mysql.Config
	var err error
	for range 3 { // somebody else may take the port meanwhile
		if cfg, err = startMariaDB(); err == nil || errors.Is(err, errNoServer) {
			break
		}
	}
	return cfg, err
})

// program finds an executable, also where ordinary accounts do not look.
func program(name string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name, "/usr/libexec/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", errNoServer
}

// heldOpen is the pipe whose end tells the server's keeper that this process is
// gone. It is global so that it is never collected.
var heldOpen io.WriteCloser

// keeper runs the server and, however this process ends, kills it and removes
// its folder. Only POSIX sh is needed for that, and no help from TestMain.
const keeper = `trap '' INT HUP TERM
dir=$1; shift
"$@" >"$dir/log" 2>&1 </dev/null &
read -r _
kill -9 $!
wait $!
rm -rf "$dir"`

// startMariaDB starts a private server that trades durability for speed.
func startMariaDB() (*mysql.Config, error) {
	install, err := program("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	daemon, err := program("mariadbd")
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "yanquan-mariadb-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	out, err := exec.Command(install, "--no-defaults", "--user="+me.Username, "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput()
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	cmd := exec.Command("sh", "-c", keeper, "sh", dir, daemon, "--no-defaults", "--user="+me.Username, "--datadir="+data,
		"--socket="+filepath.Join(dir, "sock"), "--pid-file="+filepath.Join(dir, "pid"), "--tmpdir="+dir,
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--skip-name-resolve", "--max-connections=500",
		"--skip-log-bin", "--skip-ssl", "--performance-schema=OFF",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--innodb-stats-persistent=0", "--sync-frm=0")
	if heldOpen, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = "root", "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := answers(cfg, dir); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		heldOpen.Close()
		return nil, fmt.Errorf("mariadbd does not answer: %w\n%s", err, log)
	}
	return cfg, nil
}

// answers waits for the server. There is no event to wait for, so it asks; and
// sees to it that it is not another one on the same port.
func answers(cfg *mysql.Config, dir string) error {
	quiet := cfg.Clone()
	quiet.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(quiet)
	if err != nil {
		return err
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var where string
		err = pool.QueryRowContext(ctx, "SELECT @@socket").Scan(&where)
		switch log, _ := os.ReadFile(filepath.Join(dir, "log")); {
		case err == nil && where == filepath.Join(dir, "sock"):
			return nil
		case err == nil:
			return errors.New("another server has the port")
		case bytes.Contains(log, []byte("[ERROR] Aborting")):
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return err
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
