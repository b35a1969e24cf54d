package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot/grants"
	"yanquan/dianping"
	"yanquan/douyin"
)

// Events takes what a platform posts by itself; an [events.Douyin] does.
type Events interface {
	// Take takes a message and gives the body to answer with. What the platform need not
	// send again is [douyin.ErrNotAuthentic] or [douyin.ErrMalformed].
	Take(ctx context.Context, header http.Header, body []byte) (answer []byte, err error)
}

// platformNotice answers in the platform's own words once the message is durable.
func (s *Server) platformNotice(c *gin.Context) {
	platform := c.Param("platform")
	arrived := time.Now()
	if events, ok := s.Events[platform]; ok {
		body, ok := readBody(c)
		if !ok {
			return
		}
		ctx, cancel := storing(c, arrived)
		defer cancel()
		answer, err := events.Take(ctx, c.Request.Header, body)
		answerNotice(c, answer, err)
		return
	}
	if s.Merchants == nil {
		answerNotice(c, nil, grants.ErrPlatformOff)
		return
	}
	fields, ok := readForm(c)
	if !ok {
		return
	}
	ctx, cancel := storing(c, arrived)
	defer cancel()
	text, err := s.Merchants.PlatformNotice(ctx, platform, fields)
	answerNotice(c, []byte(text), err)
}

// answerNotice chooses the status: what is not stored is answered 503, so that the
// platform sends again.
func answerNotice(c *gin.Context, body []byte, err error) {
	switch {
	case err == nil && len(body) == 0:
		c.Status(http.StatusOK)
	case err == nil:
		c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	case errors.Is(err, dianping.ErrNotAuthentic), errors.Is(err, douyin.ErrNotAuthentic):
		answer(c, http.StatusUnauthorized, err)
	case errors.Is(err, douyin.ErrMalformed):
		answer(c, http.StatusBadRequest, err)
	case errors.Is(err, grants.ErrPlatformOff), errors.Is(err, dianping.Unsupported):
		answer(c, http.StatusNotFound, err)
	default:
		answer(c, http.StatusServiceUnavailable, err)
	}
}

// storing bounds the time to store a message, which goes on where its sender hangs up.
func storing(c *gin.Context, arrived time.Time) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(c.Request.Context()), arrived.Add(acceptWithin))
}
