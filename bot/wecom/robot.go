package wecom

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"yanquan/bot"
)

// RobotConfig describes one smart robot in URL callback mode.
type RobotConfig struct {
	Name           string // as in "bot/NAME"
	Token          string
	EncodingAESKey string

	// DisplayName is what people see behind the @. It need be set only where it
	// contains spaces.
	DisplayName string
	// Mention begins answers in words with <@userid> in groups. That is documented
	// for webhooks (page 91770) and reported to work in a robot's words.
	Mention bool
	// FallbackURL is where a press on a card leads that has no URL of its own: a
	// notice card must lead somewhere (page 101032).
	FallbackURL string

	CorpID string           // whose members' userids are meant; empty: of callbacks that name no corp
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand.Reader
}

// Robot reads the callbacks of a smart robot and builds the answers that go back
// in the HTTP response (pages 100719, 101027, 101031).
type Robot struct {
	callback
	channel     string
	corpID      string
	displayName string
	mention     bool
	fallbackURL string
}

// NewRobot checks the configuration.
func NewRobot(cfg RobotConfig) (*Robot, error) {
	crypto, err := NewCrypto(cfg.Token, cfg.EncodingAESKey, "") // an internal robot's receiveid is empty
	if err != nil {
		return nil, fmt.Errorf("wecom: bot %q: %w", cfg.Name, err)
	}
	if cfg.Rand != nil {
		crypto.Rand = cfg.Rand
	}
	return &Robot{
		callback:    newCallback(crypto, cfg.Now),
		channel:     string(RobotChannel) + "/" + cfg.Name,
		corpID:      cfg.CorpID,
		displayName: trim(cfg.DisplayName),
		mention:     cfg.Mention,
		fallbackURL: cfg.FallbackURL,
	}, nil
}

// Incoming is one callback of a robot.
type Incoming struct {
	Message bot.Message
	// Poll is the id of the stream that WeCom asks the next frame of; then
	// Message says only who and where, and has no Kind. Polls come until a frame
	// says finish, for at most 6 minutes after the person's message.
	Poll string
	// Told: the reply goes out another way; the stream only has to end.
	Told bool
	// Ignore: nothing to do; answer an empty 200.
	Ignore bool
}

// Receive reads one POST.
func (r *Robot) Receive(q url.Values, body []byte) (Incoming, error) {
	var envelope struct {
		Encrypt string `json:"encrypt"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Incoming{}, fmt.Errorf("%w: envelope: %w", ErrMalformed, err)
	}
	plain, signedAt, err := r.open(q, envelope.Encrypt)
	if err != nil {
		return Incoming{}, err
	}
	in, err := r.incoming(robotMessage{readJSON(plain)}, signedAt)
	if err == nil && in.Message.ID == "" {
		in.Message.ID = madeID(q.Get("timestamp"), plain)
	}
	return in, err
}

// Seal encrypts an answer into the body of the HTTP response (page 101033).
// nonce is that of the callback's URL.
func (r *Robot) Seal(plain []byte, nonce string) ([]byte, error) {
	seconds := r.now().Unix()
	encrypted, signature, err := r.crypto.Seal(plain, strconv.FormatInt(seconds, 10), nonce)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Encrypt   string `json:"encrypt"`
		Signature string `json:"msgsignature"`
		Timestamp int64  `json:"timestamp"`
		Nonce     string `json:"nonce"`
	}{encrypted, signature, seconds, nonce})
}
