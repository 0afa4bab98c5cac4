package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

const keysUsage = `Makes, lists and revokes API keys, with which programs come to the paths below /v1/.

Usage: firehose keys create --role producer|consumer|admin [--streams NAME,NAME*] [--label TEXT]
       firehose keys list
       firehose keys revoke ID

The text of a key is printed once, by create; the server keeps only a digest of it. Programs send it as
Authorization: Bearer KEY, and this command takes it from FIREHOSE_API_KEY.`

// oneKey is a key as the server shows it.
type oneKey struct {
	ID, Role, Label, Account, Region, Key string
	Streams                               []string
	Created                               time.Time
}

func runKeys(ctx context.Context, args []string) error {
	flags, c := newFlags("keys", keysUsage)
	role := flags.String("role", "", "producer (puts events), consumer (reads them) or admin (everything)")
	streams := flags.String("streams", "", "names of streams or patterns with *, divided by commas; empty for all")
	label := flags.String("label", "", "text for people, to know the key by")
	if len(args) > 1 && args[0] == "revoke" {
		id, err := parse(flags, args[1:], "id of a key")
		if err != nil {
			return err
		}
		var answer struct{ Status string }
		if err := c.do(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), url.Values{}, &answer); err != nil {
			return err
		}
		fmt.Println(id, answer.Status)
		return nil
	}
	action, err := parse(flags, args, "of create, list and revoke ID")
	if err != nil {
		return err
	}
	switch action {
	case "create":
		return c.createKey(ctx, *role, *streams, *label)
	case "list":
		return c.listKeys(ctx)
	}
	return unexpected("keys", action)
}

func (c *client) createKey(ctx context.Context, role, streams, label string) error {
	wanted := map[string]any{"role": role, "label": label}
	if streams != "" {
		wanted["streams"] = strings.Split(streams, ",")
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	body, err := c.send(ctx, http.MethodPost, "/v1/keys", url.Values{}, text)
	if err != nil {
		return err
	}
	defer body.Close()
	var made oneKey
	if err := json.NewDecoder(body).Decode(&made); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "This is the only time that the key is shown. Its id is %s.\n", made.ID)
	fmt.Println(made.Key)
	return nil
}

func (c *client) listKeys(ctx context.Context) error {
	var answer struct{ Keys []oneKey }
	if err := c.do(ctx, http.MethodGet, "/v1/keys", url.Values{}, &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tSTREAMS\tCREATED\tLABEL")
	for _, k := range answer.Keys {
		streams := strings.Join(k.Streams, ",")
		if streams == "" {
			streams = "all"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Role, streams, k.Created.Format(time.RFC3339), k.Label)
	}
	return table.Flush()
}
