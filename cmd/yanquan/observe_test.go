package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"yanquan/bot/console"
	"yanquan/bot/server"
	"yanquan/dianping"
	client "yanquan/douyin"
	"yanquan/models"
)

// metric is one that the program shows: its labels with the values that are known.
type metric struct{ labels map[string][]string }

// shown are the metrics of the program's registry. Those with labels are there once they
// have counted something.
func shown(t *testing.T) map[string]metric {
	t.Helper()
	m := server.NewMetrics("v1.2.3", "commit")
	for _, class := range constantsOf(t, "Class", "dianping") {
		m.Platform(dianping.Observation{Platform: "dianping", Call: "consume", Err: &dianping.Error{Class: dianping.Class(class)}})
	}
	m.Platform(dianping.Observation{Platform: "meituan", Call: "consume"})
	for _, class := range constantsOf(t, "Class", "douyin") {
		m.Douyin(client.Observation{Platform: "douyin", Call: "verify", Err: &client.Error{Class: client.Class(class)}})
	}
	m.Settled(models.Done, time.Second)
	for _, reason := range append(constants(sources(t, "bot/wecom"), "reason"), "") {
		m.Delivered("app/main", reason)
	}
	m.Delivered("hook/till", "")
	m.Backlog(1, 2, 3)
	m.Connected("socket/group", true)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	all := map[string]metric{"up": {map[string][]string{}}} // Prometheus' own
	sample := regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	for _, line := range sample.FindAllStringSubmatch(answer.Body.String(), -1) {
		one, ok := all[line[1]]
		if !ok {
			one.labels = map[string][]string{}
			all[line[1]] = one
		}
		for _, l := range label.FindAllStringSubmatch(line[2], -1) {
			one.labels[l[1]] = append(one.labels[l[1]], l[2])
		}
	}
	callbacks := metric{map[string][]string{"channel": nil, "method": {"GET", "POST"}, "status": {"200", "401", "503"}, "le": nil}}
	for _, name := range []string{"yanquan_callbacks_total", "yanquan_callback_duration_seconds_bucket", "yanquan_callback_duration_seconds_count"} {
		if _, ok := all[name]; !ok && strings.Contains(deployed(t, "bot/server/metrics.go"), `"`+strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")+`"`) {
			all[name] = callbacks // only a callback counts one
		}
	}
	return all
}

// constantsOf are the values of the constants of a type.
func constantsOf(t *testing.T, typed, folder string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b`+typed+` += "([a-z_]+)"`).FindAllStringSubmatch(string(text), -1) {
			values = append(values, m[1])
		}
	}
	if len(values) == 0 {
		t.Fatalf("no %s in %s", typed, folder)
	}
	return values
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|without|ignoring|on)\s*\(([^)]*)\)`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
)

// ofTargets are labels that Prometheus adds.
var ofTargets = []string{"job", "instance"}

// checkQuery holds a query against the metrics: names, labels, and values that are there.
func checkQuery(all map[string]metric, query string) error {
	labels := map[string]bool{}
	names := 0
	bare := quoted.ReplaceAllString(query, `""`)
	for _, name := range word.FindAllString(regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(grouping.ReplaceAllString(bare, ""), ""), -1) {
		if !strings.Contains(name, "_") && name != "up" || slices.Contains([]string{"histogram_quantile", "group_left"}, name) {
			continue
		}
		m, ok := all[name]
		if !ok {
			return fmt.Errorf("there is no metric %s", name)
		}
		names++
		for l := range m.labels {
			labels[l] = true
		}
	}
	if names == 0 {
		return fmt.Errorf("names no metric")
	}
	for _, g := range grouping.FindAllStringSubmatch(bare, -1) {
		for _, l := range word.FindAllString(g[1], -1) {
			if !labels[l] && !slices.Contains(ofTargets, l) {
				return fmt.Errorf("no metric of it has the label %s", l)
			}
		}
	}
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			known, ok := all[s[1]].labels[m[1]]
			if !ok && !slices.Contains(ofTargets, m[1]) {
				return fmt.Errorf("%s has no label %s", s[1], m[1])
			}
			for value := range strings.SplitSeq(m[3], "|") {
				if ok && len(known) > 0 && !slices.ContainsFunc(known, pattern(value).MatchString) {
					return fmt.Errorf("%s is never %s=%q", s[1], m[1], value)
				}
			}
		}
	}
	return nil
}

// pattern is a matcher's value: all of a label's has to match it.
func pattern(value string) *regexp.Regexp { return regexp.MustCompile("^(?:" + value + ")$") }

// selects reports whether a query looks at series of a metric with a label's value.
func selects(query, metric, label, value string) bool {
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		out := s[1] != metric
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			same := m[3] == value
			if strings.HasSuffix(m[2], "~") {
				same = pattern(m[3]).MatchString(value)
			}
			out = out || m[1] == label && same == strings.HasPrefix(m[2], "!")
		}
		if !out {
			return true
		}
	}
	return strings.Contains(selector.ReplaceAllString(query, ""), metric)
}

// An answer that staff does not get is worth a page; a system that does not take what it is
// told can wait for the morning.
func TestHooksDoNotPage(t *testing.T) {
	t.Parallel()
	severities := map[string][]string{}
	for _, r := range rules(t) {
		for _, channel := range []string{"hook/till", "app/main", "bot/group", "socket/group"} {
			if selects(r.Expr, "yanquan_deliveries_total", "channel", channel) {
				severities[channel] = append(severities[channel], r.Labels["severity"])
			}
		}
	}
	for channel, got := range severities {
		want := "page"
		if strings.HasPrefix(channel, "hook/") {
			want = "ticket"
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: alerts of severity %q, want one %s", channel, got, want)
		}
	}
}

func TestCheckQuery(t *testing.T) {
	t.Parallel()
	all := shown(t)
	for query, fine := range map[string]bool{
		"max(yanquan_ready)": true, "max(yanquan_steady)": false, "sum by (kind) (yanquan_backlog)": true, "sum by (colour) (yanquan_backlog)": false,
		`yanquan_deliveries_total{reason="sent"}`: true, `yanquan_deliveries_total{why="sent"}`: false, `yanquan_deliveries_total{reason=~"sent|lost_in_space"}`: false,
		"rate(x[5m])": false,
	} {
		if err := checkQuery(all, query); (err == nil) != fine {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// strictly decodes YAML, in which nothing may be unknown or doubled.
func strictly(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.NewDecoder(strings.NewReader(deployed(t, name)), yaml.Strict()).Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// rule is an alert of Prometheus.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	strictly(t, "deploy/prometheus/yanquan.rules.yaml", &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func TestPrometheusRules(t *testing.T) {
	t.Parallel()
	all, page := shown(t), deployed(t, "docs/operate.md")
	var alerts []string
	for _, r := range rules(t) {
		alerts = append(alerts, r.Alert)
		if err := checkQuery(all, r.Expr); err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
		if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
			t.Error(err)
		}
		if !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) || r.Annotations["summary"] == "" ||
			r.Annotations["runbook_url"] != "docs/operate.md#"+strings.ToLower(r.Alert) {
			t.Errorf("%s: %v %v", r.Alert, r.Labels, r.Annotations)
		}
		if section(t, page, "### "+r.Alert) == "" {
			t.Errorf("%s is not explained", r.Alert)
		}
	}
	for _, h := range regexp.MustCompile(`(?m)^### (Yanquan\w+)$`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(alerts, h[1]) {
			t.Errorf("docs/operate.md explains %s, which is no rule", h[1])
		}
	}
}

