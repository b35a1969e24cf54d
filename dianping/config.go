package dianping

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"yanquan/internal/httpcall"
)

// Config makes a client of the first generation; see [NewDianping].
type Config struct {
	APIURL    string // e.g. https://openapi.dianping.com; a path is kept as a prefix
	AuthURL   string // e.g. https://e.dianping.com, where merchants authorise; empty: they cannot
	AppKey    string
	AppSecret string

	Timeout time.Duration     // one request with its answer; 0: 3 s
	HTTP    *http.Client      // only its Transport is used; nil: an own one
	Now     func() time.Time  // nil: time.Now
	Observe func(Observation) // told of every request; may be nil
}

// MeituanConfig makes a client of the second generation; see [NewMeituan].
type MeituanConfig struct {
	APIURL      string // e.g. https://api-open-cater.meituan.com; a path is kept as a prefix
	AuthURL     string // e.g. https://open-erp.meituan.com, where merchants authorise; empty: they cannot
	DeveloperID string
	SignKey     string
	BusinessID  int // 0: 58, 服务零售

	Timeout time.Duration     // one request with its answer; 0: 3 s
	HTTP    *http.Client      // only its Transport is used; nil: an own one
	Now     func() time.Time  // nil: time.Now
	Observe func(Observation) // told of every request; may be nil
}

// String keeps the secret out of formatted text.
func (c Config) String() string { return "dianping.Config{" + c.APIURL + " " + c.AppKey + "}" }

// GoString keeps the secret out of %#v.
func (c Config) GoString() string { return c.String() }

// LogValue keeps the secret out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String keeps the key out of formatted text.
func (c MeituanConfig) String() string {
	return "dianping.MeituanConfig{" + c.APIURL + " " + c.DeveloperID + "}"
}

// GoString keeps the key out of %#v.
func (c MeituanConfig) GoString() string { return c.String() }

// LogValue keeps the key out of logs.
func (c MeituanConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Observation is one request to the platform, for metrics and the journal. A
// call that takes several pages is one observation for each page; arguments
// that were refused before a request was made are none. It holds no token, no
// secret and no phone number.
type Observation struct {
	Platform  string
	Call      Call
	ShopID    string
	RequestID string // consume and batchconsume
	Code      string // voucher code, where the call has one
	Started   time.Time
	Took      time.Duration
	Err       *Error // nil: success
}

// NewDianping makes a client of the first generation (北极星).
func NewDianping(cfg Config) (API, error) {
	key, secret := strings.TrimSpace(cfg.AppKey), strings.TrimSpace(cfg.AppSecret)
	if key == "" || secret == "" {
		return nil, errors.New("dianping: app key and app secret are required")
	}
	return newClient(dianpingDialect{appKey: key, appSecret: secret},
		cfg.APIURL, cfg.AuthURL, cfg.Timeout, cfg.HTTP, cfg.Now, cfg.Observe)
}

// NewMeituan makes a client of the second generation (技术服务合作中心).
func NewMeituan(cfg MeituanConfig) (API, error) {
	id, key := strings.TrimSpace(cfg.DeveloperID), strings.TrimSpace(cfg.SignKey)
	if id == "" || key == "" {
		return nil, errors.New("dianping: developer id and sign key are required")
	}
	if cfg.BusinessID < 0 {
		return nil, fmt.Errorf("dianping: business id %d is negative", cfg.BusinessID)
	}
	if cfg.BusinessID == 0 {
		cfg.BusinessID = 58
	}
	return newClient(meituanDialect{developerID: id, signKey: key, businessID: cfg.BusinessID},
		cfg.APIURL, cfg.AuthURL, cfg.Timeout, cfg.HTTP, cfg.Now, cfg.Observe)
}

func newClient(d dialect, apiURL, authURL string, timeout time.Duration, hc *http.Client, now func() time.Time, observe func(Observation)) (*client, error) {
	base, err := httpcall.BaseURL("API URL", apiURL)
	if err != nil {
		return nil, fmt.Errorf("dianping: %w", err)
	}
	authBase := ""
	if strings.TrimSpace(authURL) != "" {
		if authBase, err = httpcall.BaseURL("authorisation URL", authURL); err != nil {
			return nil, fmt.Errorf("dianping: %w", err)
		}
	}
	calls, err := httpcall.New(hc, timeout)
	if err != nil {
		return nil, fmt.Errorf("dianping: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	if observe == nil {
		observe = func(Observation) {}
	}
	return &client{
		dialect:  d,
		base:     base,
		authBase: authBase,
		now:      now,
		observe:  observe,
		calls:    calls,
	}, nil
}
