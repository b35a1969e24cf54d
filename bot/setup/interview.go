package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"yanquan/internal/config"
)

// interview asks for answers until they are right.
type interview struct {
	dialog
	answers
	all     bool              // a person looks at every answer again
	refused map[string]string // answers that have to be given anew: the check that has refused them; empty: it cannot wait
	wave    map[string]bool   // checks that are to wait
}

// refusal says why an answer is not taken, or a check is not passed.
type refusal struct {
	why   string // key of the words
	args  []any
	again []string // answers to give anew; none: something else is to be mended
}

func refuse(why string, args ...any) *refusal { return &refusal{why: why, args: args} }

// of names the answers that have to be given anew.
func (r *refusal) of(keys ...string) *refusal { r.again = keys; return r }

// question asks for one answer.
type question struct {
	key     string
	args    []any                 // of the words that say where it stands
	choices []string              // by number or by name; their words are KEY.CHOICE
	several bool                  // of the choices
	maybe   bool                  // Enter says none
	plain   string                // in place of the field's
	check   func(string) *refusal // of its form
}

// ask gives an answer: one there is, or else the person's. It is remembered.
func (iv *interview) ask(ctx context.Context, q question) (string, error) {
	f := fieldOf(q.key)
	if q.plain != "" {
		f.plain = q.plain
	}
	value, known := iv.given(f)
	_, refused := iv.refused[f.key]
	if known && !refused && (!iv.all || iv.typed[f.key] != "" || iv.in == nil) {
		value, no := iv.normal(q, value)
		if no == nil {
			iv.shows(f, value)
			return unless(value), iv.remember(f, value)
		}
		if iv.in == nil {
			return "", Usage(fmt.Sprintf("%s: %s", f.key, iv.text(no.why, no.args...)))
		}
		iv.line("✗ ", no.why, no.args)
		known = false
	}
	if iv.in == nil {
		if f.plain == "" {
			return "", Usage(iv.missing(f))
		}
		return unless(f.plain), nil
	}
	if !known {
		value = f.plain
	}
	value, err := iv.insist(ctx, q, f, value)
	if err != nil {
		return "", err
	}
	if env, ok := iv.env(f.env); ok && f.env != "" && env != value {
		iv.warn("env.wins", f.env)
	}
	return unless(value), iv.remember(f, value)
}

// remember keeps an answer. Over another secret in .env it is only written where a person
// has typed it, or a machine was told to; the environment wins over .env anyway.
func (iv *interview) remember(f field, value string) error {
	_, typed := iv.typed[f.key]
	there, known := iv.kept.secrets(f)[f.key]
	switch {
	case typed || !known || there == value:
	case iv.in != nil:
		iv.warn("env.wins", f.env)
		return nil
	case iv.value("overwrite") != "yes":
		return Usage(iv.text("no.another", filepath.Join(iv.kept.dir, config.DotEnv), f.env))
	}
	return iv.kept.keep(f, value)
}

// unless takes what stands for no answer away.
func unless(value string) string {
	if value == none {
		return ""
	}
	return value
}

func (iv *interview) missing(f field) string {
	name := f.env
	if name == "" {
		name = f.variable()
	}
	return iv.text("no.answer", f.key, name, iv.text(f.key+".ask"))
}

// shows says which answer is taken without asking.
func (iv *interview) shows(f field, value string) {
	if _, typed := iv.typed[f.key]; iv.in == nil || f.hidden || typed || value == none {
		return
	}
	if f.secret {
		value = "••••••"
	}
	iv.good("kept", iv.text(f.key+".ask"), value)
}

