package setup

import "path/filepath"

// Files that are written.
const (
	configFile = "config.yaml"
	stateFile  = ".yanquan-init.yaml"
)

// folder is where they are written.
type folder struct {
	dir  string
	unit unit
}

// unit is where a systemd unit finds the configuration, and the one folder it may write.
type unit struct{ config, state string }

var packaged = unit{config: "/etc/yanquan", state: "/var/lib/yanquan"}

// config is the path of config.yaml.
func (f folder) config() string { return filepath.Join(f.dir, configFile) }

// inUnit reports whether the systemd unit reads this folder.
func (f folder) inUnit() bool {
	dir, err := filepath.Abs(f.dir)
	return err == nil && dir == f.unit.config
}

// sqliteFile is a whole path: a bot that is started elsewhere would begin anew, and not know
// what it has verified. The unit's user can write in one folder only.
func (f folder) sqliteFile() string {
	if f.inUnit() {
		return filepath.Join(f.unit.state, "yanquan.db")
	}
	file := filepath.Join(f.dir, "yanquan.db")
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}
