package bot

import "errors"

// ErrStopping refuses a message because the bot takes no more.
var ErrStopping = errors.New("bot: stopping")
