package github

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
)

// maxTitle is GitHub's limit.
const maxTitle = 256

// The forms of what becomes part of a branch, a file's name or a request. No text of a stranger has them by chance.
var (
	clusterForm  = regexp.MustCompile(`^lw-[a-z0-9]{1,40}$`)
	incidentForm = regexp.MustCompile(`^lw-[a-z0-9]{1,40}\.[1-9][0-9]{0,8}$`)
	proposalForm = regexp.MustCompile(`^p-[0-9A-Z]{26}$`)
	objectForm   = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
)

// draft is a pull request before it leaves: everything in it was checked and redacted.
type draft struct {
	p                        incident.Proposal
	title, body              string
	branch, base             string
	commit, baseCommit, tree string
	message                  string
	author, committer        signature
	files                    []file
	store                    objects
}

// errRefused marks what is wrong with a proposal itself: no attempt will ever go through.
var errRefused = errors.New("refused")

func refusef(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errRefused}, args...)...)
}

// wellFormed says whether p is a pull request that can be proposed at all. It asks nobody.
func wellFormed(p *incident.Proposal) error {
	c := p.Change
	switch {
	case p.Kind != incident.KindPullRequest:
		return refusef("a forge opens pull requests, and this is a proposal of kind %q", p.Kind)
	case c == nil:
		return refusef("the proposal has no change")
	case !proposalForm.MatchString(p.ID):
		return refusef("%q is not a proposal's id", p.ID)
	case !clusterForm.MatchString(p.Cluster) || !incidentForm.MatchString(p.Incident):
		return refusef("%q of %q is not an incident's id", p.Incident, p.Cluster)
	case c.Branch != branchOf(p.Incident):
		return refusef("the branch is %q, and that of the incident is %q", c.Branch, branchOf(p.Incident))
	case !objectForm.MatchString(c.Commit) || !objectForm.MatchString(c.BaseCommit) || c.Commit == c.BaseCommit:
		return refusef("the change has no commit of its own")
	case git.CheckBranch(c.Base) != nil || strings.HasPrefix(c.Base, "logwright/"):
		return refusef("%q is not a branch that a change can be for", c.Base)
	case !filepath.IsAbs(c.Store):
		return refusef("the change's object store has no absolute path")
	case c.Stopped != "":
		return refusef("the change is an advice only: %s", c.Stopped)
	}
	return nil
}

// prepare reads the change from its object store and makes a draft of it. Whatever would leave and looks like a secret, or
// acts where it arrives, is refused.
func prepare(ctx context.Context, p *incident.Proposal, store objects, redact func(string) string) (*draft, error) {
	c := p.Change
	commit, err := store.ReadCommit(ctx, c.Commit)
	if err != nil {
		return nil, fmt.Errorf("the change's commit can't be read: %w", err)
	}
	if len(commit.Parents) != 1 || commit.Parents[0] != c.BaseCommit {
		return nil, refusef("commit %s has other parents than the base commit %s", short(c.Commit), short(c.BaseCommit))
	}
	files, err := store.changes(ctx, c.BaseCommit, c.Commit)
	if errors.Is(err, errRefused) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("the change's files can't be read: %w", err)
	}
	if len(files) == 0 {
		return nil, refusef("commit %s changes nothing", short(c.Commit))
	}
	d := &draft{
		p: *p, branch: c.Branch, base: c.Base, commit: c.Commit, baseCommit: c.BaseCommit, tree: commit.Tree,
		message: commit.Message, files: files, store: store,
		author:    signature{commit.AuthorName, commit.AuthorEmail, commit.AuthoredAt},
		committer: signature{commit.CommitterName, commit.CommitterEmail, commit.CommittedAt},
	}
	if err := d.secrets(redact); err != nil {
		return nil, err
	}
	if err := ownWords(commit.Message); err != nil {
		return nil, err
	}
	d.title = title(p, redact)
	d.body = describe(p, redact)
	return d, nil
}

// secrets refuses a change that would take one along. What can't be changed without making another commit is not redacted
// but refused: what was verified is what is proposed.
func (d *draft) secrets(redact func(string) string) error {
	for what, s := range map[string]string{
		"the commit's message": d.message, "the branch's name": d.branch, "the base branch's name": d.base,
		// Our own address is nobody's; a redactor that takes all addresses out would refuse every commit.
		"the commit's author": strings.ReplaceAll(d.author.name+"\n"+d.author.email+"\n"+d.committer.name+"\n"+d.committer.email, git.Email, ""),
	} {
		if redact(s) != s {
			return refusef("%s has something that looks like a secret", what)
		}
	}
	for _, f := range d.files {
		if redact(f.path) != f.path {
			return refusef("the name of a file of the change looks like a secret")
		}
		// Lines that the repository had before are there already; a line that is new is not, and what is around it may be what
		// makes a secret of it. The lines are compared, not a diff of git's, which shows nothing of what it takes for binary.
		kept := make(map[string]bool)
		for l := range strings.SplitSeq(redact(string(f.text)), "\n") {
			kept[l] = true
		}
		added := strings.Join(f.added, "\n")
		if redact(added) != added || slices.ContainsFunc(f.added, func(l string) bool { return !kept[l] }) {
			return refusef("the change adds something that looks like a secret, in %s", incident.PrintableLine(f.path))
		}
	}
	return nil
}

// ownWords refuses a commit's message that acts where it arrives: it names people or issues, or tells checks to stand aside.
// The message is made by Logwright of its own words, so this finds a mistake of ours before somebody else does.
func ownWords(message string) error {
	subject, _, _ := strings.Cut(message, "\n")
	switch {
	case strings.TrimSpace(subject) == "":
		return refusef("the commit has no subject")
	case acts(message):
		return refusef("the commit's message names a person, an issue, a link or a command")
	case incident.Printable(message) != message:
		return refusef("the commit's message has characters that are not printable")
	}
	return nil
}

// title is the pull request's. One that acts is not ours, whatever it says.
func title(p *incident.Proposal, redact func(string) string) string {
	t := strings.Join(strings.Fields(incident.PrintableLine(redact(p.Title))), " ")
	if t == "" || acts(t) || strings.ContainsAny(t, "<>`[]\\") {
		t = "Mend incident " + p.Incident
	}
	if utf8.RuneCountInString(t) > maxTitle {
		t = string([]rune(t)[:maxTitle-1]) + "…"
	}
	return t
}
