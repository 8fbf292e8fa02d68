package model

import (
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// After breakerFailures failed calls in a row an endpoint rests for breakerRest; then one call may try it.
const (
	breakerFailures = 3
	breakerRest     = time.Minute
)

// endpoint is one model with what was learnt about it. Safe for concurrent use.
type endpoint struct {
	Endpoint
	url   string // for the ledger
	price price

	breaker circuitbreaker.CircuitBreaker[any]

	mu      sync.Mutex
	dialect dialect
	// until is when the endpoint may be asked again, because it said so or because its key is wrong; why says which.
	until time.Time
	why   Error
}

func newEndpoint(e Endpoint) *endpoint {
	p, _ := priceOf(e)
	return &endpoint{
		Endpoint: e, url: e.baseURL(), price: p, dialect: firstDialect(e),
		breaker: circuitbreaker.NewBuilder[any]().
			WithFailureThreshold(breakerFailures).WithSuccessThreshold(1).WithDelay(breakerRest).Build(),
	}
}

// admit says whether the endpoint may be asked now. An error means that nothing was sent. Whoever was admitted must call
// settle.
func (ep *endpoint) admit(now time.Time) *Error {
	ep.mu.Lock()
	until, why := ep.until, ep.why
	ep.mu.Unlock()
	if now.Before(until) {
		why.RetryAfter = until.Sub(now)
		why.Message = "is left alone since " + why.Message
		return &why
	}
	if !ep.breaker.TryAcquirePermit() {
		return &Error{
			Kind: KindUnavailable, Provider: ep.Provider, Model: ep.Name, RetryAfter: ep.breaker.RemainingDelay(),
			Message: fmt.Sprintf("rests after %d failures in a row", breakerFailures),
		}
	}
	return nil
}

// settle notes how a call went.
func (ep *endpoint) settle(now time.Time, f *failure) {
	switch {
	case f == nil:
		ep.breaker.RecordSuccess()
	case f.Kind == KindUnavailable || f.Kind == KindGarbage:
		ep.breaker.RecordFailure()
	case f.Kind == KindCancelled || f.Kind == KindBudget || f.Kind == KindInternal:
		// It says nothing about the server. But the one call that may try a resting endpoint has to be given back.
		if ep.breaker.IsHalfOpen() {
			ep.breaker.RecordFailure()
		}
	default: // it answered, if only to refuse
		ep.breaker.RecordSuccess()
	}
	if f != nil && f.rest > 0 {
		ep.mu.Lock()
		defer ep.mu.Unlock()
		if until := now.Add(f.rest); until.After(ep.until) {
			ep.until, ep.why = until, *f.Error
		}
	}
}

func (ep *endpoint) speaks() dialect {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.dialect
}

// learn replaces the dialect that was tried, unless another call has learnt something meanwhile.
func (ep *endpoint) learn(tried, next dialect) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.dialect == tried {
		ep.dialect = next
	}
}
