package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"

	"yanquan/bot/setup"
)

// called is how the program can be called again: by its name alone where that finds it.
func called() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if found, err := exec.LookPath("yanquan"); err == nil && same(found, self) {
		return ""
	}
	return self
}

// same reports whether two paths lead to one file.
func same(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

func initCommand(flags *flag.FlagSet) action {
	dir := flags.String("dir", ".", "`FOLDER` to write config.yaml and .env into")
	lang := flags.String("lang", "", "`zh|en`, the language of the questions; by default that of the locale")
	answers := flags.String("answers", "", "YAML `FILE` of answers, - for standard input: nothing is asked, and what is missing is an error; the environment gives answers, too")
	return func(ctx context.Context, args []string, out output) error {
		if err := noArguments(args); err != nil {
			return err
		}
		err := setup.Run(ctx, setup.Options{Dir: *dir, Lang: *lang, Answers: *answers, In: os.Stdin, Out: out.Out, Env: os.LookupEnv, Program: called()})
		var wrong setup.Usage
		switch {
		case errors.As(err, &wrong):
			return answerError(wrong)
		case errors.Is(err, setup.ErrStopped), errors.Is(err, setup.ErrNotFine):
			return errReported
		}
		return err
	}
}
