package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"yanquan/bot"
	"yanquan/internal/config"
)

// Exit statuses.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one word of the command line.
type command struct {
	name, args string
	summary    string
	// setup declares the flags and returns what to do once they are parsed.
	setup func(*flag.FlagSet) func(ctx context.Context, args []string, out output) error
}

// output is where a command writes: results to Out, logs and complaints to Err.
type output struct{ Out, Err io.Writer }

func commands() []command {
	return []command{
		{"demo", "[--listen 127.0.0.1:8080]", "try it without any account: fake platform, fake WeCom, chat page in the browser", demoCommand},
		{"init", "[--dir .] [--lang zh|en] [--answers FILE]", "set it up: ask for one thing at a time, check each, write config.yaml and .env", initCommand},
		{"serve", "--config config.yaml [--no-migrate]", "run the bot", serveCommand},
		{"migrate", "up|status --config config.yaml", "upgrade the database schema, or show its state", migrateCommand},
		{"doctor", "--config config.yaml", "check configuration, database, clock, WeCom, callback addresses and platform", doctorCommand},
		{"wecom", "menu [--app NAME] --config config.yaml", "give the WeCom apps their menu: scan, history, help", wecomCommand},
		{"health", "--config config.yaml", "ask the bot that runs on this machine whether it can work", healthCommand},
		{"explain", "CODE --config config.yaml", "tell the whole story of one voucher, by its code or the link of its QR code", explainCommand},
		{"audit", "[--days 30] --config config.yaml", "list who changed stores, groups, people and authorisations", auditCommand},
		{"backup", "FILE [--force] --config config.yaml", "copy the SQLite database while the bot runs; for MySQL, print the command that does", backupCommand},
		{"restore", "FILE [--loaded [--force]] --config config.yaml", "put a copy into the place of the SQLite database, which is kept; for MySQL, print the commands, the last of which is this with --loaded", restoreCommand},
		{"hooks", "replay --since TIME [--hook NAME] --config config.yaml", "send other systems again what has happened since a time", hooksCommand},
		{"version", "", "show version, commit and Go version", versionCommand},
	}
}

// usageError is a wrong command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// answerError is a wrong or missing answer of init, for which its usage is no help.
type answerError string

func (e answerError) Error() string { return string(e) }

// errReported is a failure that has been told already.
var errReported = errors.New("reported")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	stdout, stderr = bot.Terminal(stdout), bot.Terminal(stderr)
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(rest) == 0 {
			usage(stdout)
			return exitFine
		}
		name, rest = rest[0], []string{"--help"}
	case "-v", "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return runCommand(ctx, c, rest, output{stdout, stderr})
		}
	}
	fmt.Fprintf(stderr, "yanquan: there is no command %q\n\n", name)
	usage(stderr)
	return exitUsage
}

func runCommand(ctx context.Context, c command, args []string, out output) int {
	flags := newFlags(c.name)
	do := c.setup(flags)
	positional, err := parse(flags, args)
	if err == nil {
		err = do(ctx, positional, out)
	} else if !errors.Is(err, flag.ErrHelp) {
		err = usageError(err.Error())
	}
	var wrong usageError
	var answer answerError
	var problems *config.Problems
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, flag.ErrHelp):
		commandUsage(out.Out, c, flags)
		return exitFine
	case errors.As(err, &wrong):
		fmt.Fprintf(out.Err, "yanquan %s: %s\n\n", c.name, wrong)
		commandUsage(out.Err, c, flags)
		return exitUsage
	case errors.As(err, &answer):
		fmt.Fprintf(out.Err, "yanquan %s: %s\n", c.name, answer)
		return exitUsage
	case errors.Is(err, errReported):
	case errors.As(err, &problems):
		fmt.Fprintln(out.Err, problems)
	default:
		fmt.Fprintf(out.Err, "yanquan %s: %v\n", c.name, err)
	}
	return exitFailed
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // usage is written by commandUsage
	return flags
}

// parse allows flags before, between and after the other arguments.
func parse(flags *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(positional, rest...), nil
		}
		positional, args = append(positional, rest[0]), rest[1:]
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Yanquan 验券 verifies Meituan, Dianping and Douyin vouchers from WeCom chats.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s\n        %s\n", strings.TrimSpace("yanquan "+c.name+" "+c.args), c.summary)
	}
	fmt.Fprint(w, "\nTo look around first: yanquan demo\nTo set it up:         yanquan init\nMore on one command:  yanquan COMMAND --help\nExit status: 0 fine, 1 failed, 2 wrong usage.\n")
}

func commandUsage(w io.Writer, c command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", strings.TrimSpace("yanquan "+c.name+" "+c.args), c.summary)
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(w, "\nFlags:\n\n")
			first = false
		}
		kind, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  %s\n        %s", strings.TrimSpace("--"+f.Name+" "+kind), text)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}
