package setup

import (
	"bufio"
	"context"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// input reads lines of a person, one when it is asked for, so that waiting for one can be
// given up. A read that was given up takes the next line.
type input struct {
	terminal bool
	fd       int
	want     chan struct{}
	lines    chan line
	waiting  bool // for a line that was asked for

	mu     sync.Mutex
	former *term.State // while what is typed is not shown
}

type line struct {
	text string
	err  error
}

func newInput(r io.Reader) *input {
	in := &input{want: make(chan struct{}, 1), lines: make(chan line, 1)}
	if f, ok := r.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		in.terminal, in.fd = true, int(f.Fd())
	}
	go in.run(bufio.NewReader(r))
	return in
}

func (in *input) run(r *bufio.Reader) {
	for range in.want {
		text, err := readLine(r)
		in.lines <- line{text, err}
	}
}

// Keys that a terminal hands over while it does not show what is typed.
const (
	keyInterrupt = 3
	keyEnd       = 4
	keyBackspace = 8
	keyClear     = 21
	keyDelete    = 127
)

// readLine reads up to a line end of any system. Keys that edit a line count here as they
// do where a terminal edits it.
func readLine(r *bufio.Reader) (string, error) {
	var text []byte
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil && len(text) > 0: // the last line may lack its end
			return string(text), nil
		case err != nil:
			return "", err
		case b == '\r':
			if next, _ := r.Peek(min(1, r.Buffered())); string(next) == "\n" {
				_, _ = r.Discard(1)
			}
			return string(text), nil
		case b == '\n':
			return string(text), nil
		case b == keyInterrupt, b == keyEnd && len(text) == 0:
			return "", io.EOF
		case b == keyBackspace, b == keyDelete:
			_, size := utf8.DecodeLastRune(text)
			text = text[:len(text)-size]
		case b == keyClear:
			text = text[:0]
		default:
			text = append(text, b)
		}
	}
}

// ask has the next line read. It comes out of lines, and then got is to be called.
func (in *input) ask() <-chan line {
	if !in.waiting {
		in.waiting = true
		in.want <- struct{}{}
	}
	return in.lines
}

func (in *input) got() { in.waiting = false }

// line waits for the next line.
func (in *input) line(ctx context.Context) (string, error) {
	select {
	case l := <-in.ask():
		in.got()
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// hide keeps a terminal from showing what is typed, until show. Ctrl-C is a key then.
func (in *input) hide() error {
	if !in.terminal {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	former, err := term.MakeRaw(in.fd)
	if err == nil {
		in.former = former
	}
	return err
}

// show leaves the terminal as it was.
func (in *input) show() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.former != nil {
		_ = term.Restore(in.fd, in.former)
		in.former = nil
	}
}

func (in *input) close() {
	close(in.want)
	in.show()
}
