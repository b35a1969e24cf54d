package config

import (
	"fmt"
	"slices"
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
	p.List = append(p.List, Problem{Line: max(line, 1), Key: key, Message: fmt.Sprintf(format, args...)})
}

func (p *Problems) orNil() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int { return a.Line - b.Line })
	return p
}
