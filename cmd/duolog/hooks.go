package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/duolog/duolog/handlers/adapter/webhook"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/keystore"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/deliveries"
)

// webhookTimeout bounds an attempt: below what a call of an effect may take, so
// that the attempt has its outcome.
const webhookTimeout = 20 * time.Second

// hookBook reads the hooks of all tenants with their keys.
func hookBook(tenants config.Tenants) (webhook.Book, error) {
	book := webhook.Book{}
	for i, t := range tenants {
		for j, h := range t.Hooks {
			hook, err := hookOf(h)
			if err != nil {
				what, fix := explain(err)
				return nil, problem{fmt.Sprintf("tenants[%d].hooks[%d] %s: %s", i, j, h.Name, what), fix}
			}
			book[t.Name] = append(book[t.Name], hook)
		}
	}
	return book, nil
}

func hookOf(h config.Hook) (webhook.Hook, error) {
	u, err := url.Parse(h.URL)
	if err != nil {
		return webhook.Hook{}, problem{"its url cannot be read", "write it like https://ci.example.com/duolog"}
	}
	out := webhook.Hook{Name: h.Name, URL: u, Events: h.Events, Within: h.Within, Disabled: h.Disabled, Revision: h.Revision}
	for _, file := range h.SecretFiles {
		key, err := hookKey(file)
		if err != nil {
			return out, err
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

func hookKey(file string) (standard.Key, error) {
	secret, err := keystore.ReadSecretFile(file)
	if err != nil {
		what, _ := explain(err)
		return standard.Key{}, problem{
			"its key cannot be read: " + strings.ReplaceAll(what, "token", "key"),
			"name a file of mode 0600 with the key in its first line; duolog delivery secret prints one",
		}
	}
	key, err := standard.ParseKey(secret.Reveal())
	if err == nil && !key.Signs() {
		err = errors.New("a public key cannot sign")
	}
	if err != nil {
		return key, problem{"the key in " + file + " cannot be used: " + err.Error(), "duolog delivery secret prints one that can"}
	}
	return key, nil
}

// wireWebhooks makes the adapter of hooks.
func (n *node) wireWebhooks() error {
	codec, err := projections.NewCodec()
	if err != nil {
		return err
	}
	n.deliveries = deliveries.New(cut.DB{Pool: n.db.Read, Codec: codec, Partitions: n.partitions})
	n.webhooks, err = webhook.New(webhook.Config{
		Hooks: n.cfg.hooks, Client: webhook.NewClient(webhook.ClientConfig{Allow: n.cfg.webhookAllow, Timeout: webhookTimeout}),
		Gone: n.deliveries, URL: n.cfg.url, Agent: "duolog/" + build(), Now: n.cfg.now,
	})
	return err
}
