// Package sandbox runs commands that nobody trusts.
package sandbox
