package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/logwright/logwright/agent/incident"
)

func (h *hub) status(ctx context.Context, ref incident.ForgeRef) (State, error) {
	q, _, err := h.client.PullRequests.Get(ctx, h.owner, h.name, ref.Number)
	if err != nil {
		return State{}, explain("its state", err)
	}
	return stateOf(q), nil
}

func (h *hub) comment(ctx context.Context, ref incident.ForgeRef, text, key string) error {
	s, err := h.status(ctx, ref)
	if err != nil {
		return err
	}
	if !s.Open {
		return errors.New("it is not open any more")
	}
	for wait := time.Second; ; wait *= 4 {
		if there, err := h.commented(ctx, ref.Number, key); err != nil || there {
			return err
		}
		h.fault("before comment")
		_, _, err := h.client.Issues.CreateComment(ctx, h.owner, h.name, ref.Number, &github.IssueComment{Body: github.String(text)})
		if err == nil {
			h.fault("after comment")
			return nil
		}
		if s := status(err); s != 0 && s < 500 || wait > 16*time.Second {
			return explain("the comment", err)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// commented says whether a comment with key is there.
func (h *hub) commented(ctx context.Context, number int, key string) (bool, error) {
	opts := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100}}
	for range maxPages {
		comments, resp, err := h.client.Issues.ListComments(ctx, h.owner, h.name, number, opts)
		if err != nil {
			return false, explain("the comments", err)
		}
		for _, c := range comments {
			if strings.HasSuffix(strings.TrimSpace(c.GetBody()), key) {
				return true, nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			return false, nil
		}
	}
	return false, fmt.Errorf("it has more than %d comments", maxPages*100)
}

// forkWait is how long a fork is waited for: GitHub makes it beside, and asks for five minutes of patience.
const forkWait = 5 * time.Minute

// findFork gives our fork, none where there is none.
func (h *hub) findFork(ctx context.Context, me home) (home, error) {
	r, resp, err := h.client.Repositories.Get(ctx, me.owner, me.name)
	switch {
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return home{}, nil
	case err != nil:
		return home{}, explain("our fork", err)
	case r.GetFork() && strings.EqualFold(r.GetParent().GetFullName(), h.owner+"/"+h.name):
		return home{r.GetOwner().GetLogin(), r.GetName()}, nil
	}
	return home{}, fmt.Errorf("%s/%s is there and is no fork of %s/%s; rename it", me.owner, me.name, h.owner, h.name)
}

// makeFork gives our fork once it can be pushed to. GitHub gives back the one that is there where it is asked twice.
func (h *hub) makeFork(ctx context.Context, me home) (home, error) {
	to, err := h.findFork(ctx, me)
	if err != nil {
		return home{}, err
	}
	if to == (home{}) {
		h.fault("before fork")
		r, _, err := h.client.Repositories.CreateFork(repeatable(ctx), h.owner, h.name, &github.RepositoryCreateForkOptions{DefaultBranchOnly: true})
		var accepted *github.AcceptedError
		if err != nil && !errors.As(err, &accepted) {
			return home{}, explain("the fork", err)
		}
		h.fault("after fork")
		if to = (home{r.GetOwner().GetLogin(), r.GetName()}); to.owner == "" || to.name == "" {
			to = me
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, forkWait, fmt.Errorf("the fork %s/%s was not ready within %s", to.owner, to.name, forkWait))
	defer cancel()
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		r, resp, err := h.client.Repositories.Get(ctx, to.owner, to.name)
		if err == nil {
			// Its page is there before its objects are.
			_, resp, err = h.client.Git.GetRef(ctx, to.owner, to.name, "heads/"+r.GetDefaultBranch())
		}
		if err == nil {
			return to, nil
		}
		if resp == nil || resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusConflict {
			return home{}, explain("the fork", err)
		}
		if err := sleep(ctx, wait); err != nil {
			return home{}, err
		}
	}
}

var markerForm = regexp.MustCompile(`<!-- logwright: cluster=[a-z0-9-]+ incident=[a-z0-9.-]+ proposal=(p-[0-9A-Z]{26}) -->\s*$`)

// proposalOf reads the marker that ends a description. One within it is a stranger's.
func proposalOf(body string) string {
	if m := markerForm.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// status is the HTTP status of a refusal, 0 where there was no answer.
func status(err error) int {
	var refused *github.ErrorResponse
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case errors.As(err, &refused) && refused.Response != nil:
		return refused.Response.StatusCode
	case errors.As(err, &limit):
		return http.StatusForbidden
	case errors.As(err, &abuse):
		return http.StatusForbidden
	}
	return 0
}

// refusal is an answer that says no: what was asked for was not done.
type refusal struct{ error }

// explain says what GitHub refused, and what to do; it is a refusal where GitHub answered. No error of the client's own is shown as it is: it quotes URLs.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	var limit *github.RateLimitError
	var refused *github.ErrorResponse
	var address *url.Error
	switch {
	case errors.As(err, &limit):
		return refusal{fmt.Errorf("%s: GitHub's hourly limit is used up until %s", what, limit.Rate.Reset.UTC().Format(time.RFC3339))}
	case errors.As(err, &refused) && refused.Response != nil:
		text := refused.Message
		for _, e := range refused.Errors {
			if e.Message != "" {
				text += "; " + e.Message
			}
		}
		hint := ""
		switch refused.Response.StatusCode {
		case http.StatusUnauthorized:
			hint = " (the token is wrong or has ended)"
		case http.StatusForbidden, http.StatusNotFound:
			hint = " (does the token reach this repository, with contents and pull requests to read and write?)"
		case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			hint = " (the repository was renamed: set forge.repository to its new name)"
		}
		err = fmt.Errorf("%s: GitHub says %d: %s%s", what, refused.Response.StatusCode, incident.CutText(incident.PrintableLine(text), 300), hint)
		if refused.Response.StatusCode >= http.StatusInternalServerError {
			return err
		}
		return refusal{err}
	case status(err) != 0:
		return refusal{fmt.Errorf("%s: GitHub limits how often it is asked; try again later", what)}
	case errors.As(err, &address):
		return fmt.Errorf("%s: GitHub does not answer: %w", what, address.Err)
	}
	return fmt.Errorf("%s: GitHub does not answer: %w", what, err)
}
