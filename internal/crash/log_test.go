package crash

import (
	"regexp"
	"strings"
)

var (
	misbehaved = regexp.MustCompile(`(?m)^(panic:|fatal error:|WARNING: DATA RACE|goroutine \d+ \[).*|.*(?:DATA RACE|runtime error|panicked|panic recovered).*`)
	phone      = regexp.MustCompile(`(?:^|[^0-9A-Za-z])1[3-9]\d{9}(?:$|[^0-9A-Za-z])`)
	granted    = regexp.MustCompile(`(?:<ResponseCode>(?:<!\[CDATA\[)?|response_code=)([0-9A-Za-z_-]{16,})`)
)

// readLog judges what a replica wrote.
func readLog(name, log string, secrets []string) (found []string) {
	if m := misbehaved.FindString(log); m != "" {
		found = append(found, name+" wrote: "+m)
	}
	if m := phone.FindString(log); m != "" {
		found = append(found, name+" wrote a phone number")
	}
	for _, s := range secrets {
		if i := strings.Index(log, s); i >= 0 {
			line := log[strings.LastIndex(log[:i], "\n")+1:]
			line, _, _ = strings.Cut(line, "\n")
			found = append(found, name+" wrote a secret or code: "+line)
		}
	}
	return found
}
