//go:build amd64 || arm64

package sandbox

// Bounds says what is bounded and how on this host, a line each.
func (s *Sandbox) Bounds() []string { return nil }
