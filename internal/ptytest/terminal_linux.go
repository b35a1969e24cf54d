package ptytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal.
type Terminal struct {
	Slave *os.File // what the program reads and writes

	t      testing.TB
	master *os.File

	mu      sync.Mutex
	shown   string
	from    int // where the next Expect begins
	changed chan struct{}
}

// New opens one, which is closed with the test.
func New(t testing.TB) *Terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	err = control(master, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &Terminal{Slave: slave, t: t, master: master, changed: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read()
	}()
	t.Cleanup(func() {
		master.Close() // a reader that is left is hung up
		<-read
		slave.Close()
	})
	return p
}

// control leaves a file to Go's poller, so that closing it ends a read.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return errors.Join(err, failed)
}

func (p *Terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		p.mu.Lock()
		p.shown += strings.ReplaceAll(string(buf[:n]), "\r\n", "\n")
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// within is when a program is taken to say nothing more.
const within = time.Minute

// Expect waits until a text is shown behind the one that was expected last.
func (p *Terminal) Expect(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	for {
		p.mu.Lock()
		shown, changed := p.shown[p.from:], p.changed
		at := strings.Index(shown, text)
		if at >= 0 {
			p.from += at + len(text)
		}
		p.mu.Unlock()
		if at >= 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.t.Fatalf("does not show %q, but\n%s", text, shown)
		}
	}
}

// Type types keys.
func (p *Terminal) Type(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// Answer types a line once a prompt is shown.
func (p *Terminal) Answer(prompt, line string) {
	p.t.Helper()
	p.Expect(prompt)
	p.Type(line + "\n")
}

// Shown is all that was shown.
func (p *Terminal) Shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown
}

// Echoes reports whether what is typed is shown.
func (p *Terminal) Echoes() bool {
	echoes := false
	err := control(p.master, func(fd int) error {
		state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		echoes = err == nil && state.Lflag&unix.ECHO != 0
		return err
	})
	return err == nil && echoes
}
