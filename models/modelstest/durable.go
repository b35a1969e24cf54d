package modelstest

import (
	"strings"

	"github.com/go-sql-driver/mysql"
)

// durable are the settings that decide what a commit costs.
var durable = []string{"--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync", "--innodb-doublewrite=1",
	"--innodb-buffer-pool-size=256M", "--innodb-log-file-size=256M"}

// Durable is a private MariaDB with every commit on the disk before it is
// answered, unlike those that tests get. It is for measuring, also outside tests.
type Durable struct{ daemon *daemon }

// StartDurable starts a server in the temporary folder, which should not be in
// memory: there a commit costs nothing.
func StartDurable() (*Durable, error) {
	d, err := started(durable...)
	if err != nil {
		return nil, err
	}
	return &Durable{d}, nil
}

// Settings are those that decide what a commit costs.
func (s *Durable) Settings() string { return strings.Join(durable, " ") }

// Config leads to the server as an account that may create databases.
func (s *Durable) Config() *mysql.Config { return s.daemon.root.Clone() }

// Close ends the server and removes its data.
func (s *Durable) Close() { s.daemon.close() }
