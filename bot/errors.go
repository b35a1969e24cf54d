package bot

import "errors"

var (
	// ErrStopping refuses a message because the bot takes no more.
	ErrStopping = errors.New("bot: stopping")
	// ErrSignInOver is a link, a code or a session that is unknown, used up or too
	// old: who tries them learns nothing.
	ErrSignInOver = errors.New("bot: sign-in is over")
)
