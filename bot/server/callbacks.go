package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/wecom"
)

// AppCallback reads the callbacks of one self-built app; [wecom.App] is one.
type AppCallback interface {
	VerifyURL(q url.Values) (string, error)
	Receive(q url.Values, body []byte) (m bot.Message, work bool, err error)
}

// maxBody bounds a callback: WeCom's own are a few KB.
const maxBody = 1 << 20

// keyChannel is where a handler leaves the channel's name for log and metrics.
const keyChannel = "channel"

func (s *Server) verifyApp(c *gin.Context) {
	if app, ok := named(c, wecom.AppChannel, s.Apps); ok {
		verify(c, app.VerifyURL)
	}
}

func (s *Server) verifyRobot(c *gin.Context) {
	if robot, ok := named(c, wecom.RobotChannel, s.Robots); ok {
		verify(c, robot.VerifyURL)
	}
}

// receiveApp answers an empty 200 once the message is durable; what there is to
// say goes out through the API.
func (s *Server) receiveApp(c *gin.Context) {
	arrived := time.Now()
	app, ok := named(c, wecom.AppChannel, s.Apps)
	if !ok {
		return
	}
	body, ok := readBody(c)
	if !ok {
		return
	}
	m, work, err := app.Receive(c.Request.URL.Query(), body)
	if err != nil {
		refuse(c, err)
		return
	}
	if work {
		if _, err := s.accept(c, m, arrived); err != nil {
			refuse(c, err)
			return
		}
		s.ease(c, m, arrived)
	}
	c.Status(http.StatusOK)
}

// errNotStored answers 503, so that WeCom sends again.
var errNotStored = errors.New("message not stored")

// acceptWithin bounds the time to store a message: WeCom gives up 5 s after it has
// begun to connect, and sends again.
const acceptWithin = 3500 * time.Millisecond

// accept stores a message, even where WeCom has hung up meanwhile.
func (s *Server) accept(c *gin.Context, m bot.Message, arrived time.Time) (string, error) {
	ctx, cancel := storing(c, arrived)
	defer cancel()
	id, err := s.Engine.Accept(ctx, m)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNotStored, err)
	}
	return id, nil
}

// easeWithin is the longest that a callback is held: half the time that WeCom has.
const easeWithin = 2500 * time.Millisecond

// ease holds the callback of a stored message while the work is behind. A robot's needs
// no such thing: it is held until the reply is there. A click's card is being looked at.
func (s *Server) ease(c *gin.Context, m bot.Message, arrived time.Time) {
	if m.Kind == bot.Click {
		return
	}
	ctx, cancel := context.WithDeadline(c.Request.Context(), arrived.Add(min(easeWithin, s.ReplyDeadline)))
	defer cancel()
	s.Engine.Ease(ctx, m)
}

// named finds the app or robot a callback is for, or answers 404.
func named[T any](c *gin.Context, kind wecom.Channel, all map[string]T) (T, bool) {
	one, name, ok := byName(all, c.Param("name"))
	if !ok {
		c.Set(keyChannel, string(kind)+"/unknown")
		c.String(http.StatusNotFound, "not found\n")
		return one, false
	}
	c.Set(keyChannel, string(kind)+"/"+name)
	return one, true
}

// verify answers the request that WeCom makes when the callback URL is saved.
// Nothing may surround the text: WeCom compares it byte by byte.
func verify(c *gin.Context, check func(url.Values) (string, error)) {
	text, err := check(c.Request.URL.Query())
	if err != nil {
		refuse(c, err)
		return
	}
	c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(text))
}

// readBody reads at most maxBody, or answers 413 or 400.
func readBody(c *gin.Context) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if err != nil {
		unreadable(c, fmt.Errorf("read body: %w", err))
	}
	return body, err == nil
}

// unreadable answers 413 where a body was too long, and 400 otherwise.
func unreadable(c *gin.Context, err error) {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		answer(c, http.StatusRequestEntityTooLarge, fmt.Errorf("body over %d bytes", tooLarge.Limit))
		return
	}
	answer(c, http.StatusBadRequest, err)
}

// refuse chooses the status for an error. What WeCom has sent is never answered 400,
// for a repeat would say no more: where nothing can be done about it, the log says so.
func refuse(c *gin.Context, err error) {
	switch {
	case errors.Is(err, wecom.ErrNobody):
		_ = c.Error(err)
		c.Status(http.StatusOK)
	case errors.Is(err, wecom.ErrUnauthentic):
		answer(c, http.StatusUnauthorized, err)
	case errors.Is(err, wecom.ErrMalformed):
		answer(c, http.StatusBadRequest, err)
	case errors.Is(err, errNotStored):
		answer(c, http.StatusServiceUnavailable, err)
	default:
		answer(c, http.StatusInternalServerError, err)
	}
}

// answer sends a status with its standard words; the cause is for the log.
func answer(c *gin.Context, status int, cause error) {
	_ = c.Error(cause)
	c.String(status, http.StatusText(status)+"\n")
}
