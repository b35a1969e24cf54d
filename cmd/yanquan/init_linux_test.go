package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yanquan/internal/fakeserver"
	"yanquan/internal/ptytest"
)

// Ctrl-C in a terminal stops the program, which leaves the terminal as it was and keeps
// what was answered.
func TestInitInterrupted(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", fakeserver.Host()+":0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	listen := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	// begin starts it in a session of its own, whose terminal is term.
	begin := func() (*ptytest.Terminal, func(prompt string)) {
		term := ptytest.New(t)
		cmd := exec.Command(self, "init", "--dir", dir)
		cmd.Env = append(os.Environ(), "YANQUAN_TEST_AS_PROGRAM=1", "LC_ALL=en_US.UTF-8")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Slave, term.Slave, term.Slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return term, func(prompt string) {
			term.Expect(prompt)
			term.Type("half\x03")
			term.Expect("Stopped. What was answered is kept")
			exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
			if !ok || exit.ExitCode() != exitFailed || !term.Echoes() {
				t.Errorf("it ends with %v, and the terminal echoes: %v\n%s", exit, term.Echoes(), term.Shown())
			}
		}
	}
	term, interrupt := begin()
	term.Answer("Listen on [127.0.0.1:8080]: ", listen)
	term.Answer("Public address (Enter: none): ", "")
	interrupt("Which way: ")

	term, interrupt = begin()
	term.Answer("Enter goes on; a goes through every answer again: ", "")
	term.Answer("Which way: ", "1")
	term.Answer("BotID: ", "aib-of-nobody")
	interrupt("Secret of the robot: ")
	if strings.Contains(term.Shown(), "half") {
		t.Error("half a secret is shown")
	}
	if _, err := os.Stat(filepath.Join(dir, "config.yaml")); err == nil {
		t.Error("there is a configuration that cannot be used")
	}
}
