package identity

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Routes are what programs ask about people and tokens. The pages do the same by Accounts and Tokens.
func (s *SignIn) Routes() []Route {
	get := func(path string, p Permission, summary string, h Handler) Route {
		return Route{Method: http.MethodGet, Path: path, Permission: p, Summary: summary, Handler: h}
	}
	post := func(path string, p Permission, summary string, h Handler) Route {
		return Route{Method: http.MethodPost, Path: path, Permission: p, Summary: summary, Handler: h}
	}
	const people, tokens = "/api/v1/people", "/api/v1/tokens"
	return []Route{
		get(people, ManagePeople, "People and programs that may sign in or hold tokens", answering(s.people)),
		post(people, ManagePeople, "Invite somebody: an account and a one-time link", answering(s.invite)),
		post(people+"/{id}/rights", ManagePeople, "Give an account other roles, tenants and lines; its sign-ins end", answering(s.rights)),
		post(people+"/{id}/disable", ManagePeople, "Shut an account; its sign-ins end and its tokens open nothing", answering(s.disable)),
		post(people+"/{id}/enable", ManagePeople, "Open an account again", answering(s.enable)),
		post(people+"/{id}/link", ManagePeople, "A new one-time link, where a password was forgotten", answering(s.newLink)),
		post("/api/v1/welcome", Public, "Set a password by a one-time link", answering(s.welcome)),
		get(tokens, ManageTokens, "Tokens of an account", answering(s.tokens)),
		post(tokens, ManageTokens, "Make a token; its text is shown once", answering(s.makeToken)),
		post(tokens+"/{id}/revoke", ManageTokens, "End a token", answering(s.revoke)),
	}
}

// answering makes an operation whose errors are told as what they are.
func answering[I, O any](fn func(context.Context, *I) (*O, error)) Handler {
	return Operation(func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		var r *Refusal
		switch {
		case errors.As(err, &r):
			return nil, huma.Error422UnprocessableEntity(r.Reason, &huma.ErrorDetail{Message: r.Reason, Location: "body." + r.Field})
		case errors.Is(err, ErrNoAccount), errors.Is(err, ErrNoToken), errors.Is(err, ErrLink):
			return nil, huma.Error404NotFound(err.Error())
		case errors.Is(err, ErrBusy):
			return nil, huma.Error503ServiceUnavailable(err.Error())
		}
		return out, err
	}, func(o *huma.Operation) {
		o.Errors = append(o.Errors, http.StatusUnprocessableEntity, http.StatusNotFound)
	})
}

type accountJSON struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Email      string    `json:"email,omitempty"`
	Roles      []Role    `json:"roles" nullable:"false"`
	Tenants    []string  `json:"tenants" nullable:"false" doc:"Empty: all"`
	Lines      []string  `json:"business_lines" nullable:"false" doc:"Empty: all"`
	Password   bool      `json:"password" doc:"One is set"`
	Provider   bool      `json:"provider" doc:"Signs in at the OpenID Connect provider"`
	Disabled   bool      `json:"disabled"`
	CreatedAt  time.Time `json:"created_at"`
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

func (k Account) json() accountJSON {
	return accountJSON{
		ID: k.ID, Name: k.Name, Email: k.Email, Roles: k.Roles, Tenants: append([]string{}, k.Tenants...), Lines: append([]string{}, k.Lines...),
		Password: k.Password, Provider: k.Provider, Disabled: k.Disabled, CreatedAt: k.CreatedAt, SignedInAt: k.SignedInAt,
	}
}

type nothing struct{}

type peopleOutput struct {
	Body struct {
		Items []accountJSON `json:"items" nullable:"false"`
	}
}

func (s *SignIn) people(ctx context.Context, _ *nothing) (*peopleOutput, error) {
	list, err := s.Accounts.List(ctx)
	out := &peopleOutput{}
	out.Body.Items = []accountJSON{}
	for _, k := range list {
		out.Body.Items = append(out.Body.Items, k.json())
	}
	return out, err
}

type inviteInput struct {
	Body struct {
		ID      string   `json:"id" doc:"What they sign in with"`
		Name    string   `json:"name,omitempty"`
		Email   string   `json:"email,omitempty"`
		Roles   []Role   `json:"roles" enum:"officer,inspector,supervisor,approver,finance,regulator,admin,viewer,source"`
		Tenants []string `json:"tenants,omitempty" doc:"Empty: all"`
		Lines   []string `json:"business_lines,omitempty" doc:"Empty: all"`
	}
}

