package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// consoles are where a person saves addresses, at which this program answers.
type consoles struct {
	*interview
	door *door // nil: it listens nowhere
}

// open listens at an address, and nowhere else.
func (c *consoles) open(ctx context.Context, listen string) *refusal {
	if c.door != nil && c.door.listen == listen {
		return nil
	}
	if c.door != nil {
		c.door.close()
		c.door = nil
	}
	door, err := listenAt(ctx, listen)
	if err != nil {
		return refuse("no.listen", listen, err).of("listen")
	}
	c.door = door
	c.good("listens", listen)
	return nil
}

func (c *consoles) close() {
	if c.door != nil {
		c.door.close()
	}
}

// saving is an address that a person saves in a console, which asks it at that moment.
type saving struct {
	step    string
	keys    []string // answers that the console has, too
	name    string   // method and path
	address string
	answer  func(*http.Request) ([]byte, error)
	wrong   func(error) *refusal
}

// await answers until the console has asked and was answered right, or the person puts it
// off. What was saved once is not waited for again.
func (c *consoles) await(ctx context.Context, s saving) (outcome, error) {
	heard := c.door.expect(s.name, s.answer)
	if c.kept.Saved[s.step] == s.address && !c.all && !c.anew(s.keys...) {
		c.good("saved.before", s.address)
		return passed, c.kept.settled(s.step, true)
	}
	if c.door == nil || c.in == nil && c.skips(s.step) || c.in != nil && c.waved(s.step) {
		c.warn("put.off", c.text("step."+s.step))
		return putOff, c.kept.settled(s.step, false)
	}
	c.say(s.step+".save", s.address)
	got, err := c.hear(ctx, s, heard)
	switch {
	case err != nil || got == again:
		return got, err
	case got == passed:
		return got, c.kept.saved(s.step, s.address)
	}
	return got, c.kept.settled(s.step, false)
}

func (c *consoles) hear(ctx context.Context, s saving, heard <-chan error) (outcome, error) {
	if c.in == nil {
		return c.hearAlone(ctx, s, heard)
	}
	fmt.Fprint(c.out, c.text("prompt.waiting"))
	var wrong *refusal
	lines := c.in.ask()
	for {
		select {
		case <-ctx.Done():
			return again, ctx.Err()
		case err := <-heard:
			fmt.Fprintln(c.out)
			if err == nil {
				c.good("saved", s.address)
				return passed, c.enter(ctx)
			}
			wrong = s.wrong(err)
			c.line("✗ ", wrong.why, wrong.args)
			c.say("waiting.wrong")
			if !c.in.terminal {
				return c.give(s, wrong), nil
			}
		case l := <-lines:
			c.in.got()
			switch {
			case l.err != nil:
				return again, l.err
			case word(l.text) == "s":
				return putOff, nil
			case wrong != nil:
				return c.give(s, wrong), nil
			case !c.in.terminal: // all lines of a pipe are there at once
				lines = nil
				continue
			}
			c.say("waiting.hint", s.address)
			fmt.Fprint(c.out, c.text("prompt.waiting"))
			lines = c.in.ask()
		}
	}
}

// give asks for the wrong answers anew.
func (c *consoles) give(s saving, wrong *refusal) outcome {
	for _, key := range wrong.again {
		c.refused[key] = s.step
	}
	return again
}

// enter takes the line that was asked for while something else happened.
func (c *consoles) enter(ctx context.Context) error {
	if !c.in.waiting { // it was read before
		return nil
	}
	_, err := c.read(ctx, c.text("prompt.enter"), false)
	return err
}

// hearAlone waits for as long as a machine has said.
func (c *consoles) hearAlone(ctx context.Context, s saving, heard <-chan error) (outcome, error) {
	text, err := c.ask(ctx, question{key: "wait"})
	if err != nil {
		return again, err
	}
	most, err := time.ParseDuration(text)
	if err != nil {
		return again, Usage(c.text("no.wait"))
	}
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case err := <-heard:
		if err == nil {
			c.good("saved", s.address)
			return passed, nil
		}
		no := s.wrong(err)
		return again, errors.New(s.step + ": " + c.text(no.why, no.args...))
	case <-late.C:
		return again, errors.New(c.text("no.check", s.step, c.text("no.silence", s.address, most)))
	case <-ctx.Done():
		return again, ctx.Err()
	}
}

// saving is the address of an app's or a robot's callback.
func (c *consoles) saving(step, kind, name string, verify func(url.Values) (string, error), wrong func(error) *refusal) saving {
	path := "/wecom/" + kind + "/" + name
	return saving{step: step, keys: []string{kind + "_token", kind + "_aes_key", "corp_id"}, name: "GET " + path, address: c.public() + path, answer: callback(verify), wrong: wrong}
}

// saved asks for token and key of a callback, until it is saved with them.
func (c *consoles) saved(ctx context.Context, tokenKey, aes string, make func(token, key string) (saving, error)) error {
	kind, _, _ := strings.Cut(tokenKey, "_")
	name := map[string]string{"bot": robotName, "app": appName}[kind]
	for {
		token, err := c.ask(ctx, question{key: tokenKey, args: []any{c.public() + "/wecom/" + kind + "/" + name}, check: callbackToken})
		if err != nil {
			return err
		}
		key, err := c.ask(ctx, question{key: aes, check: aesKey})
		if err != nil {
			return err
		}
		s, err := make(token, key)
		if err != nil {
			return err
		}
		if got, err := c.await(ctx, s); err != nil || got != again {
			return err
		}
	}
}
