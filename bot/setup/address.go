package setup

import (
	"context"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"yanquan/bot/doctor"
	"yanquan/internal/config"
)

// addressSection is where this machine listens, and how others reach it.
type addressSection struct{ section }

func (s addressSection) run(ctx context.Context) error {
	s.head("address")
	var listen string
	err := s.until(ctx, "listen", func() (err error) {
		listen, err = s.ask(ctx, question{key: "listen", check: hostPort})
		return err
	}, func() *refusal { return s.consoles.open(ctx, listen) })
	if err != nil {
		return err
	}
	var public string
	return s.until(ctx, "public_url", func() (err error) {
		public, err = s.ask(ctx, question{key: "public_url", args: []any{listen}, maybe: true, check: address})
		s.typed["public_url"] = strings.TrimRight(public, "/")
		if public == "" {
			s.typed["public_url"] = none
		}
		return err
	}, func() *refusal { return s.reaches(ctx, strings.TrimRight(public, "/"), listen) })
}

var hostForm = regexp.MustCompile(`^[0-9A-Za-z.:%_-]*$`)

func hostPort(text string) *refusal {
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 1 || n > 65535 || !hostForm.MatchString(host) {
		return refuse("no.listen.form")
	}
	return nil
}

// address wants an address as config.yaml does.
func address(text string) *refusal {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, " \t") {
		return refuse("no.url.form")
	}
	return nil
}

// reaches asks for this program through public_url.
func (s addressSection) reaches(ctx context.Context, public, listen string) *refusal {
	if public == "" {
		s.good("public.none")
		return nil
	}
	for _, saved := range s.kept.Saved {
		if strings.HasPrefix(saved, public+"/") {
			return nil // a console has come by it
		}
	}
	if s.consoles.door == nil {
		return nil
	}
	took, err := s.probe.Fetch(ctx, public+ownPath, s.consoles.door.secret)
	if err == nil {
		s.good("public.good", public, took.Round(100*time.Microsecond))
		if config.InTheClear(public) {
			s.warn("public.clear")
		}
		return nil
	}
	var t *doctor.Trouble
	errors.As(err, &t)
	switch t.Kind {
	case doctor.Unreachable, doctor.BadAddress, doctor.BrokenOff:
		return refuse("no.public.reach", public, t.Err).of("public_url")
	case doctor.NobodyBehind:
		return refuse("no.public.behind", public, t.Status, listen)
	case doctor.Redirects:
		return refuse("no.public.redirect", public, t.Answer).of("public_url")
	case doctor.Slow:
		return refuse("no.public.slow", public, t.Took.Round(10*time.Millisecond))
	case doctor.Padded:
		return refuse("no.public.padded", public)
	}
	return refuse("no.public.other", public, t.Status, listen)
}
