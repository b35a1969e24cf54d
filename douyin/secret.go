package douyin

import (
	"errors"
	"log/slog"

	"yanquan/internal/scrub"
)

// Secret is text that stands for money or for access: an access token, a verify
// token, an encrypted code. However it is printed, logged or marshalled, it does
// not show; string(s) is the text.
type Secret string

func (s Secret) String() string               { return scrub.Hidden }
func (s Secret) GoString() string             { return scrub.Hidden }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(scrub.Hidden) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(scrub.Hidden), nil }

// UnmarshalText refuses what was marshalled without being made a string first.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == scrub.Hidden {
		return errors.New("douyin: the secret was hidden when it was marshalled")
	}
	*s = Secret(text)
	return nil
}
