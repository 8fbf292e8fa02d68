package config

// document is the file as it was read, for positions.
type document struct{}
