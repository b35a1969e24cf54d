package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"yanquan/internal/app"
	"yanquan/internal/config"
)

// healthWithin bounds the whole question; the answer costs the server nothing.
const healthWithin = 3 * time.Second

// healthCommand asks the server on this machine, in place of curl, which the container
// does not have.
func healthCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		cfg, err := config.Load(*path, os.LookupEnv)
		if err != nil {
			return err
		}
		address, err := net.ResolveTCPAddr("tcp", cfg.Server.Listen)
		if err != nil {
			return fmt.Errorf("server.listen: %w", err)
		}
		if address.Port == 0 {
			return errors.New("server.listen has port 0, which is any: write a number, so that it can be asked")
		}
		ctx, cancel := context.WithTimeout(ctx, healthWithin)
		defer cancel()
		if err := ready(ctx, app.LocalURL(address)); err != nil {
			return err
		}
		fmt.Fprintln(out.Out, "ready")
		return nil
	}
}

// errNotReady: a bot answers, and cannot work.
var errNotReady = errors.New("not ready")

// ready says why the server at an address is not.
func ready(ctx context.Context, base string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{}).RoundTrip(req) // past whatever proxy there is
	if err != nil {
		return fmt.Errorf("%s does not answer; is serve running? %w", base, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Ready  bool
		Checks json.RawMessage
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer)
	switch {
	case err != nil || answer.Checks == nil:
		return fmt.Errorf("%s is not yanquan's: it answers %s", base, resp.Status)
	case !answer.Ready || resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s", errNotReady, answer.Checks)
	}
	return nil
}
