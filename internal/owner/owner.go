// Package owner gives what root makes to the user who is to work with it: who installs and
// restores may be root, and the bot is not.
package owner
