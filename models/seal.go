package models

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"gorm.io/gorm"
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

// keyring is what is derived from secret_key: one key for each use (HKDF-SHA256).
type keyring struct {
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
	sessionAccess  column = "sessions.access_token"
	sessionRefresh column = "sessions.refresh_token"
)

func newKeyring(key []byte) (*keyring, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("models: secret_key has %d bytes, want 32", len(key))
	}
	k := &keyring{aead: map[column]cipher.AEAD{}}
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
	for _, c := range []column{inboxPayload, inboxReply, outboxPayload, sessionAccess, sessionRefresh} {
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

// seal encrypts. nil stays nil, so that NULL keeps its meaning.
func (k *keyring) seal(c column, row string, plain []byte) []byte {
	if plain == nil {
		return nil
	}
	aead := k.aead[c]
	out := make([]byte, 1+sealKeyID, 1+sealKeyID+len(plain)+aead.Overhead())
	out[0] = sealFormat
	copy(out[1:], k.id[:])
	return aead.Seal(out, nil, plain, authenticated(c, row))
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
	if [sealKeyID]byte(sealed[1:]) != k.id {
		return nil, failed(what, ErrWrongKey)
	}
	plain, err := k.aead[c].Open([]byte{}, nil, sealed[1+sealKeyID:], authenticated(c, row))
	if err != nil {
		return nil, failed(what, ErrTampered)
	}
	return plain, nil
}

func authenticated(c column, row string) []byte { return []byte(string(c) + ":" + row) }

// fingerprint recognises a secret without keeping it.
func (k *keyring) fingerprint(row, secret string) []byte {
	m := hmac.New(sha256.New, k.mac)
	fmt.Fprintf(m, "%s:%s", row, secret)
	return m.Sum(nil)
}

// metaKeyCheck is the row of table meta that belongs to the key.
const metaKeyCheck = "key_check"

// checkKey compares the key with the one that this database was first used with.
func (db *DB) checkKey(ctx context.Context) error {
	var stored []string
	err := db.read(ctx, "check secret_key", func(g *gorm.DB) error {
		return g.Raw("SELECT value FROM meta WHERE name = ?", metaKeyCheck).Scan(&stored).Error
	})
	if missingTable(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(stored) == 1 && subtle.ConstantTimeCompare([]byte(stored[0]), []byte(db.keys.check)) != 1 {
		return failed("check secret_key", ErrWrongKey)
	}
	return nil
}

// keepKeyCheck makes this key the database's, unless another one is already.
func (db *DB) keepKeyCheck(ctx context.Context) error {
	err := db.write(ctx, "record secret_key's check", func(g *gorm.DB) error {
		return g.Exec("INSERT INTO meta (name, value) VALUES (?, ?)", metaKeyCheck, db.keys.check).Error
	})
	if err != nil && !errors.Is(err, ErrDuplicate) {
		return err
	}
	return db.checkKey(ctx)
}
