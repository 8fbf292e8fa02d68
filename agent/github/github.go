// Package github opens pull requests: on GitHub, or in the local forge beside it.
package github
