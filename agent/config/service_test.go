package config

import (
	"strings"
	"testing"
)

func TestServiceOf(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	c := &Config{Services: []Service{
		{Name: "api", Match: Match{Units: []string{"api.service", "api-worker@*"}, Files: []string{"/srv/api/**/*.log", "/srv/[odd].log"}}},
		{Name: "cart", Match: Match{Containers: []string{"cart", id[:12], "short"}}},
		{Name: "late", Match: Match{Units: []string{"api.service"}}},
	}}
	for _, tc := range []struct{ file, unit, want string }{
		{"journal", "api.service", "api"},
		{"journal", "api-worker@7.service", "api"},
		{"journal", "nginx.service", "nginx"},
		{"journal", "session-4.scope", "session-4.scope"},
		{"journal", "", "journal"},
		{"-", "", "stdin"},
		{"-", "api.service", "api"},
		{"/srv/api/log/x.log", "", "api"},
		{"/srv/[odd].log", "", "api"},
		{"/srv/other/x.log", "", "x"},
		{"/var/log/nginx/error.log.2.gz", "", "error"},
		{"/var/log/containers/cart-7d9f_shop_cart-" + id + ".log", "", "cart"},
		{"/var/log/containers/cart-7d9f_shop_proxy-" + id[32:] + id[:32] + ".log", "", "cart"}, // same id prefix
		{"/var/log/pods/shop_cart-7d9f_0b1c/cart/0.log", "", "cart"},
		{"/var/log/pods/shop_cart-7d9f_0b1c/proxy/0.log", "", "proxy"},
		{"/var/lib/docker/containers/" + id + "/" + id + "-json.log", "", "cart"},
	} {
		if got := c.ServiceOf(tc.file, tc.unit); got != tc.want {
			t.Errorf("ServiceOf(%q, %q) = %q, want %q", tc.file, tc.unit, got, tc.want)
		}
	}
}
