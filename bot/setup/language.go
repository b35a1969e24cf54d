package setup

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// tables are the words, by language.
var tables = map[string]map[string]string{"zh": chinese, "en": english}

// words say what a run has to say.
type words map[string]string

// text is what a key of the table says.
func (w words) text(key string, args ...any) string {
	format, ok := w[key]
	if !ok {
		panic("setup: no words for " + key)
	}
	if len(args) == 0 {
		return format
	}
	said := slices.Clone(args)
	for i, a := range args {
		if err, ok := a.(error); ok {
			said[i] = w.because(err)
		}
	}
	return fmt.Sprintf(format, said...)
}

// language is what was asked for, or the locale's; a person whose locale is none is asked.
func (iv *interview) language(ctx context.Context, asked string) (words, error) {
	if asked != "" {
		if table := tables[asked]; table != nil {
			return table, nil
		}
		return nil, Usage(fmt.Sprintf("--lang must be zh or en, not %q", asked))
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale, _ := iv.env(name)
		switch locale = strings.ToLower(locale); {
		case strings.HasPrefix(locale, "zh"):
			return chinese, nil
		case locale != "" && !strings.HasPrefix(locale, "c.") && locale != "c" && locale != "posix":
			if iv.in != nil { // servers in China often have such a locale
				fmt.Fprintln(iv.out, "要用中文：按 Ctrl-C，再运行 yanquan init --lang zh")
			}
			return english, nil
		}
	}
	if iv.in == nil {
		return english, nil
	}
	text, err := iv.read(ctx, "1 中文  2 English [1]: ", false)
	if text = word(text); strings.HasPrefix(text, "2") || strings.HasPrefix(text, "e") {
		return english, err
	}
	return chinese, err
}
