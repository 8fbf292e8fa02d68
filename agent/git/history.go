package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// CommitInfo is what a commit says of itself.
type CommitInfo struct {
	Tree    string
	Parents []string
	// AuthorName and AuthorEmail are whom it is by; CommitterName and CommitterEmail who made it. The times are UTC seconds.
	AuthorName, AuthorEmail       string
	AuthoredAt                    time.Time
	CommitterName, CommitterEmail string
	CommittedAt                   time.Time
	// Message is all of it, byte for byte, its last line feed included.
	Message string
}

// ReadCommit gives a commit of the store.
func (s *Store) ReadCommit(ctx context.Context, id string) (CommitInfo, error) {
	if err := checkIDs(id); err != nil {
		return CommitInfo{}, err
	}
	out, err := s.run(ctx, command{args: []string{"cat-file", "commit", id}})
	if err != nil {
		return CommitInfo{}, err
	}
	c, err := parseCommit(out)
	if err != nil {
		return CommitInfo{}, fmt.Errorf("git: commit %s: %w", id, err)
	}
	return c, nil
}

func parseCommit(b []byte) (CommitInfo, error) {
	var c CommitInfo
	head, message, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return c, errors.New("it has no message")
	}
	c.Message = string(message)
	var err error
	for line := range strings.SplitSeq(string(head), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = value
			err = errors.Join(err, checkIDs(value))
		case "parent":
			c.Parents = append(c.Parents, value)
			err = errors.Join(err, checkIDs(value))
		case "author":
			var e error
			c.AuthorName, c.AuthorEmail, c.AuthoredAt, e = parseSignature(value)
			err = errors.Join(err, e)
		case "committer":
			var e error
			c.CommitterName, c.CommitterEmail, c.CommittedAt, e = parseSignature(value)
			err = errors.Join(err, e)
		}
	}
	if c.Tree == "" {
		err = errors.Join(err, errors.New("it has no tree"))
	}
	return c, err
}

func parseSignature(s string) (name, email string, at time.Time, err error) {
	open, end := strings.Index(s, "<"), strings.LastIndex(s, ">")
	if open < 0 || end < open {
		return "", "", at, fmt.Errorf("%.100q is nobody's signature", s)
	}
	f := strings.Fields(s[end+1:])
	if len(f) != 2 {
		return "", "", at, fmt.Errorf("%.100q has no time", s)
	}
	sec, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return "", "", at, fmt.Errorf("%.100q has no time", s)
	}
	return strings.TrimSuffix(s[:open], " "), s[open+1 : end], time.Unix(sec, 0).UTC(), nil
}

// Merged says whether the commit is part of what branch of the repository at target stands at. It writes nothing.
func (s *Store) Merged(ctx context.Context, target, branch, commit string) (bool, error) {
	if err := errors.Join(checkIDs(commit), CheckBranch(branch)); err != nil {
		return false, err
	}
	r, err := locate(target)
	if err != nil {
		return false, err
	}
	tip, err := r.branch(branch)
	if err != nil || tip == commit {
		return tip == commit, err
	}
	_, err = s.run(ctx, command{args: []string{"merge-base", "--is-ancestor", commit, tip}, env: r.within()})
	var failed *Error
	if errors.As(err, &failed) && (failed.Exit == 1 || failed.Exit == 128) {
		return false, nil // 128: the commit is not there any more
	}
	return err == nil, err
}