func TestGrafanaDashboard(t *testing.T) {
	t.Parallel()
	var board struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(deployed(t, "deploy/grafana/yanquan.json")), &board); err != nil {
		t.Fatal(err)
	}
	all, ids, used := shown(t), map[int]bool{}, ""
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %s", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			used += q.Expr
			if err := checkQuery(all, q.Expr); err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
			for _, l := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.LegendFormat, -1) {
				if by := grouping.FindString(q.Expr); !strings.Contains(by, l[1]) && !slices.Contains(ofTargets, l[1]) {
					t.Errorf("%s: the legend shows %s, by which nothing is parted", p.Title, l[1])
				}
			}
		}
	}
	for name := range maps.Keys(all) {
		base := strings.NewReplacer("_bucket", "", "_sum", "", "_count", "").Replace(name)
		if strings.HasPrefix(name, "yanquan_") && !strings.Contains(used, base) {
			t.Errorf("the dashboard does not show %s", base)
		}
	}
}

// object is a Kubernetes object; fields are looked up by their path.
type object map[string]any

// at follows keys and indices; nil: there is nothing.
func (o object) at(keys ...any) any {
	var v any = map[string]any(o)
	for _, key := range keys {
		switch k := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	kinds := map[string]object{}
	decoder := yaml.NewDecoder(strings.NewReader(deployed(t, "deploy/kubernetes/yanquan.yaml")), yaml.Strict())
	for {
		var o map[string]any
		if err := decoder.Decode(&o); err != nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			break
		}
		kinds[fmt.Sprint(o["kind"])] = o
	}
	for kind, version := range map[string]string{
		"Deployment": "apps/v1", "PodDisruptionBudget": "policy/v1", "Service": "v1", "Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1",
	} {
		o := kinds[kind]
		if o == nil || o["apiVersion"] != version || o.at("metadata", "name") != "yanquan" || o.at("metadata", "namespace") != "yanquan" {
			t.Fatalf("%s: %v", kind, o)
		}
		for key := range o {
			if !slices.Contains([]string{"apiVersion", "kind", "metadata", "spec"}, key) {
				t.Errorf("%s has a field %s", kind, key)
			}
		}
	}
	labels := fmt.Sprint(kinds["Deployment"].at("spec", "template", "metadata", "labels"))
	for what, got := range map[string]any{
		"deployment": kinds["Deployment"].at("spec", "selector", "matchLabels"), "budget": kinds["PodDisruptionBudget"].at("spec", "selector", "matchLabels"),
		"service": kinds["Service"].at("spec", "selector"), "policy": kinds["NetworkPolicy"].at("spec", "podSelector", "matchLabels"),
	} {
		if fmt.Sprint(got) != labels {
			t.Errorf("%s selects %v, pods are %s", what, got, labels)
		}
	}
	deployment := kinds["Deployment"]
	pod := object(deployment.at("spec", "template", "spec").(map[string]any))
	c := object(pod.at("containers", 0).(map[string]any))
	number := func(v any) int { var n int; fmt.Sscan(fmt.Sprint(v), &n); return n }
	if r, min := number(deployment.at("spec", "replicas")), number(kinds["PodDisruptionBudget"].at("spec", "minAvailable")); r < 2 || min < 1 || min >= r {
		t.Errorf("%d replicas, %d at least", r, min)
	}
	port := number(c.at("ports", 0, "containerPort"))
	if c.at("ports", 0, "name") != "http" || kinds["Service"].at("spec", "ports", 0, "targetPort") != "http" || number(kinds["NetworkPolicy"].at("spec", "ingress", 0, "ports", 0, "port")) != port ||
		deployment.at("spec", "template", "metadata", "annotations", "prometheus.io/port") != fmt.Sprint(port) {
		t.Errorf("ports do not match %d", port)
	}
	routes := servedPaths(t)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		p, _ := c.at(probe, "httpGet", "path").(string)
		if !slices.Contains(routes, p) || c.at(probe, "httpGet", "port") != "http" {
			t.Errorf("%s asks %q, routes are %q", probe, p, routes)
		}
	}
	if c.at("readinessProbe", "httpGet", "path") != "/readyz" || c.at("livenessProbe", "httpGet", "path") != "/healthz" {
		t.Error("a pod is killed, or not taken out, while the database is away")
	}
	var args []string
	for _, a := range c["args"].([]any) {
		args = append(args, fmt.Sprint(a))
	}
	if status, _, stderr := runCLI(t, args...); status == exitUsage {
		t.Errorf("%q: %s", args, stderr)
	}
	mount, _ := c.at("volumeMounts", 0, "mountPath").(string)
	if path.Dir(args[len(args)-1]) != mount {
		t.Errorf("the configuration is looked for in %s and mounted at %s", args[len(args)-1], mount)
	}
	for _, want := range []any{pod.at("securityContext", "runAsNonRoot"), c.at("securityContext", "readOnlyRootFilesystem"), c.at("envFrom", 0, "secretRef", "name") == "yanquan-env"} {
		if want != true {
			t.Errorf("%v: it runs with more than it needs, or without its secrets", want)
		}
	}
	if strings.Contains(deployed(t, "deploy/kubernetes/yanquan.yaml"), "kind: Secret") {
		t.Error("a secret stands in the file")
	}
	backends := kinds["Ingress"].at("spec", "rules", 0, "http", "paths").([]any)
	var outside []string
	for _, b := range backends {
		o := object(b.(map[string]any))
		outside = append(outside, fmt.Sprint(o["path"]))
		if o.at("backend", "service", "name") != "yanquan" || o.at("backend", "service", "port", "name") != kinds["Service"].at("spec", "ports", 0, "name") {
			t.Errorf("leads to %v", o["backend"])
		}
	}
	for _, route := range routes {
		first := "/" + strings.SplitN(route, "/", 3)[1] + "/"
		private := slices.Contains([]string{"/metrics", "/healthz", "/readyz"}, route)
		if slices.Contains(outside, first) == private {
			t.Errorf("%s: reached from outside is %v", route, !private)
		}
	}
}

