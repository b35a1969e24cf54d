package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"yanquan/bot/hooks"
	"yanquan/internal/httpcall"
)

// Hook is another system that is told of what happens.
type Hook struct {
	Name         string   `yaml:"name"`                                 // empty: the host of the URL
	URL          string   `yaml:"url" required:"true" secret:"true"`    // who knows it may often call it
	Secret       string   `yaml:"secret" required:"true" secret:"true"` // whsec_…
	Secrets      []string `yaml:"secrets" secret:"true"`                // former or coming ones, which sign as well
	Events       []string `yaml:"events"`                               // none: all
	AllowPrivate []string `yaml:"allow_private"`                        // hosts inside the network that may be called, also by http://
}

// Private reports whether the hook may be inside the network.
func (h Hook) Private() bool {
	u, err := url.Parse(h.URL)
	return err == nil && slices.Contains(h.AllowPrivate, strings.ToLower(u.Hostname()))
}

var hookName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (d *decoder) checkHooks(all []Hook) {
	names := map[string]string{}
	for i := range all {
		h, key := &all[i], fmt.Sprintf("hooks[%d]", i)
		d.checkHook(key, h)
		for j := range h.Events {
			d.oneOf(fmt.Sprintf("%s.events[%d]", key, j), h.Events[j], hooks.Kinds...)
		}
		if len(h.Events) == 0 {
			h.Events = slices.Clone(hooks.Kinds)
		}
		if h.Name != "" && !hookName.MatchString(h.Name) {
			d.bad(key+".name", "must be 1 to 64 of A-Z a-z 0-9 . - _")
		}
		if first, taken := names[h.Name]; taken && h.Name != "" {
			d.bad(key+".name", "is the same as that of %s, which is its host where no name is given", first)
		}
		names[h.Name] = key
		secrets := map[string]string{}
		for j, text := range append([]string{h.Secret}, h.Secrets...) {
			at := key + ".secret"
			if j > 0 {
				at = fmt.Sprintf("%s.secrets[%d]", key, j-1)
			}
			if text == "" && j == 0 {
				continue // reported as missing
			}
			if _, err := hooks.ParseSecret(text); err != nil {
				d.bad(at, "%s", err)
			}
			d.once(secrets, text, at)
		}
	}
}

// checkHook checks where a hook is, and gives it its name. A problem does not tell the
// address.
func (d *decoder) checkHook(key string, h *Hook) {
	for j, host := range h.AllowPrivate {
		h.AllowPrivate[j] = strings.ToLower(host)
	}
	if h.URL == "" {
		return // reported as missing
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(h.URL, " \t\n") {
		d.bad(key+".url", "must be an address such as https://pos.example.com/hook")
		return
	}
	host := strings.ToLower(u.Hostname())
	if h.Name == "" {
		h.Name = host
	}
	for j, allowed := range h.AllowPrivate {
		if allowed != host {
			d.bad(fmt.Sprintf("%s.allow_private[%d]", key, j), "is not the host of this hook's url")
		}
	}
	ip, err := netip.ParseAddr(host)
	switch inside := err == nil && !httpcall.IsPublic(ip); {
	case h.Private():
	case inside:
		d.bad(key+".url", "is inside the network: name its host in allow_private if it is meant so")
	case u.Scheme == "http":
		d.bad(key+".url", "what happened would cross the network in the clear: use https://, or http:// for a host of allow_private only")
	}
}
