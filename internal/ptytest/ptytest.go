// Package ptytest is a terminal for tests: what a program writes is seen, what is typed
// is echoed unless the program has switched that off, and Ctrl-C is a signal.
package ptytest
