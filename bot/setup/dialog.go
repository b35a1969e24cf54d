package setup

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// dialog is what is said, and what a person answers.
type dialog struct {
	words
	out io.Writer
	in  *input // nil: a machine
}

func (d *dialog) say(key string, args ...any)  { d.line("", key, args) }
func (d *dialog) good(key string, args ...any) { d.line("✓ ", key, args) }
func (d *dialog) warn(key string, args ...any) { d.line("! ", key, args) }
func (d *dialog) head(key string)              { fmt.Fprintf(d.out, "\n== %s\n", d.text("head."+key)) }

func (d *dialog) line(mark, key string, args []any) {
	fmt.Fprintln(d.out, mark+strings.ReplaceAll(d.text(key, args...), "\n", "\n  "))
}

// read prompts and reads a line of the person. A secret is not shown from before the
// prompt is.
func (d *dialog) read(ctx context.Context, prompt string, secret bool) (string, error) {
	if secret {
		if err := d.in.hide(); err != nil {
			return "", err
		}
		defer d.in.show()
	}
	fmt.Fprint(d.out, prompt)
	text, err := d.in.line(ctx)
	d.in.show()
	if !d.in.terminal || secret || err != nil { // nothing has shown the line end
		fmt.Fprintln(d.out)
	}
	return strings.TrimFunc(text, unicode.IsSpace), err
}