// servedPaths are the paths of the program's routes, as its source has them.
func servedPaths(t *testing.T) (paths []string) {
	t.Helper()
	calls(sources(t, "bot/server"), func(method string, _ ast.Expr, args []ast.Expr) {
		at := map[string]int{"get": 1, "GET": 0, "POST": 0}
		i, routes := at[method]
		if !routes || len(args) < 2 {
			return
		}
		if route := strings.Replace(text(args[i]), "…", console.Root, 1); len(route) > 1 && strings.HasPrefix(route, "/") {
			paths = append(paths, route)
		}
	})
	return unique(paths)
}

// The profile adds what looks at the bot, and nothing of it is reached from outside.
func TestComposeObservability(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct {
			Image    string   `yaml:"image"`
			Profiles []string `yaml:"profiles"`
			Ports    []string `yaml:"ports"`
			Volumes  []string `yaml:"volumes"`
			Build    struct{ Context, Dockerfile string }
			Restart  string
			Command  []string

			Environment map[string]string
			EnvFile     []string `yaml:"env_file"`
			DependsOn   any      `yaml:"depends_on"`
			Healthcheck struct {
				Test              []string
				Interval, Timeout string
				Retries           int
			}
			StopGracePeriod string   `yaml:"stop_grace_period"`
			ReadOnly        bool     `yaml:"read_only"`
			CapDrop         []string `yaml:"cap_drop"`
			SecurityOpt     []string `yaml:"security_opt"`
		} `yaml:"services"`
		Volumes map[string]any `yaml:"volumes"`
	}
	strictly(t, "deploy/compose.yaml", &file)
	for name, s := range file.Services {
		observes := name == "prometheus" || name == "grafana"
		if slices.Contains(s.Profiles, "observability") != observes {
			t.Errorf("%s: profiles %v", name, s.Profiles)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s listens on %s", name, p)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if local, ok := strings.CutPrefix(from, "./"); ok && local != "config.yaml" {
				if _, err := os.Stat(filepath.Join("..", "..", "deploy", local)); err != nil {
					t.Error(err)
				}
			} else if _, declared := file.Volumes[from]; !ok && !declared {
				t.Errorf("%s: there is no volume %s", name, from)
			}
		}
	}
	if file.Services["prometheus"].Image == "" || file.Services["grafana"].Image == "" {
		t.Error("there is no profile to look at")
	}
	var scrape struct {
		Scrape []struct {
			Path    string `yaml:"metrics_path"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "deploy/prometheus/prometheus.yaml")), &scrape); err != nil {
		t.Fatal(err)
	}
	if scrape.Scrape[0].Path != "/metrics" || scrape.Scrape[0].Targets[0].Targets[0] != "yanquan:8080" {
		t.Errorf("%+v", scrape)
	}
}
