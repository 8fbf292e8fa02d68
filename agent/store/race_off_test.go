//go:build !race

package store

// raceEnabled says that the race detector takes memory of its own.
const raceEnabled = false
