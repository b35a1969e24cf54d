package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version can be set by a release build: -ldflags "-X main.version=v1.2.3".
var version string

func versionCommand(*flag.FlagSet) action {
	return func(_ context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		version, commit := build()
		fmt.Fprintf(out.Out, "yanquan %s (commit %s, %s)\n", version, commit, runtime.Version())
		return nil
	}
}

// build tells what this binary was made from.
func build() (name, commit string) {
	name, commit = version, "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name, commit
	}
	name = cmp.Or(name, info.Main.Version, "(devel)")
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		commit += "+changes"
	}
	return name, commit
}
