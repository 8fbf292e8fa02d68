package main

import "golang.org/x/sys/unix"

// nonblock keeps an open of a named pipe from waiting for a writer.
const nonblock = unix.O_NONBLOCK

// accessWrite says whether this process may make files in dir.
func accessWrite(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
