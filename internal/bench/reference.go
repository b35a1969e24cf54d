package main

import (
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/silenceper/wechat/v2/util"

	"yanquan/bot/wecom/wecomtest"
)

// referenceMessage is what a bot reads of a text.
type referenceMessage struct {
	FromUserName string
	MsgType      string
	Content      string
	MsgID        string `xml:"MsgId"`
}

// referenceServer is the least that answers a callback with what everybody has
// at hand: Gin, encoding/xml and silenceper's decryption. store may be nil.
func referenceServer(app wecomtest.App, store func(m referenceMessage, plain []byte) error) *httptest.Server {
	r := gin.New()
	r.POST("/wecom/app/:name", func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		var envelope struct{ Encrypt string }
		if err == nil {
			err = xml.Unmarshal(body, &envelope)
		}
		if err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		if util.Signature(app.Token, c.Query("timestamp"), c.Query("nonce"), envelope.Encrypt) != c.Query("msg_signature") {
			c.Status(http.StatusUnauthorized)
			return
		}
		_, plain, err := util.DecryptMsg(app.CorpID, envelope.Encrypt, app.EncodingAESKey)
		var m referenceMessage
		if err == nil {
			err = xml.Unmarshal(plain, &m)
		}
		if err == nil && store != nil {
			err = store(m, plain)
		}
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Status(http.StatusOK)
	})
	return httptest.NewServer(r)
}

// bareInsert writes one row of the inbox, in one round trip and nothing else.
func bareInsert(pool *sql.DB, messageID string, payload []byte) error {
	_, err := pool.Exec("INSERT INTO inbox (id, channel, message_id, chat, user_id, payload, final, attempt, due_at, received_at)"+
		" VALUES (?, 'app/main', ?, '', 'zhangsan', ?, 0, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))", rand.Text(), messageID, payload)
	return err
}

//go:embed reference.js
var referenceScript []byte

// cryptoPackage is WeCom's own library for Node.
const cryptoPackage = "@wecom/crypto@1.0.1"

// nodeServer is the same for Node, in a process of its own.
func nodeServer(dir string, app wecomtest.App) (address string, stop func(), err error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", nil, fmt.Errorf("no node: %w", err)
	}
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, cryptoPackage)
	if _, err := install.Output(); err != nil {
		return "", nil, fmt.Errorf("npm install %s: %w", cryptoPackage, err)
	}
	script := filepath.Join(dir, "reference.js")
	if err := os.WriteFile(script, referenceScript, 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(node, script)
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "TOKEN="+app.Token, "AES_KEY="+app.EncodingAESKey, "CORP_ID="+app.CorpID)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	var port int
	if _, err := fmt.Fscanln(out, &port); err != nil {
		stop()
		return "", nil, fmt.Errorf("reference.js: %w", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port), stop, nil
}
