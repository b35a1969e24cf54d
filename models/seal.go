package models

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A sealed value is
//
//	format (1 byte) ‖ key id (4 bytes) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
//
// by AES-256-GCM. Table, column and row are authenticated with it, so that a
// value copied to another row does not open there.
const (
	sealFormat = 1
	sealKeyID  = 4
)

// keyring is the keys that open what this database holds. The current one
// seals and fingerprints.
type keyring struct {
	*sealKey
	known []*sealKey // the current one first
}

// sealKey is what is derived from a secret_key: one key for each use
// (HKDF-SHA256).
type sealKey struct {
	id    [sealKeyID]byte
	check string // kept in table meta, tells a wrong key at start
	aead  map[column]cipher.AEAD
	mac   []byte
}

// column names a sealed column.
type column string

const (
	inboxPayload   column = "inbox.payload"
	inboxReply     column = "inbox.reply"
	outboxPayload  column = "outbox.payload"
	outboxCode     column = "outbox.change_code"
	sessionAccess  column = "sessions.access_token"
	sessionRefresh column = "sessions.refresh_token"
	grantAccess    column = "grants.access_token"
	grantRefresh   column = "grants.refresh_token"

	operationTicket column = "operations.ticket_sealed"
	appTokenAccess  column = "app_tokens.access"
)

var sealedColumns = []column{
	inboxPayload, inboxReply, outboxPayload, outboxCode, sessionAccess, sessionRefresh, grantAccess, grantRefresh, operationTicket, appTokenAccess,
}

func newKeyring(current []byte, old [][]byte) (*keyring, error) {
	key, err := newSealKey("secret_key", current)
	if err != nil {
		return nil, err
	}
	k := &keyring{sealKey: key, known: []*sealKey{key}}
	for i, o := range old {
		key, err := newSealKey(fmt.Sprintf("secret_keys: key %d", i+1), o)
		if err != nil {
			return nil, err
		}
		k.known = append(k.known, key)
	}
	return k, nil
}

func newSealKey(name string, key []byte) (*sealKey, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("models: %s has %d bytes, want 32", name, len(key))
	}
	k := &sealKey{aead: map[column]cipher.AEAD{}}
	derive := func(use string, size int) ([]byte, error) {
		return hkdf.Key(sha256.New, key, nil, "yanquan models "+use, size)
	}
	id, err := derive("key id", sealKeyID)
	if err != nil {
		return nil, fmt.Errorf("models: derive a key: %w", err)
	}
	copy(k.id[:], id)
	check, err := derive("key check", 16)
	if err != nil {
		return nil, fmt.Errorf("models: derive a key: %w", err)
	}
	k.check = hex.EncodeToString(check)
	if k.mac, err = derive("mac", 32); err != nil {
		return nil, fmt.Errorf("models: derive a key: %w", err)
	}
	for _, c := range sealedColumns {
		sub, err := derive("seal "+string(c), 32)
		if err != nil {
			return nil, fmt.Errorf("models: derive a key: %w", err)
		}
		block, err := aes.NewCipher(sub)
		if err != nil {
			return nil, fmt.Errorf("models: derive a key: %w", err)
		}
		if k.aead[c], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("models: derive a key: %w", err)
		}
	}
	return k, nil
}

// sealPrefix is the length of what says by which key a value is sealed.
const sealPrefix = 1 + sealKeyID

// prefixes begin the values that these keys open.
func (k *keyring) prefixes() [][]byte {
	var out [][]byte
	for _, key := range k.known {
		out = append(out, append([]byte{sealFormat}, key.id[:]...))
	}
	return out
}

// old are the keys that only open, without the current one.
func (k *keyring) old() []*sealKey {
	var old []*sealKey
	for _, key := range k.known[1:] {
		if key.id != k.id {
			old = append(old, key)
		}
	}
	return old
}

// seal encrypts. nil stays nil, so that NULL keeps its meaning.
func (k *sealKey) seal(c column, row string, plain []byte) []byte {
	if plain == nil {
		return nil
	}
	aead := k.aead[c]
	out := make([]byte, 1+sealKeyID, 1+sealKeyID+len(plain)+aead.Overhead())
	out[0] = sealFormat
	copy(out[1:], k.id[:])
	return aead.Seal(out, nil, plain, authenticated(c, row))
}

// sealText encrypts a text; "" is NULL.
func (k *sealKey) sealText(c column, row, text string) []byte {
	if text == "" {
		return nil
	}
	return k.seal(c, row, []byte(text))
}

// openNull decrypts what may be NULL.
func (k *keyring) openNull(c column, row string, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	return k.open(c, row, sealed)
}

// open decrypts. The result is never nil.
func (k *keyring) open(c column, row string, sealed []byte) ([]byte, error) {
	what := "open " + string(c) + " of " + row
	if len(sealed) < 1+sealKeyID || sealed[0] != sealFormat {
		return nil, failed(what, ErrTampered)
	}
	kind := ErrWrongKey
	for _, key := range k.known {
		if [sealKeyID]byte(sealed[1:]) != key.id {
			continue
		}
		plain, err := key.aead[c].Open([]byte{}, nil, sealed[1+sealKeyID:], authenticated(c, row))
		if err == nil {
			return plain, nil
		}
		kind = ErrTampered
	}
	return nil, failed(what, kind)
}

func authenticated(c column, row string) []byte { return []byte(string(c) + ":" + row) }

// fingerprint recognises a secret without keeping it.
func (k *sealKey) fingerprint(row, secret string) []byte {
	m := hmac.New(sha256.New, k.mac)
	fmt.Fprintf(m, "%s:%s", row, secret)
	return m.Sum(nil)
}