type linkOutput struct {
	Body struct {
		Account string    `json:"account"`
		Code    string    `json:"code" doc:"Sets a password once, at POST /api/v1/welcome"`
		Path    string    `json:"path" doc:"The same as a link below the console's address"`
		Until   time.Time `json:"until"`
	}
}

func linked(account string, l Link, err error) (*linkOutput, error) {
	out := &linkOutput{}
	out.Body.Account, out.Body.Code, out.Body.Path, out.Body.Until = account, l.Code, l.Path(), l.Until
	return out, err
}

func (s *SignIn) invite(ctx context.Context, in *inviteInput) (*linkOutput, error) {
	b := in.Body
	k, l, err := s.Accounts.Invite(ctx, Invitation{ID: b.ID, Name: b.Name, Email: b.Email, Rights: Rights{b.Roles, b.Tenants, b.Lines}})
	return linked(k.ID, l, err)
}

type accountInput struct {
	ID string `path:"id" maxLength:"256"`
}

func (s *SignIn) newLink(ctx context.Context, in *accountInput) (*linkOutput, error) {
	l, err := s.Accounts.NewLink(ctx, in.ID)
	return linked(in.ID, l, err)
}

type rightsInput struct {
	ID   string `path:"id" maxLength:"256"`
	Body struct {
		Roles   []Role   `json:"roles" enum:"officer,inspector,supervisor,approver,finance,regulator,admin,viewer,source"`
		Tenants []string `json:"tenants,omitempty" doc:"Empty: all"`
		Lines   []string `json:"business_lines,omitempty" doc:"Empty: all"`
	}
}

func (s *SignIn) rights(ctx context.Context, in *rightsInput) (*nothing, error) {
	return nil, s.Accounts.Change(ctx, in.ID, Rights(in.Body))
}

type disableInput struct {
	ID   string `path:"id" maxLength:"256"`
	Body struct {
		Reason string `json:"reason"`
	}
}

func (s *SignIn) disable(ctx context.Context, in *disableInput) (*nothing, error) {
	return nil, s.Accounts.Disable(ctx, in.ID, in.Body.Reason)
}

func (s *SignIn) enable(ctx context.Context, in *accountInput) (*nothing, error) {
	return nil, s.Accounts.Enable(ctx, in.ID)
}

type welcomeInput struct {
	Body struct {
		Code     string `json:"code"`
		Password string `json:"password"`
	}
}

func (s *SignIn) welcome(ctx context.Context, in *welcomeInput) (*nothing, error) {
	_, err := s.Accounts.SetPassword(ctx, in.Body.Code, in.Body.Password)
	return nil, err
}

type tokenJSON struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes" nullable:"false"`
	MadeBy    string    `json:"made_by"`
	MadeAt    time.Time `json:"made_at"`
	Until     time.Time `json:"until"`
	UsedAt    time.Time `json:"used_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

type tokensInput struct {
	Account string `query:"account" maxLength:"256" doc:"Default: yours"`
}

type tokensOutput struct {
	Body struct {
		Items []tokenJSON `json:"items" nullable:"false"`
	}
}

func (s *SignIn) tokens(ctx context.Context, in *tokensInput) (*tokensOutput, error) {
	list, err := s.Tokens.List(ctx, in.Account)
	out := &tokensOutput{}
	out.Body.Items = []tokenJSON{}
	for _, k := range list {
		out.Body.Items = append(out.Body.Items, tokenJSON(k))
	}
	return out, err
}

type makeTokenInput struct {
	Body struct {
		Account string   `json:"account,omitempty" doc:"Default: yours"`
		Name    string   `json:"name" doc:"What it is for"`
		Scopes  []string `json:"scopes" doc:"Permissions (findings:read), or nouns for all of theirs (findings)"`
		Days    int      `json:"days,omitempty" minimum:"1" maximum:"366" default:"90"`
	}
}

type makeTokenOutput struct {
	Body struct {
		ID    string    `json:"id"`
		Until time.Time `json:"until"`
		Token string    `json:"token" doc:"Shown this once; send it as Authorization: Bearer TOKEN"`
	}
}

func (s *SignIn) makeToken(ctx context.Context, in *makeTokenInput) (*makeTokenOutput, error) {
	text, made, err := s.Tokens.Make(ctx, TokenRequest{Account: in.Body.Account, Name: in.Body.Name, Scopes: in.Body.Scopes, For: time.Duration(in.Body.Days) * 24 * time.Hour})
	out := &makeTokenOutput{}
	out.Body.ID, out.Body.Until, out.Body.Token = made.ID, made.Until, text
	return out, err
}

type revokeInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *SignIn) revoke(ctx context.Context, in *revokeInput) (*nothing, error) {
	return nil, s.Tokens.Revoke(ctx, in.ID)
}
