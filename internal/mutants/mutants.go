// Package mutants has tables of the program with something broken on purpose: a suite
// that is worth its time turns red for each.
package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is the program with one thing broken.
type Mutant struct {
	Name  string
	Edits []Edit
	// Red matches what a suite must find; another complaint is no proof. Empty: any.
	Red string
}

// Edit replaces one place of a file, which must be there exactly once. File is
// relative to the root of the repository.
type Edit struct{ File, From, To string }

// Changed are the files of a mutant, by absolute path.
func (m Mutant) Changed(root string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.Edits {
		path, err := filepath.Abs(filepath.Join(root, e.File))
		if err != nil {
			return nil, err
		}
		text, known := files[path]
		if !known {
			raw, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.From); n != 1 {
			return nil, fmt.Errorf("%s has %d places %q", e.File, n, e.From)
		}
		files[path] = strings.Replace(text, e.From, e.To, 1)
	}
	return files, nil
}

// Overlay writes the files of a mutant beside a path, and an overlay for the go command
// that puts them into the place of the originals.
func (m Mutant) Overlay(root, beside string) (file string, err error) {
	changed, err := m.Changed(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for path, text := range changed {
		replace[path] = fmt.Sprintf("%s-%d.go", beside, len(replace))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return beside + ".json", os.WriteFile(beside+".json", text, 0o600)
}
