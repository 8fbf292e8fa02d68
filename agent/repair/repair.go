// Package repair makes patches: it finds the code that a stack trace names, asks a model for edits, makes a commit of them in an
// object store of its own, and proves it with the operator's commands in a sandbox.
package repair
