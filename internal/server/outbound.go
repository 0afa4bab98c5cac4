package server

import (
	"context"
	"net/netip"

	"firehose/internal/config"
	"firehose/internal/outbound"
)

// openOutbound opens the client for addresses that documents name. Only a service that nobody but this machine can reach
// connects to this machine and its network unasked.
func (s *Server) openOutbound() *outbound.Client {
	client := outbound.New(outbound.Options{AllowPrivate: s.config.Local(), Allow: networks(s.config.Outbound.Allow)})
	s.stopsWith("outbound connections", func(context.Context) error {
		client.Close()
		return nil
	})
	return client
}

// networks reads networks, which were validated.
func networks(texts []string) (list []netip.Prefix) {
	for _, text := range texts {
		network, _ := config.Network(text)
		list = append(list, network)
	}
	return list
}
