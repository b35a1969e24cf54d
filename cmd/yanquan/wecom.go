package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"

	"yanquan/bot/wecom"
	"yanquan/internal/app"
	"yanquan/internal/config"
)

// wecomCommand sets up what an operator would otherwise click together in WeCom's
// console.
func wecomCommand(flags *flag.FlagSet) action {
	path := configFlag(flags)
	name := flags.String("app", "", "only the app of this `NAME`")
	return func(ctx context.Context, args []string, out output) error {
		if len(args) != 1 || args[0] != "menu" {
			return usageError("say what to do: menu")
		}
		cfg, _, err := load(*path, out)
		if err != nil {
			return err
		}
		names := appNames(cfg)
		switch {
		case len(names) == 0:
			return errors.New("no app is configured: add one under wecom.apps")
		case *name != "" && !slices.Contains(names, *name):
			return usageError(fmt.Sprintf("there is no app %q; the configuration has %q", *name, names))
		case *name != "":
			names = []string{*name}
		}
		sender, err := app.Sender(cfg)
		if err != nil {
			return err
		}
		failed := false
		for _, n := range names {
			if err := sender.CreateMenu(ctx, n, wecom.Menu); err != nil {
				failed = true
				fmt.Fprintf(out.Err, "app %s: no menu: %v\n  %s\n", n, err, wecom.Advice(err))
				continue
			}
			fmt.Fprintf(out.Out, "app %s: has its menu\n", n)
			for _, e := range wecom.Menu {
				fmt.Fprintf(out.Out, "  %s\n", e.Name)
				for _, s := range e.Sub {
					fmt.Fprintf(out.Out, "    %s: as if %q was texted\n", s.Name, s.Key)
				}
			}
		}
		if failed {
			return errReported
		}
		fmt.Fprintln(out.Out, "Members see it when they open the app anew.")
		return nil
	}
}

func appNames(cfg *config.Config) (names []string) {
	if cfg.WeCom != nil {
		for _, a := range cfg.WeCom.Apps {
			names = append(names, a.Name)
		}
	}
	return names
}
