package git

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPath bounds a path within a tree, in bytes.
const maxPath = 4096

// CheckPath refuses what no file of a change may be called: what leads out of the tree, what is or could be taken for .git on
// any file system, and what can't be shown on one line.
func CheckPath(p string) error {
	if err := checkTreePath(p); err != nil {
		return err
	}
	if !utf8.ValidString(p) {
		return fmt.Errorf("the path %q is not UTF-8", p)
	}
	for _, r := range p {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return fmt.Errorf("the path %q holds a control or invisible character", p)
		}
	}
	if strings.ContainsAny(p, `\:*?"<>|`) {
		return fmt.Errorf(`the path %q holds one of \ : * ? " < > |`, p)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part != strings.TrimRight(part, " .") || part != strings.TrimLeft(part, " ") {
			return fmt.Errorf("the path %q has a part that begins or ends with a space, or ends with a dot", p)
		}
	}
	return nil
}

// checkTreePath refuses what no tree may hold: a repository with such a path is broken or hostile.
func checkTreePath(p string) error {
	switch {
	case p == "":
		return errors.New("a path is empty")
	case len(p) > maxPath:
		return fmt.Errorf("a path has more than %d bytes", maxPath)
	case strings.IndexByte(p, 0) >= 0:
		return fmt.Errorf("the path %q holds a zero byte", p)
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "":
			return fmt.Errorf("the path %q is absolute or has an empty part", p)
		case part == "." || part == "..":
			return fmt.Errorf("the path %q leads elsewhere", p)
		case isDotGit(part):
			return fmt.Errorf("the path %q has a part that is or could be taken for .git", p)
		}
	}
	return nil
}

// isDotGit knows .git in any case, with what HFS+ ignores within it, and in the spellings that NTFS takes for it: trailing
// dots and spaces, streams, the short name.
func isDotGit(part string) bool {
	// A backslash ends a part where NTFS is.
	for piece := range strings.SplitSeq(part, `\`) {
		piece = strings.Map(func(r rune) rune {
			if unicode.In(r, unicode.Cf) {
				return -1
			}
			return unicode.ToLower(r)
		}, piece)
		piece, _, _ = strings.Cut(piece, ":")
		piece = strings.TrimRight(piece, " .")
		if piece == ".git" {
			return true
		}
		if n, ok := strings.CutPrefix(piece, "git~"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return true
		}
	}
	return false
}

// CheckBranch refuses what is no branch's name: git's own rules, and a little stricter.
func CheckBranch(name string) error {
	bad := fmt.Errorf("%q is not the name of a branch", name)
	if name == "" || len(name) > 200 || name == "HEAD" || name[0] == '-' || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return bad
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part == "@" || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") {
			return bad
		}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return bad
		}
	}
	return nil
}
