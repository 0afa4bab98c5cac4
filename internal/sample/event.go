package sample

import (
	"fmt"
	"time"
)

type event struct {
	ID      string   `json:"id"` // first, where ID looks for it
	Type    string   `json:"type"`
	Time    string   `json:"time"`
	Trace   string   `json:"trace"`
	Visitor visitor  `json:"visitor"`
	Device  device   `json:"device"`
	Geo     geo      `json:"geo"`
	Page    page     `json:"page"`
	Consent []string `json:"consent"`
	Lead    *lead    `json:"lead,omitempty"`
	Order   *order   `json:"order,omitempty"`
}

type visitor struct {
	ID      string `json:"id"`
	Session string `json:"session"`
	IP      string `json:"ip"`
	Visits  int    `json:"visits"`
}

type device struct {
	Class   string `json:"class"`
	OS      string `json:"os"`
	Browser string `json:"browser"`
	Screen  [2]int `json:"screen"`
}

type geo struct {
	Country string `json:"country"`
	City    string `json:"city"`
}

type page struct {
	URL      string   `json:"url"`
	Title    string   `json:"title"`
	Referrer string   `json:"referrer,omitempty"`
	LoadMS   int      `json:"load_ms"`
	Scroll   float64  `json:"scroll"`
	Campaign campaign `json:"campaign"`
}

type campaign struct {
	Source string `json:"source"`
	Medium string `json:"medium"`
	Name   string `json:"name"`
}

type lead struct {
	Form      string  `json:"form"`
	Name      string  `json:"name"`
	Email     string  `json:"email"`
	Company   string  `json:"company"`
	Employees int     `json:"employees"`
	Score     float64 `json:"score"`
}

type order struct {
	Number   string `json:"number"`
	Currency string `json:"currency"`
	Total    cents  `json:"total"`
	Items    []item `json:"items"`
	Shipping string `json:"shipping"`
}

type item struct {
	SKU      string `json:"sku"`
	Name     string `json:"name"`
	Quantity int    `json:"quantity"`
	Price    cents  `json:"price"`
}

// cents is an amount of money, written with two decimals.
type cents int

func (c cents) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%d.%02d", c/100, c%100), nil }

// event makes the latest event: of ten, seven are page views, two orders and one a lead.
func (s *Source) event() event {
	e := event{
		ID:    s.id(),
		Type:  "page_view",
		Time:  s.now.Format(time.RFC3339Nano),
		Trace: s.hex(),
		Visitor: visitor{
			ID:      s.hex(),
			Session: s.hex(),
			IP:      fmt.Sprintf("203.0.%d.%d", s.rand.IntN(256), s.rand.IntN(256)),
			Visits:  1 + s.rand.IntN(30),
		},
		Device:  pick(s, devices),
		Geo:     pick(s, places),
		Page:    s.page(),
		Consent: pick(s, consents),
	}
	switch n := s.rand.IntN(10); {
	case n == 0:
		e.Type, e.Lead = "lead", s.lead()
	case n <= 2:
		e.Type, e.Order = "order", s.order()
	}
	return e
}

func (s *Source) page() page {
	p := pick(s, pages)
	c := pick(s, campaigns)
	p.URL = fmt.Sprintf("https://shop.example.com%s?utm_campaign=%s&click=%s",
		p.URL, c.Name, s.hex())
	p.Referrer = pick(s, referrers)
	p.LoadMS = 80 + s.rand.IntN(2400)
	p.Scroll = float64(s.rand.IntN(101)) / 100
	p.Campaign = c
	return p
}

func (s *Source) lead() *lead {
	first, last, company := pick(s, firstNames), pick(s, lastNames), pick(s, companies)
	return &lead{
		Form:      pick(s, forms),
		Name:      first + " " + last,
		Email:     fmt.Sprintf("%s.%s%d@example.com", first, last, s.rand.IntN(1000)),
		Company:   company,
		Employees: 5 * (1 + s.rand.IntN(400)),
		Score:     float64(s.rand.IntN(1000)) / 1000,
	}
}

func (s *Source) order() *order {
	o := &order{Number: fmt.Sprintf("A-%08d", s.count), Currency: pick(s, currencies), Shipping: pick(s, shippings)}
	for range 1 + s.rand.IntN(3) {
		i := pick(s, items)
		i.Quantity = 1 + s.rand.IntN(4)
		o.Items = append(o.Items, i)
		o.Total += cents(i.Quantity) * i.Price
	}
	return o
}

// hex returns a number of 128 bits, as trackers and tracers write them.
func (s *Source) hex() string { return fmt.Sprintf("%016x%016x", s.rand.Uint64(), s.rand.Uint64()) }

func pick[T any](s *Source, from []T) T { return from[s.rand.IntN(len(from))] }
