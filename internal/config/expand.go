package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// maxSecretFile bounds ${file:…}: a value is a line, not a disk image.
const maxSecretFile = 64 << 10

// expander replaces ${NAME} and ${file:PATH}. $${ stands for a literal ${.
type expander struct {
	env func(string) (string, bool)
	dir string // relative paths start here: the folder of config.yaml
}

// expand returns the text and the names of what was put in. What is put in is
// not looked at again.
func (x expander) expand(text string) (string, []string, error) {
	var out strings.Builder
	var sources []string
	var errs []error
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' { // $${
			out.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		out.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			return "", sources, errors.New("${ without } (a literal ${ is written $${)")
		}
		value, err := x.lookup(name)
		if err != nil {
			errs = append(errs, err)
		}
		sources = append(sources, "${"+name+"}")
		out.WriteString(value)
		text = rest
	}
	out.WriteString(text)
	return out.String(), sources, errors.Join(errs...)
}

func (x expander) lookup(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return x.readFile(path)
	}
	if !variableName.MatchString(name) {
		return "", fmt.Errorf("${%s}: not a variable name", name)
	}
	value, ok := x.env(name)
	if !ok {
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return trimLineEnds(value), nil
}

// path is where a file that a value names is.
func (x expander) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(x.dir, name)
}

// handed adds to an error what a file needs where systemd hands over what is to be read.
func (x expander) handed(err error, path string) error {
	if folder, ok := x.env(credentials); !ok || folder != x.dir {
		return err
	}
	from, name := path, filepath.Base(path)
	if !filepath.IsAbs(path) {
		from = "/etc/yanquan/" + path
	}
	return fmt.Errorf("%w; serve reads what it is handed: LoadCredential=%s:%s in the unit, and ${file:%s} here", err, name, from, name)
}

func (x expander) readFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("${file:} names no file")
	}
	name := path
	path = x.path(name)
	f, err := os.Open(path)
	if err != nil {
		return "", x.handed(err, name)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxSecretFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecretFile)
	}
	plain, line, err := utf8Text(text)
	if err != nil {
		return "", fmt.Errorf("%s, line %d: %w", path, line, err)
	}
	return trimLineEnds(plain), nil
}
