package native

import (
	"strings"
	"testing"
)

func TestCollectorsAreRefusedByWhatIsWrongWithThem(t *testing.T) {
	test := func(collector string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(lake+"collector: {"+collector+"}\n"), YAML)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %s\nwant %s", collector, got, strings.Join(want, "\n"))
		}
	}
	const good = "write_keys: [wk_shop_1], origins: ['*'], "
	test(good + "fields: {page: query.u}")
	test(good + "fields: {page: body.page | query.u}, types: {page: number}")
	test(good+"fields: {page: body.page | url}, types: {page: object}",
		`collector.fields[page]: "url": is wrong; want query.NAME, body.NAME, header.NAME, client.address or server.time`,
		`collector.types[page]: "object": is for what comes from the body alone; want one of text, number, bool`)
	test("write_keys: [short], origins: [shop.example.com, 'https://a.*.com', 'https://shop.example.com/'], fields: {}",
		`collector.write_keys[0]: "short": is wrong; want 8 to 64 letters, digits, underscores and hyphens`,
		`collector.origins[0]: "shop.example.com": is wrong; want an origin such as https://shop.example.com, https://*.example.com or http://localhost:*, or *`,
		`collector.origins[1]: "https://a.*.com": is wrong; want an origin such as https://shop.example.com, https://*.example.com or http://localhost:*, or *`,
		`collector.origins[2]: "https://shop.example.com/": is wrong; want an origin such as https://shop.example.com, https://*.example.com or http://localhost:*, or *`,
		"collector.fields: is empty; want at least one field")
	test(good+"fields: {a b: query.u, b: cookie.x, c: query.k, d: header.Cookie}",
		`collector.fields[a b]: "a b": is no name of a field; want 1 to 64 letters, digits, underscores and hyphens`,
		`collector.fields[b]: "cookie.x": is wrong; want query.NAME, body.NAME, header.NAME, client.address or server.time`,
		`collector.fields[c]: "query.k": is the write key; want another name`,
		`collector.fields[d]: "header.Cookie": holds a credential, which is not collected`)
	for _, header := range []string{"Authorization", "Proxy-Authorization", "X-Write-Key", "X-Api-Key", "X-Amz-Security-Token", "X-Amz-Firehose-Access-Key"} {
		test(good+"fields: {a: header."+header+"}", `collector.fields[a]: "header.`+header+`": holds a credential, which is not collected`)
	}
	test(good + "fields: {a: header.User-Agent, b: header.Referer, c: header.Accept-Language}")
	test(good+"fields: {a: query.u, b: body.b}, types: {a: object, b: object, c: text}, required: [a, d]",
		`collector.types[a]: "object": is for what comes from the body alone; want one of text, number, bool`,
		`collector.types[c]: "c": is none of the fields`,
		`collector.required[1]: "d": is none of the fields`)
	test(good+"fields: {a: body.a}, types: {a: string}", `collector.types[a]: "string": is wrong; want one of text, number, bool, object, list, any`)
}
