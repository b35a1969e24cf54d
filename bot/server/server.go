// Package server is the HTTP side: WeCom's callbacks in, the page of a
// verification, merchant authorisation, health and metrics. It knows how to
// answer a callback in time and in which status, and nothing of vouchers.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/console"
)

// Engine answers messages; [chat.Bot] is one.
type Engine interface {
	// Accept makes a message durable; after a nil error it will be answered.
	Accept(ctx context.Context, m bot.Message) (id string, err error)
	// Ease returns when the callback of an accepted message had best be answered: later
	// where more comes than is worked on, and before the context ends.
	Ease(ctx context.Context, m bot.Message)
	// Await waits for the final reply until the context ends.
	Await(ctx context.Context, id string) (bot.Reply, bool)
	// Take reports whether the final reply may go out in the response to a callback;
	// it may not where it is sent another way.
	Take(ctx context.Context, id string) bool
	// Delivered says that a final reply went out in the response to a callback, but
	// for what rest has. It returns at once.
	Delivered(id string, shown, rest bot.Reply)
}

// Options of a Server. Engine is required; what else is nil is off.
type Options struct {
	Engine        Engine
	Apps          map[string]AppCallback   // by name
	Robots        map[string]RobotCallback // by name
	ReplyDeadline time.Duration            // a callback is answered within; 4s where zero

	Vouchers   Vouchers
	Merchants  Merchants
	Events     map[string]Events // by platform: of those that post more than consent
	Files      Files
	Links      *Links
	Console    http.Handler   // pages below [console.Root]
	Location   *time.Location // of the times shown; UTC where nil
	UndoWindow time.Duration  // full length of the page's undo clock; 10m where zero

	Checks  []Check
	Metrics *Metrics
	Grace   time.Duration // for requests in flight at the end; 10s where zero

	Now   func() time.Time
	Pause func(ctx context.Context, d time.Duration) error // between looks at the checks; nil: a timer
	Log   *slog.Logger
}

// Server serves the routes of the bot.
type Server struct {
	Options
	health  *health
	handler http.Handler
}

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 20 * time.Second
	idleTimeout       = 90 * time.Second
	maxHeaderBytes    = 32 << 10
)

func init() { gin.SetMode(gin.ReleaseMode) } // process-wide; nothing here wants gin's own output

// New builds the routes.
func New(o Options) (*Server, error) {
	if o.Engine == nil {
		return nil, errors.New("server: an engine is needed")
	}
	o.ReplyDeadline = cmp.Or(o.ReplyDeadline, 4*time.Second)
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	o.UndoWindow = cmp.Or(o.UndoWindow, 10*time.Minute)
	o.Location = cmp.Or(o.Location, time.UTC)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics("", "")
	}
	s := &Server{Options: o}
	s.health = newHealth(o.Checks, o.Log, s.Metrics.setReady)
	if o.Pause != nil {
		s.health.pause = o.Pause
	}

	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	r.Use(s.accessLog, s.recover)
	r.NoRoute(func(c *gin.Context) { c.String(http.StatusNotFound, "not found\n") })
	r.NoMethod(func(c *gin.Context) { c.String(http.StatusMethodNotAllowed, "method not allowed\n") })

	s.route(r)
	s.handler = forgiving(r)
	return s, nil
}

// route has every address; what is off has none. Whatever a GET shows, a HEAD finds.
func (s *Server) route(r *gin.Engine) {
	get(r, "/wecom/app/:name", s.verifyApp)
	r.POST("/wecom/app/:name", s.receiveApp)
	get(r, "/wecom/bot/:name", s.verifyRobot)
	r.POST("/wecom/bot/:name", s.receiveRobot)
	get(r, "/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	get(r, "/readyz", s.health.serve)
	get(r, "/", s.home)
	get(r, "/metrics", gin.WrapH(s.Metrics.Handler()))
	if s.Vouchers != nil && s.Links != nil {
		get(r, "/v/:token", s.voucherPage)
	}
	if s.Merchants != nil && s.Links != nil {
		get(r, "/auth/:platform", s.offerAuthorization)
		r.POST("/auth/:platform", s.startAuthorization)
		r.GET("/auth/:platform/callback", s.finishAuthorization)
		r.HEAD("/auth/:platform/callback", looked)
	}
	if s.Merchants != nil || len(s.Events) > 0 {
		r.POST("/auth/:platform/notice", s.platformNotice)
	}
	if s.Files != nil && s.Links != nil {
		get(r, "/files/:token", s.offerFile)
		r.POST("/files/:token", s.takeFile)
		get(r, "/files/:token/:name", s.sendFile)
	}
	if s.Console != nil {
		get(r, console.Root+"*page", gin.WrapH(s.Console))
		r.POST(console.Root+"*page", gin.WrapH(s.Console))
	}
}

// Handler serves the routes; health checks are only run by [Server.Serve].
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers requests until the context ends; ready is called once when it
// does, and may be nil. Then it stops being ready, takes no more connections and
// lets what is in flight finish within Grace.
func (s *Server) Serve(ctx context.Context, ln net.Listener, ready func()) error {
	probes, stopProbes := context.WithCancel(context.WithoutCancel(ctx))
	probing := make(chan struct{})
	s.health.probeAll(probes)
	go func() { defer close(probing); s.health.run(probes) }()
	defer func() { stopProbes(); <-probing }()

	unused := &silent{conns: map[net.Conn]bool{}}
	srv := &http.Server{
		ConnState:         unused.track,
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }() // the listener queues connections until then
	if ready != nil {
		ready()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	s.health.stop()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	unused.stop()
	if err := srv.Shutdown(grace); err != nil {
		srv.Close()
		return fmt.Errorf("server: requests still running after %s: %w", s.Grace, err)
	}
	return nil
}
