// Package setup makes an installation: it asks for one thing at a time, says where it
// stands, checks it against the real service, and writes config.yaml and .env. It can be
// stopped anywhere and goes on there.
//
// A person is asked in a terminal or by a pipe; a machine gives a file of answers and its
// environment, and is asked nothing.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"yanquan/bot"
	"yanquan/bot/doctor"
	"yanquan/internal/config"
	"yanquan/models"
)

// Options of [Run].
type Options struct {
	Dir     string // where the files are written
	Lang    string // zh | en; empty: by the locale, or asked
	Answers string // file of answers, - for In: a machine; empty: a person

	In  io.Reader // a person's; a terminal where it is an *os.File of one
	Out io.Writer
	Env func(string) (string, bool)

	Program string // how it is called; empty: yanquan

	HTTP *http.Client // nil: one with a time-out
	Now  func() time.Time

	unit unit // zero: that of the packages
}

// Usage is a command line, an answers file or a missing answer that the operator must
// correct before anything can be done.
type Usage string

func (u Usage) Error() string { return string(u) }

// ErrStopped ends a dialogue that goes on with the next run. It has been told.
var ErrStopped = errors.New("stopped; what was answered is kept")

// ErrNotFine means that the files are written, and that the installation does not work
// yet. It has been told.
var ErrNotFine = errors.New("the installation does not work yet")

// Run sets an installation up.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.unit == (unit{}) {
		o.unit = packaged
	}
	i, err := open(ctx, o)
	switch {
	case errors.Is(err, io.EOF), ctx.Err() != nil: // nothing was answered yet
		return ErrStopped
	case err != nil:
		return err
	}
	defer i.close()
	err = i.run(ctx)
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		fmt.Fprintln(i.out)
		i.say("stopped")
		return ErrStopped
	}
	if _, file := errors.AsType[*fs.PathError](err); file || errors.As(err, new(*told)) {
		return Usage(i.because(err))
	}
	return err
}

// installation is one run, with a person or a machine.
type installation struct {
	Options
	folder
	section
	offered map[string]string // of a config.yaml that cannot be loaded
	unread  bool              // it cannot be
}

func open(ctx context.Context, o Options) (*installation, error) {
	d := dialog{out: bot.Terminal(o.Out)}
	if o.Answers == "" {
		d.in = newInput(o.In)
	}
	iv := &interview{dialog: d, answers: answers{env: o.Env, typed: map[string]string{}}, refused: map[string]string{}, wave: map[string]bool{}}
	i := &installation{Options: o, folder: folder{o.Dir, o.unit}, section: section{iv, &consoles{interview: iv}, doctor.NewProbe(o.HTTP, o.Now)}}
	if err := i.look(ctx); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// look finds the language, and what there is in the folder.
func (i *installation) look(ctx context.Context) (err error) {
	if i.words, err = i.language(ctx, i.Lang); err != nil {
		return err
	}
	if info, err := os.Stat(i.dir); err != nil || !info.IsDir() {
		return Usage(i.text("no.folder.there", i.dir))
	}
	if err := writable(i.dir); err != nil {
		return Usage(i.text("no.folder", i.dir, err))
	}
	if err := i.readAnswers(); err != nil {
		return err
	}
	if i.kept, err = openStore(i.dir); err != nil {
		return Usage(i.because(err))
	}
	if i.former, err = formerAnswers(i.config(), i.Env); err != nil {
		i.offered, i.unread = offers(i.config()), true
	}
	return nil
}

func (i *installation) close() {
	if i.in != nil {
		i.in.close()
	}
	i.consoles.close()
}

func (i *installation) run(ctx context.Context) error {
	if err := i.greet(ctx); err != nil {
		return err
	}
	for _, s := range []interface{ run(context.Context) error }{
		addressSection{i.section}, robotSection{i.section}, appSection{i.section}, platformSection{i.section}, managerSection{i.section},
		storeSection{i.section, i.folder, i.offered},
	} {
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	path, err := fileSection{i.section, i.folder}.write(ctx)
	if err != nil {
		return err
	}
	return i.finish(ctx, path)
}

// greet says how it goes, and that it goes on.
func (i *installation) greet(ctx context.Context) error {
	if i.in == nil {
		return nil
	}
	i.say("hello")
	n := i.kept.answered()
	_, err := os.Stat(i.config())
	switch {
	case n > 0:
		i.say("hello.again", n)
	case err == nil && !i.unread:
		i.say("hello.there", i.config())
	case err != nil:
		return nil
	}
	if i.unread {
		i.say("hello.unread", i.config())
	}
	text, err := i.read(ctx, i.text("hello.go"), false)
	i.all = word(text) == "a"
	return err
}

// finish lets the doctor look at what was written, and the first message be sent.
func (i *installation) finish(ctx context.Context, path string) error {
	i.head("doctor")
	fine := doctor.Run(ctx, i.Out, path, i.Env, doctor.Options{HTTP: i.HTTP, Now: i.Now, First: true})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cfg, err := config.Load(path, i.Env)
	if err != nil {
		fine = false // the doctor has told why
	} else if err := (managerSection{i.section}).first(ctx, cfg); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(i.kept.PutOff), func(step string) bool { return step == "listen" || !i.kept.met[step] }) // serve has it
	for _, step := range left {
		i.warn("put.off", i.text("step."+step))
	}
	fmt.Fprintln(i.out)
	switch {
	case !fine:
		i.say("end.red", path)
		return ErrNotFine
	case len(left) > 0:
		i.say("end.left", i.starting(path))
	default:
		i.say("end.green", i.starting(path))
	}
	return nil
}

// starting is the command that starts the bot.
func (i *installation) starting(path string) string {
	if path == i.config() && i.byUnit() {
		return "systemctl enable --now yanquan"
	}
	return cmp.Or(i.Program, "yanquan") + " serve --config " + path
}

// byUnit reports whether the systemd unit runs what is set up: it reads this folder, or
// the database is where the unit alone keeps one.
func (i *installation) byUnit() bool {
	if i.inUnit() {
		return true
	}
	file, err := models.SQLitePath(i.value("sqlite_file"))
	return err == nil && i.value("database") == models.SQLite && filepath.Dir(file) == i.folder.unit.state
}
