// Package remediations runs what the operator allowed to be run.
package remediations
