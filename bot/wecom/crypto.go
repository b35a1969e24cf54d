package wecom

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
)

// authError is a reason not to believe a callback.
type authError string

func (e authError) Error() string { return string(e) }

// Is makes every authError match ErrUnauthentic.
func (authError) Is(target error) bool { return target == ErrUnauthentic }

// ErrUnauthentic is matched by every reason not to believe a callback: answer 401.
var ErrUnauthentic = errors.New("wecom: not authentic")

// Reasons not to believe a callback.
var (
	ErrSignature  error = authError("wecom: wrong signature")
	ErrCiphertext error = authError("wecom: not a ciphertext")
	ErrPadding    error = authError("wecom: wrong padding")
	ErrFrame      error = authError("wecom: wrong frame")
	ErrReceiveID  error = authError("wecom: meant for another receiver")
	ErrStale      error = authError("wecom: timestamp too far from now")
)

// Layout of what is encrypted: random(16) ‖ length of msg(4, big-endian) ‖ msg ‖
// receiveid, padded by PKCS#7 to blocks of 32 (pages 90968, 101033).
const (
	randomLen = 16
	headerLen = randomLen + 4
	padBlock  = 32
)

// Crypto signs, encrypts and decrypts the callbacks of one receiver. It is safe
// for concurrent use once Rand is set.
type Crypto struct {
	// Rand fills the 16 random bytes before a sealed message. It is
	// crypto/rand.Reader unless a test sets another.
	Rand io.Reader

	token     string
	receiveID string
	block     cipher.Block
	iv        [aes.BlockSize]byte
}

// NewCrypto takes what the console shows for a callback: Token and
// EncodingAESKey (43 characters). receiveID is the corp id for an app and empty
// for a robot.
func NewCrypto(token, encodingAESKey, receiveID string) (*Crypto, error) {
	if token == "" {
		return nil, errors.New("wecom: callback token is empty")
	}
	if len(encodingAESKey) != 43 {
		return nil, fmt.Errorf("wecom: EncodingAESKey has %d characters, 43 are wanted", len(encodingAESKey))
	}
	// The decoder is lenient on purpose: the two low bits of the last character
	// are often set, even in the official sample.
	key, err := base64.RawStdEncoding.DecodeString(encodingAESKey)
	if err != nil || len(key) != 32 {
		return nil, errors.New("wecom: EncodingAESKey is not base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("wecom: EncodingAESKey: %w", err)
	}
	c := &Crypto{Rand: rand.Reader, token: token, receiveID: receiveID, block: block}
	copy(c.iv[:], key)
	return c, nil
}

// Open checks the signature, and only then decrypts and checks padding, frame
// and receiver. The arguments are the URL-decoded query parameters and the
// Encrypt or echostr text.
func (c *Crypto) Open(signature, timestamp, nonce, encrypted string) ([]byte, error) {
	signed, offset := c.signedText(timestamp, nonce, encrypted)
	want := hexSum(signed)
	if subtle.ConstantTimeCompare(want[:], []byte(signature)) != 1 {
		return nil, ErrSignature
	}

	raw := make([]byte, base64.StdEncoding.DecodedLen(len(encrypted)))
	n, err := base64.StdEncoding.Decode(raw, signed[offset:offset+len(encrypted)])
	if err != nil || n == 0 || n%padBlock != 0 {
		return nil, ErrCiphertext
	}
	raw = raw[:n]
	cipher.NewCBCDecrypter(c.block, c.iv[:]).CryptBlocks(raw, raw)

	raw, ok := unpad(raw)
	if !ok {
		return nil, ErrPadding
	}
	if len(raw) < headerLen {
		return nil, ErrFrame
	}
	body := raw[headerLen:]
	msgLen := binary.BigEndian.Uint32(raw[randomLen:headerLen])
	if uint64(msgLen) > uint64(len(body)) {
		return nil, ErrFrame
	}
	if string(body[msgLen:]) != c.receiveID {
		return nil, ErrReceiveID
	}
	return body[:msgLen:msgLen], nil
}

// Seal encrypts plain and signs the result.
func (c *Crypto) Seal(plain []byte, timestamp, nonce string) (encrypted, signature string, err error) {
	if uint64(len(plain)) > math.MaxUint32 {
		return "", "", errors.New("wecom: message too long to seal")
	}
	size := headerLen + len(plain) + len(c.receiveID)
	pad := padBlock - size%padBlock
	raw := make([]byte, headerLen, size+pad)
	if _, err := io.ReadFull(c.Rand, raw[:randomLen]); err != nil {
		return "", "", fmt.Errorf("wecom: randomness: %w", err)
	}
	binary.BigEndian.PutUint32(raw[randomLen:], uint32(len(plain)))
	raw = append(raw, plain...)
	raw = append(raw, c.receiveID...)
	for range pad {
		raw = append(raw, byte(pad))
	}
	cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(raw, raw)

	encrypted = base64.StdEncoding.EncodeToString(raw)
	signed, _ := c.signedText(timestamp, nonce, encrypted)
	sum := hexSum(signed)
	return encrypted, string(sum[:]), nil
}

// signedText joins the four signed strings in byte order, and says where
// encrypted lies in the result, so that it need not be copied once more.
func (c *Crypto) signedText(timestamp, nonce, encrypted string) (text []byte, offset int) {
	const marked = 3 // index of encrypted before sorting
	parts := [4]string{c.token, timestamp, nonce, encrypted}
	order := [4]int{0, 1, 2, marked}
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && parts[order[j]] < parts[order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	text = make([]byte, 0, len(c.token)+len(timestamp)+len(nonce)+len(encrypted))
	for _, i := range order {
		if i == marked {
			offset = len(text)
		}
		text = append(text, parts[i]...)
	}
	return text, offset
}

// hexSum is the SHA-1 of text as lower-case hex.
func hexSum(text []byte) (sum [2 * sha1.Size]byte) {
	raw := sha1.Sum(text)
	hex.Encode(sum[:], raw[:])
	return sum
}