// insist asks until an answer has the right form.
func (iv *interview) insist(ctx context.Context, q question, f field, former string) (string, error) {
	if _, refused := iv.refused[f.key]; !refused { // else it was told why
		iv.where(q)
	}
	for {
		text, err := iv.read(ctx, iv.prompt(q, f, former), f.secret)
		if err != nil {
			return "", err
		}
		step, refused := iv.refused[f.key]
		switch {
		case word(text) == "?":
			iv.where(q)
			continue
		case refused && step != "" && word(text) == "s" && former != "":
			iv.wave[step] = true
			maps.DeleteFunc(iv.refused, func(_, of string) bool { return of == step })
			return iv.take(f, former), nil
		case text == "" && former == "" && q.maybe:
			text = none
		case text == "":
			text = former
		}
		value, no := iv.normal(q, text)
		if no == nil {
			delete(iv.refused, f.key)
			return iv.take(f, value), nil
		}
		iv.line("✗ ", no.why, no.args)
	}
}

func (iv *interview) take(f field, value string) string {
	iv.typed[f.key] = value
	return value
}

func (iv *interview) where(q question) {
	fmt.Fprintln(iv.out)
	iv.say(q.key+".where", q.args...)
	for i, c := range q.choices {
		fmt.Fprintf(iv.out, "  %d  %s\n", i+1, iv.text(q.key+"."+c))
	}
}

func (iv *interview) prompt(q question, f field, former string) string {
	prompt := iv.text(f.key + ".ask")
	switch {
	case former == "" && q.maybe:
		prompt += iv.text("prompt.none")
	case former == "" || former == none && !q.maybe:
	case former == none:
		prompt += iv.text("prompt.none")
	case f.secret:
		prompt += iv.text("prompt.kept")
	default:
		prompt += " [" + former + "]"
	}
	if iv.refused[f.key] != "" && former != "" {
		prompt += iv.text("prompt.skip")
	}
	return prompt + iv.text("prompt.end")
}

// yes asks for yes or no; plain is what Enter says to a person.
func (iv *interview) yes(ctx context.Context, key, plain string, args ...any) (bool, error) {
	if iv.in == nil {
		plain = ""
	}
	answer, err := iv.ask(ctx, question{key: key, args: args, choices: []string{"yes", "no"}, plain: plain})
	return answer == "yes", err
}

// outcome is what became of a check.
type outcome int

const (
	passed outcome = iota
	putOff
	again // answers have to be given anew
)

// until asks and checks until the check is passed or put off.
func (iv *interview) until(ctx context.Context, step string, questions func() error, check func() *refusal) error {
	for {
		if err := questions(); err != nil {
			return err
		}
		got, err := iv.settle(ctx, step, check)
		if err != nil || got != again {
			return err
		}
	}
}

// settle repeats a check until it is passed or put off, or answers have to be given anew.
func (iv *interview) settle(ctx context.Context, step string, check func() *refusal) (outcome, error) {
	if iv.in == nil && iv.skips(step) || iv.in != nil && iv.waved(step) {
		iv.warn("put.off", iv.text("step."+step))
		return putOff, iv.kept.settled(step, false)
	}
	for {
		no := check()
		if err := ctx.Err(); err != nil {
			return again, err
		}
		if no == nil {
			return passed, iv.kept.settled(step, true)
		}
		iv.line("✗ ", no.why, no.args)
		if iv.in == nil {
			return again, errors.New(iv.text("no.check", step, iv.text(no.why, no.args...)))
		}
		if len(no.again) > 0 {
			for _, key := range no.again {
				iv.refused[key] = step
			}
			return again, nil
		}
		text, err := iv.read(ctx, iv.text("prompt.mended"), false)
		if err != nil {
			return again, err
		}
		if word(text) == "s" {
			return putOff, iv.kept.settled(step, false)
		}
	}
}

// waved reports whether the person has said, at a refused answer, that its check is to wait.
func (iv *interview) waved(step string) bool {
	waved := iv.wave[step]
	delete(iv.wave, step)
	return waved
}

// skips reports whether a machine puts a check off.
func (iv *interview) skips(step string) bool { return slices.Contains(split(iv.value("skip")), step) }
