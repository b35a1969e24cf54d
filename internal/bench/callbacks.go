package main

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"yanquan/bot/wecom/wecomtest"
)

const agentID = 1000002

// callbacks makes what WeCom posts, sealed by the fake and ready for the wire.
type callbacks struct {
	fake *wecomtest.WeCom
	app  wecomtest.App
	last atomic.Int64
}

func newCallbacks(fake *wecomtest.WeCom) *callbacks {
	c := &callbacks{fake: fake}
	c.app, _ = fake.App("main")
	c.last.Store(time.Now().UnixNano()) // message ids are never used twice, over all runs
	return c
}

// text is one message of a person, with its id.
func (c *callbacks) text(user, text string) (id string, request []byte) {
	id = strconv.FormatInt(c.last.Add(1), 10)
	plain := fmt.Appendf(nil, "<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>"+
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content><MsgId>%s</MsgId><AgentID>%d</AgentID></xml>",
		c.app.CorpID, user, time.Now().Unix(), text, id, agentID)
	sealed := must(c.fake.EncryptApp("main", plain, wecomtest.Knobs{}))
	request = fmt.Appendf(nil, "POST /wecom/app/main?%s HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", sealed.Query.Encode(), sealed.ContentType, len(sealed.Body))
	return id, append(request, sealed.Body...)
}

// texts are n messages that ask for nothing in particular.
func (c *callbacks) texts(n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		_, all[i] = c.text("zhangsan", "验 7992697494")
	}
	return all
}
