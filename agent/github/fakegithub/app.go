package fakegithub

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// installationToken is what an app's installation is given.
const installationToken = "fake-installation-token"

// app is a GitHub App that is installed.
type app struct {
	id, installation int64
	key              *rsa.PublicKey
	// Signs makes GitHub sign the commits of the app, so that they are others than those that were asked for.
	Signs bool
}

// Install installs an app. signs makes commits other ones than those that were asked for, as a signature of GitHub's does.
func (s *Server) Install(id, installation int64, key *rsa.PublicKey, signs bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app = &app{id: id, installation: installation, key: key, Signs: signs}
}

func (s *Server) authorized(r *http.Request) bool {
	a := r.Header.Get("Authorization")
	if s.app != nil {
		return a == "token "+installationToken || a == "Bearer "+installationToken
	}
	return a == "Bearer "+Token
}

// installationToken gives a token for a JWT that the app signed. Who asks for more than is used is told.
func (c *call) installationToken(parts []string) {
	a := c.s.app
	if a == nil || c.r.Method != http.MethodPost || strings.Join(parts, "/") != fmt.Sprintf("app/installations/%d/access_tokens", a.installation) {
		c.unknown()
		return
	}
	if err := a.verify(strings.TrimPrefix(c.r.Header.Get("Authorization"), "Bearer ")); err != nil {
		c.s.problem("the app's JWT: %v", err)
		c.fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
		return
	}
	var b struct {
		Repositories []string          `json:"repositories"`
		Permissions  map[string]string `json:"permissions"`
	}
	if !c.read(&b) {
		return
	}
	for k := range b.Permissions {
		if !slices.Contains([]string{"contents", "pull_requests"}, k) {
			c.s.problem("a token for %s was asked for, which nothing needs", k)
		}
	}
	if len(b.Repositories) != 1 || len(b.Permissions) != 2 {
		c.s.problem("a token for %v, %v was asked for: more than is needed", b.Repositories, b.Permissions)
	}
	c.json(http.StatusCreated, object{"token": installationToken, "expires_at": time.Now().Add(time.Hour).Format(time.RFC3339), "permissions": b.Permissions})
}

func (a *app) verify(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("it has %d parts", len(parts))
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(a.key, crypto.SHA256, sum[:], sig); err != nil {
		return err
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var c struct {
		Iss string `json:"iss"`
		Exp int64  `json:"exp"`
		Iat int64  `json:"iat"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return err
	}
	if c.Iss != fmt.Sprint(a.id) || c.Exp-c.Iat > 11*60 {
		return fmt.Errorf("issued by %q for %ds", c.Iss, c.Exp-c.Iat)
	}
	return nil
}
