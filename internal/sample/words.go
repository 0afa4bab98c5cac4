package sample

// What events are put together from. None of it changes.
var (
	devices = []device{
		{"desktop", "Windows 11", "Chrome 142.0.7444", [2]int{1920, 1080}},
		{"desktop", "macOS 16.1", "Safari 19.1", [2]int{1728, 1117}},
		{"desktop", "Ubuntu 26.04", "Firefox 145.0", [2]int{2560, 1440}},
		{"phone", "iOS 20.0.1", "Mobile Safari 20.0", [2]int{393, 852}},
		{"phone", "Android 17", "Chrome Mobile 142.0", [2]int{412, 915}},
		{"tablet", "iPadOS 20.0", "Mobile Safari 20.0", [2]int{1024, 1366}},
	}
	places = []geo{
		{"DE", "Köln"},
		{"DE", "Hamburg"},
		{"FR", "Lyon"},
		{"GB", "Manchester"},
		{"US", "Portland"},
		{"US", "Chicago"},
		{"BR", "São Paulo"},
		{"JP", "大阪"},
	}
	pages = []page{
		{URL: "/", Title: "Everything for the long way home"},
		{URL: "/tents/ridge-2", Title: "Ridge 2: a tent for two"},
		{URL: "/tents/ridge-4", Title: "Ridge 4: a tent for four"},
		{URL: "/stoves/ember", Title: "Ember: boils a litre in three minutes"},
		{URL: "/sleeping-bags/north", Title: "North: down to twenty below"},
		{URL: "/guides/packing-light", Title: "Packing light: what to leave at home"},
		{URL: "/cart", Title: "Your cart"},
		{URL: "/for-teams", Title: "Equipment for schools and teams"},
	}
	campaigns = []campaign{
		{"newsletter", "email", "spring-trails"},
		{"search", "cpc", "tents-brand"},
		{"search", "cpc", "stoves-generic"},
		{"social", "paid", "weekend-out"},
		{"partner", "referral", "alpine-club"},
		{"direct", "none", "none"},
	}
	referrers = []string{"", "https://www.example.net/search?q=tents", "https://news.example.org/outdoor/best-of-2026",
		"https://social.example.com/", "https://mail.example.com/"}
	consents   = [][]string{{"necessary"}, {"necessary", "statistics"}, {"necessary", "statistics", "marketing"}}
	forms      = []string{"teams-quote", "newsletter", "dealer-application"}
	firstNames = []string{"ada", "bruno", "chiara", "dmitri", "elif", "femi", "greta", "hiro", "ines", "jonas", "kavya", "liam"}
	lastNames  = []string{"adler", "bianchi", "costa", "dubois", "eriksen", "fischer", "garcia", "haddad", "ito", "jensen", "khan", "lopez"}
	companies  = []string{"Northwind School", "Contour Travel", "Blue Lake Rangers", "Hillside Rescue", "Trailhead Rentals"}
	currencies = []string{"EUR", "EUR", "USD", "GBP"}
	shippings  = []string{"standard", "express", "pick-up"}
	items      = []item{
		{SKU: "TNT-R2-GRN", Name: "Ridge 2, green", Price: 32900},
		{SKU: "TNT-R4-SND", Name: "Ridge 4, sand", Price: 54900},
		{SKU: "STV-EMB-01", Name: "Ember stove", Price: 8950},
		{SKU: "BAG-NTH-L", Name: "North sleeping bag, long", Price: 27900},
		{SKU: "PAD-AIR-R", Name: "Air pad, regular", Price: 11950},
		{SKU: "LMP-FFY-02", Name: "Firefly lamp", Price: 3490},
	}
)
