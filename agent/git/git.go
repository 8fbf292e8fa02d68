// Package git runs git on the host, safely: hooks, filters, fsmonitor and everybody's configuration are off, and nothing of a
// repository is checked out.
package git
