package setup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"yanquan/internal/config"
	"yanquan/internal/owner"
)

// store keeps what was answered, so that a run goes on where the last one has stopped:
// secrets in .env, where they stay, and all else in a file of its own. Both are private.
type store struct {
	dir string
	env map[string]string // of .env
	met map[string]bool   // checks of this run

	Answers map[string]string `yaml:"answers"`
	Passed  []string          `yaml:"passed"`  // checks
	PutOff  []string          `yaml:"put_off"` // checks for the next run
	Saved   map[string]string `yaml:"saved"`   // addresses that were saved in a console, by the check
}

func openStore(dir string) (*store, error) {
	s := &store{dir: dir, env: map[string]string{}, met: map[string]bool{}, Answers: map[string]string{}}
	raw, err := os.ReadFile(filepath.Join(dir, config.DotEnv))
	if err == nil {
		s.env, err = config.ParseEnv(filepath.Join(dir, config.DotEnv), raw)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	raw, err = os.ReadFile(filepath.Join(dir, stateFile))
	if err == nil {
		err = yaml.Unmarshal(raw, s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &told{refuse("no.state", filepath.Join(dir, stateFile)), err}
	}
	if s.Answers == nil {
		s.Answers = map[string]string{}
	}
	if s.Saved == nil {
		s.Saved = map[string]string{}
	}
	return s, nil
}

// secrets is what .env says of a field.
func (s *store) secrets(f field) map[string]string {
	if v := s.env[f.env]; f.env != "" && v != "" {
		return map[string]string{f.key: v}
	}
	return nil
}

func (s *store) answered() int {
	n := len(s.Answers)
	for _, f := range fields {
		n += len(s.secrets(f))
	}
	return n
}

// keep remembers an answer.
func (s *store) keep(f field, value string) error {
	if !f.secret {
		if old, ok := s.Answers[f.key]; ok && old == value {
			return nil
		}
		s.Answers[f.key] = value
		return s.save()
	}
	if s.env[f.env] == value {
		return nil
	}
	line, ok := config.FormatEnv(f.env, value)
	if !ok {
		return &told{refuse("no.quotes", f.env, config.DotEnv), errors.New("line breaks, or quotes of both kinds")}
	}
	path := filepath.Join(s.dir, config.DotEnv)
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.env[f.env] = value
	return writeFile(path, withLine(string(raw), f.env, line), private)
}

// withLine puts the line of a variable into a text of such lines, and leaves the others as
// they are.
func withLine(text, name, line string) string {
	lines := strings.SplitAfter(text, "\n")
	put := false
	for i, one := range lines {
		if other, _, ok := config.EnvLine(one); ok && other == name {
			lines[i], put = line+"\n", true
		}
	}
	text = strings.Join(lines, "")
	if put {
		return text
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + line + "\n"
}

// settled remembers what became of a check.
func (s *store) settled(step string, passed bool) error {
	without := func(list []string) []string {
		return slices.DeleteFunc(list, func(one string) bool { return one == step })
	}
	s.met[step] = true
	s.Passed, s.PutOff = without(s.Passed), without(s.PutOff)
	if passed {
		s.Passed = append(s.Passed, step)
	} else {
		s.PutOff = append(s.PutOff, step)
	}
	return s.save()
}

// saved remembers that a console has an address.
func (s *store) saved(step, address string) error {
	s.Saved[step] = address
	return s.settled(step, true)
}

func (s *store) save() error {
	text, err := yaml.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(s.dir, stateFile), "# What yanquan init goes on with; no secrets. It may be deleted.\n"+string(text), private)
}

// Who may read a file. config.yaml holds no secrets, and a container reads it as a user of
// its own.
const (
	private = 0o600
	public  = 0o644
)

// writable reports why files cannot be written into a folder.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".yanquan-new-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeFile replaces a file as a whole.
func writeFile(path, text string, mode fs.FileMode) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".yanquan-new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())    // where it was not renamed
	_ = owner.As(f.Name(), path) // where that is not allowed, it is of the user who has made it
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
