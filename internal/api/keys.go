package api

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/sigv4"
)

// shownKey is what is told of a key: never its digest.
type shownKey struct {
	ID      string      `json:"id"`
	Role    apikey.Role `json:"role"`
	Streams []string    `json:"streams,omitempty"`
	Label   string      `json:"label,omitempty"`
	Account string      `json:"account"`
	Region  string      `json:"region"`
	Created time.Time   `json:"created"`
	Key     string      `json:"key,omitempty"` // the text, in the answer that makes it alone
}

func shown(k apikey.Key, text string) shownKey {
	return shownKey{k.ID, k.Role, k.Streams, k.Label, k.Account, k.Region, k.Created, text}
}

// administrator says who sent a request that is for the administrators of an account. Account and Region are empty where
// nobody is asked who they are and the query names none.
func (d *Door) administrator(r *http.Request) (sigv4.Identity, error) {
	who, err := d.identify(r, apikey.Admin, "")
	if err == nil && who.Account == "" {
		who.Account, who.Region = r.URL.Query().Get("account"), r.URL.Query().Get("region")
	}
	return who, err
}

func (d *Door) listKeys(w http.ResponseWriter, r *http.Request) {
	who, err := d.administrator(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	keys := []shownKey{}
	for _, k := range d.Keys.List(who.Account, who.Region) {
		keys = append(keys, shown(k, ""))
	}
	d.answer(w, map[string]any{"keys": keys}, nil)
}

// wantedKey is the body of a request for a key.
type wantedKey struct {
	Role    string   `json:"role"`
	Streams []string `json:"streams"`
	Label   string   `json:"label"`
}

const labelMax = 256

func (d *Door) makeKey(w http.ResponseWriter, r *http.Request) {
	who, err := d.administrator(r)
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	k, err := readKey(r)
	if err == nil {
		k.Account, k.Region = cmp.Or(who.Account, d.Account), cmp.Or(who.Region, d.Region)
		k.Created = time.Now().UTC().Truncate(time.Second)
		var text string
		k, text, err = d.Keys.Make(k)
		d.answer(w, shown(k, text), err)
		return
	}
	d.answer(w, nil, err)
}

func readKey(r *http.Request) (apikey.Key, error) {
	bad := func(err error) error { return &failure{http.StatusBadRequest, "bad_key", err.Error()} }
	var wanted wantedKey
	if _, err := readJSON(r, bodyMax, &wanted, `{"role": "producer", "consumer" or "admin", "streams": [PATTERN], "label": TEXT}, of which only role is required`); err != nil {
		return apikey.Key{}, err
	}
	role, err := apikey.ParseRole(wanted.Role)
	if err != nil {
		return apikey.Key{}, bad(err)
	}
	for _, pattern := range wanted.Streams {
		if err := apikey.CheckPattern(pattern); err != nil {
			return apikey.Key{}, bad(err)
		}
	}
	if len(wanted.Label) > labelMax {
		return apikey.Key{}, &failure{http.StatusBadRequest, "bad_key", "label: at most 256 bytes"}
	}
	return apikey.Key{Role: role, Streams: wanted.Streams, Label: wanted.Label}, nil
}

func (d *Door) revokeKey(w http.ResponseWriter, r *http.Request) {
	who, err := d.administrator(r)
	if err == nil {
		err = d.Keys.Revoke(r.PathValue("id"), who.Account, who.Region)
		if errors.Is(err, apikey.ErrUnknown) {
			err = &failure{http.StatusNotFound, "key_not_found", err.Error()}
		}
	}
	d.answer(w, map[string]string{"id": r.PathValue("id"), "status": "revoked"}, err)
}
