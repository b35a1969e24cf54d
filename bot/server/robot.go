package server

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"yanquan/bot"
	"yanquan/bot/wecom"
	"yanquan/internal/failpoint"
)

// RobotCallback reads the callbacks of one smart robot and builds the answers;
// [wecom.Robot] is one.
type RobotCallback interface {
	VerifyURL(q url.Values) (string, error)
	Receive(q url.Values, body []byte) (wecom.Incoming, error)
	Frame(in wecom.Incoming, streamID string, reply bot.Reply, ready bool) (plain []byte, rest bot.Reply)
	Seal(plain []byte, nonce string) ([]byte, error)
}

// pollWait is how long a poll is held while the reply is not ready: long enough
// to save a round, short enough for the next poll to be soon.
const pollWait = 400 * time.Millisecond

// receiveRobot answers with the reply where it is ready in time. Otherwise a
// stream is opened, or for a click nothing said, and the reply follows: with a
// later poll or by the message's reply URL, whichever comes first.
func (s *Server) receiveRobot(c *gin.Context) {
	arrived := time.Now()
	robot, ok := named(c, wecom.RobotChannel, s.Robots)
	if !ok {
		return
	}
	body, ok := readBody(c)
	if !ok {
		return
	}
	query := c.Request.URL.Query()
	in, err := robot.Receive(query, body)
	if err != nil {
		refuse(c, err)
		return
	}
	if in.Ignore {
		c.Status(http.StatusOK)
		return
	}
	// The stream is named after the inbox row: a poll leads straight back to it.
	id, deadline := in.Poll, arrived.Add(min(pollWait, s.ReplyDeadline))
	if in.Poll == "" {
		if id, err = s.accept(c, in.Message, arrived); err != nil {
			refuse(c, err)
			return
		}
		deadline = arrived.Add(s.ReplyDeadline)
	}
	ctx, cancel := context.WithDeadline(c.Request.Context(), deadline)
	reply, ready := s.Engine.Await(ctx, id)
	cancel()
	if ready && leaveToOutbox(in.Message, reply) {
		c.Status(http.StatusOK)
		return
	}
	// The outbox may have been quicker than this poll or repeat. A poll still has to
	// end its stream, in which WeCom takes a card once only.
	if ready && !s.take(c, id, arrived) {
		if in.Poll == "" {
			c.Status(http.StatusOK)
			return
		}
		in.Told = true
	}
	plain, rest := robot.Frame(in, id, reply, ready)
	if plain == nil {
		c.Status(http.StatusOK)
		return
	}
	sealed, err := robot.Seal(plain, query.Get("nonce"))
	if err != nil {
		refuse(c, err)
		return
	}
	// Asked before writing: a proxy that has the whole answer may hang up at once.
	there := c.Request.Context().Err() == nil
	failpoint.Hit("passive.before")
	c.Header("Content-Length", strconv.Itoa(len(sealed))) // or flushing would make it chunked
	c.Data(http.StatusOK, "application/json; charset=utf-8", sealed)
	c.Writer.Flush()
	failpoint.Hit("passive.after")
	// Where WeCom has hung up, the reply still goes out by the outbox.
	if ready && there && !in.Told {
		s.Engine.Delivered(id, reply, rest)
	}
}

// takeWithin is the least time that there is to take a reply.
const takeWithin = 500 * time.Millisecond

// take reports whether a reply may go out in this response. Where that is not known in
// time it may: WeCom would not wait.
func (s *Server) take(c *gin.Context, id string, arrived time.Time) bool {
	end := arrived.Add(acceptWithin)
	if least := time.Now().Add(takeWithin); end.Before(least) {
		end = least
	}
	ctx, cancel := context.WithDeadline(c.Request.Context(), end)
	defer cancel()
	return s.Engine.Take(ctx, id)
}

// leaveToOutbox reports whether a click is better answered by a message: words
// alone, such as "not your store", would otherwise replace the card for
// everybody who sees it.
func leaveToOutbox(m bot.Message, reply bot.Reply) bool {
	return m.Kind == bot.Click && reply.Card == nil && m.Way.Late()
}
