package mask

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

var testKey = Key{Secret: []byte("sixteen bytes or more")}

// masker compiles rules that are right.
func masker(t testing.TB, rules ...Rule) *Masker {
	t.Helper()
	m, err := Compile(rules, testKey)
	if err != nil {
		t.Fatal(err)
	}
	return m.Masker()
}

// apply masks an event that is right.
func apply(t testing.TB, m *Masker, event string) (string, Done) {
	t.Helper()
	masked, done, err := m.Apply(nil, []byte(event))
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	if !json.Valid(masked) {
		t.Fatalf("%s became %s, which is not JSON", event, masked)
	}
	return string(masked), done
}

// table returns a function that checks the mask of one value, as a string or as raw JSON, and that its mask is itself.
func table(t *testing.T, r Rule) func(in, want string, unparsed int) {
	r.Path = "v"
	m := masker(t, r)
	return func(in, want string, unparsed int) {
		t.Helper()
		value := in
		if !json.Valid([]byte(value)) || value[0] == ' ' {
			value = quote(in)
		}
		if want == "" || strings.HasPrefix(want, "*") || !json.Valid([]byte(want)) {
			want = quote(want)
			checkValue(t, m, r.Kind, want, want, 0)
		}
		checkValue(t, m, r.Kind, value, want, unparsed)
	}
}

// checkValue checks the mask of one value; both are JSON.
func checkValue(t *testing.T, m *Masker, kind, value, want string, unparsed int) {
	t.Helper()
	got, done := apply(t, m, `{"v":`+value+`}`)
	if got != `{"v":`+want+`}` || done.Unparsed != unparsed {
		t.Errorf("%s of %s: %s with %d unparsed, want %s with %d", kind, value, got[5:len(got)-1], done.Unparsed, want, unparsed)
	}
}

