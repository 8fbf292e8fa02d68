package model

import "context"

// offline is the Model that makes no request at all.
type offline struct{}

func (offline) Complete(context.Context, Request) (Response, error) {
	return Response{}, &Error{Kind: KindOffline, Message: "no model is configured", Hint: "set model.provider in agent.yaml"}
}
