// oidc: an issuer of identity tokens that gives everybody the token that they ask for.
//
// GET /token?CLAIM=VALUE… is a token with these claims; GET /actions?CLAIM=VALUE… is the same as GitHub's runners
// hand it out, to whoever shows the bearer token `runner`.
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"net/url"
	"time"
)

var base64url = base64.RawURLEncoding

type issuer struct {
	url string
	key *rsa.PrivateKey
}

func main() {
	addr := flag.String("addr", "", "address to listen on; the issuer is http://ADDRESS")
	flag.Parse()
	// RSA: cosign takes no other token from the command line.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	i := issuer{url: "http://" + *addr, key: key}
	http.HandleFunc("/.well-known/openid-configuration", i.discovery)
	http.HandleFunc("/keys", i.keys)
	http.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(i.token(r.URL.Query()))) })
	http.HandleFunc("/actions", i.actions)
	log.Fatal(http.ListenAndServe(*addr, nil))
}

func (i issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + "/keys",
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/exchange",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (i issuer) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "e": "AQAB",
		"n": base64url.EncodeToString(i.key.N.Bytes()),
	}}})
}

func (i issuer) actions(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer runner" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := r.URL.Query()
	claims.Set("aud", claims.Get("audience"))
	claims.Del("audience")
	answer(w, map[string]any{"value": i.token(claims)})
}

func (i issuer) token(asked url.Values) string {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": i.url, "aud": "sigstore", "sub": "tester", "iat": now, "nbf": now - 5, "exp": now + 600,
	}
	for name := range asked {
		claims[name] = asked.Get(name)
	}
	if asked.Has("email") {
		claims["email_verified"] = true
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		log.Fatal(err)
	}
	signed := base64url.EncodeToString([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + base64url.EncodeToString(payload)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, digest[:])
	if err != nil {
		log.Fatal(err)
	}
	return signed + "." + base64url.EncodeToString(signature)
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}
