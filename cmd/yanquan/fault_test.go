package main

import (
	"strings"
	"sync"
	"testing"

	"yanquan/dianping/dianpingtest"
	"yanquan/internal/breadth"
	"yanquan/models"
)

// A test named TestFaultNN shows what the built program does when fault NN of
// docs/faults.md strikes. Its comment says what is injected and what must hold;
// judgement, at the end of each, adds what must hold of every fault: the ledger
// is as told, nothing is consumed twice, no request id is changed, no answer
// comes twice, nothing secret is logged.

// faultCells are both dialects on both databases; each channel meets each of them.
var faultCells = []setting{
	{dialect: dianpingtest.Dianping, driver: models.SQLite, group: true},
	{dialect: dianpingtest.Dianping, driver: models.MySQL},
	{dialect: dianpingtest.Meituan, driver: models.SQLite},
	{dialect: dianpingtest.Meituan, driver: models.MySQL, group: true},
}

// serverCells are those with a database server, for faults of the line to it and
// of several processes.
var serverCells = []setting{faultCells[1], faultCells[3]}

// with changes settings for a test.
func with(cells []setting, change func(s *setting)) []setting {
	changed := append([]setting(nil), cells...)
	for i := range changed {
		change(&changed[i])
	}
	return changed
}

// inCells lets a fault strike a world in each of some cells, all at the same time, or
// in one of them.
func inCells(t *testing.T, cells []setting, fault func(w *world)) {
	t.Helper()
	t.Parallel()
	inEach(t, breadth.Of(t.Name(), cells...), fault)
}

// inEach lets a fault strike a world in each of some cells, all at the same time.
func inEach(t *testing.T, cells []setting, fault func(w *world)) {
	t.Helper()
	var running sync.WaitGroup
	for _, s := range cells {
		running.Go(func() { inCell(t, s, fault) })
	}
	running.Wait()
}

func inCell(t *testing.T, s setting, fault func(w *world)) {
	t.Run(s.String(), func(t *testing.T) {
		w := newWorld(t, s)
		fault(w)
		judgement(w)
	})
}

// awaitClosed waits until a fault has struck.
func (w *world) awaitClosed(struck <-chan struct{}) {
	w.Helper()
	select {
	case <-struck:
	case <-w.soon().Done():
		w.Fatal("the fault has not struck")
	}
}

// shows counts the bubbles of the bot on a person's screen in which all of some
// texts can be read.
func (w *world) shows(user string, texts ...string) (n int) {
	for _, s := range w.wecom.Screen(w.screen(user)) {
		if s.FromBot && readable(legible(s), texts) {
			n++
		}
	}
	return n
}

// never: nobody has read one of some texts.
func (w *world) never(users []string, texts ...string) {
	w.Helper()
	for _, user := range users {
		for _, s := range w.wecom.Screen(w.screen(user)) {
			for _, text := range texts {
				if s.FromBot && strings.Contains(legible(s), text) {
					w.Errorf("%s has read %q:\n%s", user, text, legible(s))
				}
			}
		}
	}
}

// oneID: a code was never asked to be consumed under two request ids.
func (w *world) oneID(code string) {
	w.Helper()
	if ids := w.consumeIDs(code); len(ids) != 1 {
		w.Errorf("%s was consumed under the ids %q", code, ids)
	}
}
