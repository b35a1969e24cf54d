package wecomtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// padBlock is the block of the PKCS#7 padding: 32, not the 16 of AES (page 90968).
const padBlock = 32

// decodeKey decodes an EncodingAESKey. The last character may have low bits set,
// so the decoder must not be strict (the vendor's own sample key has them).
func decodeKey(encodingAESKey string) ([]byte, error) {
	if len(encodingAESKey) != 43 {
		return nil, errors.New("wecomtest: an EncodingAESKey has 43 characters")
	}
	key, err := base64.RawStdEncoding.DecodeString(encodingAESKey)
	if err != nil {
		return nil, errors.New("wecomtest: EncodingAESKey is not base64")
	}
	return key, nil
}

// signature is SHA-1 over the four strings in byte order, in lower-case hex.
func signature(token, timestamp, nonce, encrypted string) string {
	parts := []string{token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// frame lays out random(16) ‖ length ‖ message ‖ receiveid, without padding.
func frame(random, message []byte, receiveID string) []byte {
	out := make([]byte, 0, len(random)+4+len(message)+len(receiveID)+padBlock)
	out = append(out, random...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(message)))
	out = append(out, message...)
	return append(out, receiveID...)
}

func pad(plain []byte) []byte {
	n := padBlock - len(plain)%padBlock
	return append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
}

// cbcEncrypt encrypts whole blocks; the IV is the first half of the key.
func cbcEncrypt(key, padded []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("wecomtest: key: %w", err)
	}
	if len(padded)%aes.BlockSize != 0 {
		return nil, errors.New("wecomtest: not a whole number of blocks")
	}
	out := make([]byte, len(padded))
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(out, padded)
	return out, nil
}

// open decodes, decrypts and takes apart what a bot encrypted.
func open(key []byte, encrypted, receiveID string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return nil, errors.New("the encrypted part is not base64")
	}
	if len(raw) == 0 || len(raw)%padBlock != 0 {
		return nil, fmt.Errorf("the encrypted part has %d bytes: not padded to a multiple of %d", len(raw), padBlock)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	plain := make([]byte, len(raw))
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, raw)

	n := int(plain[len(plain)-1])
	if n < 1 || n > padBlock || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errors.New("the padding is wrong")
	}
	plain = plain[:len(plain)-n]
	if len(plain) < 20 {
		return nil, errors.New("too short for 16 random bytes and a length")
	}
	size := binary.BigEndian.Uint32(plain[16:20])
	rest := plain[20:]
	if uint64(size) > uint64(len(rest)) {
		return nil, errors.New("the length goes beyond the end")
	}
	if got := string(rest[size:]); got != receiveID {
		return nil, fmt.Errorf("receiveid is %q, not %q", got, receiveID)
	}
	return rest[:size], nil
}
