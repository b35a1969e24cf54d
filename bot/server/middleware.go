package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

// accessLog writes one line a request. The path is the route's pattern and the
// query is left out, for both can hold secrets.
func (s *Server) accessLog(c *gin.Context) {
	started := time.Now()
	c.Next()
	took, status := time.Since(started), c.Writer.Status()
	level := slog.LevelInfo
	switch route := c.FullPath(); route {
	case "/healthz", "/readyz", "/metrics":
		level = slog.LevelDebug // every few seconds, for ever
	}
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()),
		slog.Int("status", status), slog.Duration("took", took), slog.Int("bytes", max(c.Writer.Size(), 0)),
	}
	if channel := c.GetString(keyChannel); channel != "" {
		attrs = append(attrs, slog.String("channel", channel))
		s.Metrics.callback(channel, c.Request.Method, status, took)
	}
	if err := c.Errors.Last(); err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Any("error", err.Err))
	}
	s.Log.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// recover turns a panic into a bare 500; the stack is for the log only.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.Log.Error("panic in a handler", "route", c.FullPath(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			c.String(http.StatusInternalServerError, "internal error\n")
		}
		c.Abort()
	}()
	c.Next()
}
