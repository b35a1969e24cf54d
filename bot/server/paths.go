package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"yanquan/bot/console"
)

// forgiving leads addresses to their routes that people have copied by hand into the
// consoles of WeCom and of the platforms: with a slash too many, and WeCom's with
// capitals in what we name. /metrics has one spelling, by which a proxy hides it.
func forgiving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := meant(r.URL.Path); path != r.URL.Path {
			again := *r
			again.URL = &url.URL{}
			*again.URL = *r.URL
			again.URL.Path, again.URL.RawPath = path, ""
			r = &again
		}
		next.ServeHTTP(w, r)
	})
}

func meant(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(parts) > 0 && parts[0] == "metrics" {
		return path
	}
	if len(parts) > 1 {
		last := &parts[len(parts)-1]
		switch strings.ToLower(parts[0]) {
		case "wecom": // the last part is a name of the configuration
			parts[0], parts[1], *last = strings.ToLower(parts[0]), strings.ToLower(parts[1]), strings.TrimSpace(*last)
		case "auth":
			for i := range parts {
				parts[i] = strings.ToLower(strings.TrimSpace(parts[i]))
			}
		}
	}
	path = "/" + strings.Join(parts, "/")
	if path+"/" == console.Root {
		return console.Root
	}
	return path
}

// byName finds an app or robot, where there is no doubt without regard to capitals,
// and its name in the configuration.
func byName[T any](all map[string]T, name string) (one T, known string, ok bool) {
	if one, ok = all[name]; ok {
		return one, name, true
	}
	for each := range all {
		if strings.EqualFold(each, name) {
			if known != "" {
				return one, "", false
			}
			known = each
		}
	}
	one, ok = all[known]
	return one, known, ok
}

// get routes GET, and HEAD to the same.
func get(r gin.IRoutes, path string, h gin.HandlerFunc) {
	r.GET(path, h)
	r.HEAD(path, h)
}

// looked answers a HEAD of what a GET would use up, and does nothing: links are looked
// at before people follow them.
func looked(c *gin.Context) { c.Status(http.StatusOK) }
