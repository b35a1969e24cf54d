package config

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one thing that is wrong with the file. It never contains a secret.
type Problem struct {
	Line    int    // from 1
	Key     string // "wecom.apps[0].token"; empty where the file as a whole is meant
	Message string
}

// Problems is everything that is wrong with the file, in order of lines.
type Problems struct {
	File string
	List []Problem
}

// Error gives one line for each problem: file:line: key: message.
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, one := range p.List {
		lines[i] = p.File + ":" + one.String()
	}
	return strings.Join(lines, "\n")
}

// String is line: key: message.
func (p Problem) String() string {
	if p.Key == "" {
		return fmt.Sprintf("%d: %s", p.Line, p.Message)
	}
	return fmt.Sprintf("%d: %s: %s", p.Line, p.Key, p.Message)
}

func (p *Problems) add(line int, key, format string, args ...any) {
	if line < 1 {
		line = 1
	}
	p.List = append(p.List, Problem{Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (p *Problems) orNil() error {
	if len(p.List) == 0 {
		return nil
	}
	sort.SliceStable(p.List, func(i, j int) bool { return p.List[i].Line < p.List[j].Line })
	return p
}