func quote(s string) string {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func TestSSNShowsItsLastFourDigits(t *testing.T) {
	f := table(t, Rule{Kind: "ssn:last4"})
	f("123-45-6789", "***-**-6789", 0)
	f(`"123456789"`, "***-**-6789", 0)
	f("123456789", "***-**-6789", 0) // a number
	f("123 45 6789", "***-**-6789", 0)
	f("１２３４５６７８９", "***-**-6789", 0)
	f("١٢٣٤٥٦٧٨٩", "***-**-6789", 0)
	f("123‐45–6789", "***-**-6789", 0)
	f("123‑45−6789", "***-**-6789", 0)
	f(" 123.45.6789 ", "***-**-6789", 0)
	f("6789", "***-**-6789", 0)
	f(`"6789"`, "***-**-6789", 0)
	f("XXX-XX-6789", "***-**-6789", 0)
	f("xxx-xx-6789", "***-**-6789", 0)
	f("***-**-6789", "***-**-6789", 0)
	f("***-**-****", "***-**-****", 0)
	f("12345678", "***-**-****", 1) // the zero in front got lost
	f(`"12345678"`, "***-**-****", 1)
	f("1234567890", "***-**-****", 1)
	f("-123456789", "***-**-****", 1)
	f("12345.6789", "***-**-****", 1)
	f("123-45-678a", "***-**-****", 1)
	f("ssn 123-45-6789", "***-**-****", 1)
	f("123-45-****", "***-**-****", 0)
	f("****", "***-**-****", 1)
}

func TestEmailShowsItsFirstLetters(t *testing.T) {
	f := table(t, Rule{Kind: "email:partial"})
	f("john.smith@email.com", "j***@e***.com", 0)
	f(" john@email.com\n", "j***@e***.com", 0)
	f("j@email.com", "***@e***.com", 0)
	f("john@e.com", "j***@***.com", 0)
	f("ann@mail.shop.co.uk", "a***@m***.uk", 0)
	f("john+tag@email.com", "j***@e***.com", 0)
	f("j+tag@email.com", "***@e***.com", 0)
	f(`"john smith"@email.com`, "***@e***.com", 0)
	f(`"a@b"@email.com`, "***@e***.com", 0)
	f("john@[192.0.2.1]", "j***@[***]", 0)
	f("john@[IPv6:2001:db8::1]", "j***@[***]", 0)
	f("john@192.0.2.1", "j***@[***]", 0)
	f("é@exämple.de", "***@e***.de", 0)
	f("e\u0301lodie@a\u0308rzte.de", "é***@ä***.de", 0)
	f("ann@xn--exmple-cua.xn--p1ai", "a***@x***.xn--p1ai", 0)
	f("иван@почта.рф", "и***@п***.рф", 0)
	f("a@b@email.com", "a***@e***.com", 0)
	f("ann@email.com.", "a***@e***.com", 0)
	f("ann@localhost", "a***@***", 0)
	f("_ann@email.com", "***@e***.com", 0)
	f("ann@.com", "a***@***.com", 0)
	f("john", "***", 1)
	f("@email.com", "***", 1)
	f("john@", "***", 1)
	f("John Smith <john@email.com>", "***", 1)
	f("a@b.com, c@d.com", "***", 1)
	f("john＠email.com", "***", 1)
	f("john@example.123-45-6789", "***", 1)
	f("john@email.com?subject=x", "***", 1)
	f("5127891111", "***", 1)
}

func TestEmailKeepsItsDomainOnRequest(t *testing.T) {
	f := table(t, Rule{Kind: "email:partial", Domain: "keep"})
	f("john.smith@email.com", "j***@email.com", 0)
	f("j@mail.shop.co.uk", "***@mail.shop.co.uk", 0)
	f("john@[192.0.2.1]", "j***@[***]", 0)
	f("john@192.0.2.1", "j***@[***]", 0)
	f("john@localhost", "j***@***", 0)
	f("john@a b.com", "***", 1)
}

func TestPhoneShowsItsArea(t *testing.T) {
	f := table(t, Rule{Kind: "phone:area"})
	f("(512) 789-1111", "512-***-****", 0)
	f("5127891111m", "512-***-****", 0)
	f("5127891111", "512-***-****", 0) // a number
	f("512-789-1111 x12", "512-***-****", 0)
	f("512-789-1111 ext. 12", "512-***-****", 0)
	f("512.789.1111;ext=12", "512-***-****", 0)
	f("５１２‐７８９−１１１１", "512-***-****", 0)
	f("+1-555-123-4567", "+1-555-***-****", 0)
	f("1 555 123 4567", "+1-555-***-****", 0)
	f("15551234567", "+1-555-***-****", 0)
	f("1-800-FLOWERS", "+1-800-***-****", 0)
	f("800-flowers", "800-***-****", 0)
	f("1-800-CONTACTS", "+1-800-***-****", 0)
	f("789-1111", "***-****", 0)
	f("789-1111 x12", "***-****", 0)
	f("7891111", "***-****", 0)
	f("+44 20 7946 0958", "+44-***", 0)
	f("011 44 20 7946 0958", "+44-***", 0)
	f("0044 20 7946 0958", "+44-***", 0)
	f("+7 495 123-45-67", "+7-***", 0)
	f("+353 1 234 5678", "+353-***", 0)
	f("1-(512) *** ****", "+1-512-***-****", 0)
	f("512*******", "512-***-****", 0)
	f("512-***-1111", "512-***-****", 0)
	f("***-****", "***-****", 0)
	f("030 1234567", "***", 1)
	f("+1 555 123", "***", 1)
	f("12345", "***", 1)
	f("+", "***", 1)
	f("+*********", "***", 1)
	f("none of your business", "***", 1)
	f("512-789-1111, 512-789-2222", "512-***-****", 0)
	f("51278911112", "***", 1)
	f("-5127891111", "***", 1)
	f(strings.Repeat("1", 1000), "***", 1)
}

func TestNameShowsFirstLetters(t *testing.T) {
	f := table(t, Rule{Kind: "name:first_letter"})
	f("John", "J***", 0)
	f("John Smith", "J*** S***", 0)
	f(" John \t\u00a0Smith\n", "J*** S***", 0)
	f("élodie", "é***", 0)
	f("e\u0301lodie", "é***", 0)
	f("Jean-Luc", "J***", 0)
	f("O'Neil", "O***", 0)
	f("J. Smith", "*** S***", 0)
	f("'t Hooft", "*** H***", 0)
	f("王小明", "王***", 0)
	f("王", "***", 0)
	f("😀", "***", 0)
	f("😀John", "***", 0)
	f("👩‍👩‍👧 Ann", "*** A***", 0)
	f("n\u0308\u0323ame", "\u1e47\u0308***", 0)
	f("a b c d e", "*** *** *** ***", 0)
	f("Ab Cd Ef Gh Ij", "A*** C*** E*** G***", 0)
	f("क्षमा", "क्***", 0)
	f("a"+strings.Repeat("\u0301", 40)+"bc", "***", 0)
	f("4567", "***", 0)
	f("  ", "***", 1)
	f("John\x00Smith", "J***", 0)
}

func TestBirthShowsItsYear(t *testing.T) {
	f := table(t, Rule{Kind: "dob:year"})
	for _, date := range []string{
		"1980-02-03", "1980-02-03T00:00:00Z", "1980-02-03 10:11:12.5+02:00", "02/03/1980", "2/3/1980", "31.12.1980", "1980/2/3",
		"19800203", "02031980", "Feb 3, 1980", "3 February 1980", "１９８０−０２−０３", "1980", "**/**/1980",
	} {
		f(date, "**/**/1980", 0)
	}
	for _, date := range []string{
		"02/03/80", "318384000000", "soon", "1980-02", "1980-13-45", "0980-02-03", "20202020x", "1980-02-03 or 1980-02-04", "**/**/xxxx",
		"1980-02-03T123-45-6789a", "99999999", "1980-02-03-04", "1.98e3",
	} {
		f(date, "***", 1)
	}
}

func TestAddressShowsItsNetwork(t *testing.T) {
	f := table(t, Rule{Kind: "ip:net"})
	f("203.0.113.77", "203.0.113.0", 0)
	f("203.0.113.77:443", "203.0.113.0", 0)
	f("::ffff:203.0.113.77", "203.0.113.0", 0)
	f("2001:db8:85a3:1234::7", "2001:db8:85a3::", 0)
	f("[2001:db8:85a3:1234::7]:443", "2001:db8:85a3::", 0)
	f("fe80::1%eth0", "fe80::", 0)
	f("2002:cb00:714d::1", "2002:cb00:7100::", 0)
	f("203.0.113.77, 10.0.0.1", "***", 1)
	f("203.0.113.077", "***", 1)
	f("home", "***", 1)
}

func TestAllShowsNothing(t *testing.T) {
	for _, kind := range []string{"credential", "all", "redact"} {
		f := table(t, Rule{Kind: kind})
		f("hunter2", "***", 0)
		f("123", "***", 0)
		f("-1.5e3", "***", 0)
	}
}

func TestEveryKindKeepsNothingAndHidesBooleansAndObjects(t *testing.T) {
	for _, k := range Kinds() {
		if k[0] == "drop" || k[0] == kindPattern {
			continue
		}
		f := table(t, Rule{Kind: k[0]})
		f("null", "null", 0)
		f(`""`, `""`, 0)
		f("true", "***", 0)
		f("false", "***", 0)
		f("***", "***", 0)
		f(`{"a":"x","b":[1,{"c":true}],"n":null,"e":""}`, `{"a":"***","b":["***",{"c":"***"}],"n":null,"e":""}`, 0)
		f("{}", "{}", 0)
		f("[]", "[]", 0)
	}
}

func TestHashIsKeyedAndCanonical(t *testing.T) {
	hash := func(key Key, kind, value string) string {
		t.Helper()
		m, err := Compile([]Rule{{Path: "v", Kind: kind}}, key)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := apply(t, m.Masker(), `{"v":`+value+`}`)
		again, _ := apply(t, m.Masker(), out)
		if again != out {
			t.Errorf("%s becomes %s when it is masked again", out, again)
		}
		return strings.TrimSuffix(strings.TrimPrefix(out, `{"v":"`), `"}`)
	}
	same := func(kind string, values ...string) {
		t.Helper()
		for _, value := range values[1:] {
			if a, b := hash(testKey, kind, values[0]), hash(testKey, kind, value); a != b {
				t.Errorf("%s of %s is %s, of %s %s", kind, values[0], a, value, b)
			}
		}
	}
	for _, kind := range []string{"hash", "hash:email"} {
		same(kind, `"john@email.com"`, `" John@Email.COM "`, `"john\u0040email.com"`)
	}
	for _, kind := range []string{"hash", "hash:phone"} {
		same(kind, `"+15127891111"`, `"(512) 789-1111"`, `5127891111`, `"1 512 789 1111 x12"`)
		same(kind, `"+442079460958"`, `"+44 20 7946 0958"`, `"011 44 20 7946 0958"`)
	}
	for _, kind := range []string{"hash", "hash:ssn"} {
		same(kind, `"123456789"`, `"123-45-6789"`, `123456789`, `"１２３ ４５ ６７８９"`)
	}
	same("hash", `"e\u0301"`, `"é"`, `" é "`)

	first := hash(testKey, "hash", `"john@email.com"`)
	// echo -n john@email.com | openssl dgst -sha256 -hmac 'sixteen bytes or more' -binary | basenc --base64url | cut -c1-22
	if want := "hmac:F44SJcAkBU_vV6IhJebp9a"; first != want {
		t.Errorf("the hash is %s, want %s", first, want)
	}
	second := hash(Key{ID: "k2", Secret: testKey.Secret}, "hash", `"john@email.com"`)
	if second != "hmac:k2:"+strings.TrimPrefix(first, "hmac:") {
		t.Errorf("with a key id the hash is %s, without %s", second, first)
	}
	if other := hash(Key{Secret: []byte("another key of 16 bytes")}, "hash", `"john@email.com"`); other == first {
		t.Error("two keys give one hash")
	}
	if hash(testKey, "hash", `"a"`) == hash(testKey, "hash", `"b"`) {
		t.Error("two values have one hash")
	}
	m := masker(t, Rule{Path: "v", Kind: "hash:phone"})
	if out, done := apply(t, m, `{"v":"no phone"}`); done.Unparsed != 1 || !strings.HasPrefix(out, `{"v":"hmac:`) {
		t.Errorf("what is no phone number became %s, %d unparsed", out, done.Unparsed)
	}
}

func TestPatternRedactsInFreeText(t *testing.T) {
	m := masker(t, Rule{Path: "v", Kind: "pattern"})
	f := func(in, want string) {
		t.Helper()
		got, done := apply(t, m, `{"v":`+quote(in)+`}`)
		if got != `{"v":`+quote(want)+`}` {
			t.Errorf("%q became %s, want %q", in, got, want)
		}
		if found := len(done.Fields) == 1; found != (in != want) {
			t.Errorf("%q: masked fields are %q", in, done.Fields)
		}
		if again, _ := apply(t, m, got); again != got {
			t.Errorf("%s becomes %s when it is masked again", got, again)
		}
	}
	const r = "[REDACTED]"
	f("my ssn is 123-45-6789.", "my ssn is "+r+".")
	f("123456789", r)
	f("SSN123-45-6789x", "SSN"+r+"x")
	f("１２３−４５−６７８９ and 123‑45‑6789", r+" and "+r)
	f("card 4111 1111 1111 1111 exp 12/29", "card "+r+" exp 12/29")
	f("4111111111111111", r)
	f("4111-1111-1111-1112", "4111-1111-1111-1112")
	f("amex 3782 822463 10005", "amex "+r)
	f("mail john.o'neil+x@mail.email.com, please", "mail "+r+", please")
	f("https://x.io/?to=john%40email.com&y=1", "https://x.io/?to="+r+"&y=1")
	f("<иван@почта.рф>", "<"+r+">")
	f("@home @ 5", "@home @ 5")
	f("call (512) 789-1111 or +1 512.789.1111 now", "call "+r+" or "+r+" now")
	f("call 5127891111 123-45-6789", "call "+r+" "+r)
	f("+44 20 7946 0958", r)
	f("1-512-789-1111x12", r+"x12")
	f("512\u200b7891111", r)
	f("quote \" \\ \n 512-789-1111\ttab", "quote \" \\ \n "+r+"\ttab")
	f("2026-05-04T08:12:09.417Z", "2026-05-04T08:12:09.417Z")
	f("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000")
	f("a91f33127891111bc", "a91f33127891111bc")
	f("203.0.113.12", "203.0.113.12")
	f("order 12345678 of 2026-05-04 08:12:09", "order 12345678 of 2026-05-04 08:12:09")
	f("", "")
	f("a@b@c.com", r+"@c.com")

	f(`from "john doe"@email.com to john@[192.0.2.1]!`, "from "+r+" to "+r+"!")
	f(`say "hi" @ five, x@[1`, `say "hi" @ five, x@[1`)
	f(`{"from":"\"john doe\"@email.com"}`, `{"from":"`+r+`"}`)

	// Texts that are JSON themselves, whose escapes are no letters and digits.
	f(`{"text":"ssn:\n123456789\tof\njohn@email.com"}`, `{"text":"ssn:\n`+r+`\tof\n`+r+`"}`)
	f(`{"text":"\u00a0123456789, \u00e95127891111"}`, `{"text":"\u00a0`+r+`, \u00e95127891111"}`)
	f(`{"phone":"\u002B44 20 7946 0958","to":"john\u002Bnews\u0040email.com"}`, `{"phone":"`+r+`","to":"`+r+`"}`)
	f(`\"512-789-1111\"`, `\"`+r+`\"`)
	f(`\u12`, `\u12`)

	checkValue(t, m, kindPattern, "5127891111", quote(r), 0) // a number that the path leads to
	checkValue(t, m, kindPattern, "7", "7", 0)
}

func ExampleMasker_Apply() {
	masks, err := Compile([]Rule{
		{Path: "lead_data.email", Kind: "email:partial"},
		{Path: "lead_data.phone", Kind: "phone:area"},
	}, Key{})
	if err != nil {
		panic(err)
	}
	event := `{"lead_data": {"email": "john.smith@email.com", "phone": "(512) 789-1111", "state": "CA"}}`
	masked, done, err := masks.Masker().Apply(nil, []byte(event))
	fmt.Println(string(masked), done.Fields, err)
	// Output: {"lead_data": {"email": "j***@e***.com", "phone": "512-***-****", "state": "CA"}} [lead_data.email lead_data.phone] <nil>
}
