package sampling_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mingjian/audit/identity"
	"mingjian/audit/sampling"
	"mingjian/audit/store/storetest"
)

func TestLotsOverHTTP(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := newRoom(t, dsn, monday.Add(-time.Hour))
		r.at(t, monday.Add(-time.Hour))
		for i := range 60 {
			r.closed(fmt.Sprintf("s%02d", i), monday.Add(time.Duration(i)*25*time.Minute))
		}
		r.at(t, monday.Add(30*time.Hour))
		var as identity.Principal
		mux := http.NewServeMux()
		api := humago.New(mux, huma.DefaultConfig("test", "1"))
		for _, route := range r.lots.Routes() {
			if route.Permission != identity.ReadSampling {
				t.Errorf("%s needs %s", route.Path, route.Permission)
			}
			route.Handler.Mount(route, identity.Mounting{Mux: mux, API: api})
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			mux.ServeHTTP(w, req.WithContext(identity.With(req.Context(), as)))
		}))
		defer server.Close()
		get := func(path string, into any) int {
			t.Helper()
			res, err := http.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if into != nil {
				if err := json.NewDecoder(res.Body).Decode(into); err != nil {
					t.Fatal(err)
				}
			}
			return res.StatusCode
		}
		type list struct {
			Items []sampling.Lot `json:"items"`
			Next  string         `json:"next_cursor"`
		}
		var first, second list
		if get("/api/v1/sampling/lots?limit=3", &first) != http.StatusOK || len(first.Items) != 3 || first.Next == "" {
			t.Fatalf("%+v", first)
		}
		if get("/api/v1/sampling/lots?limit=3&cursor="+first.Next, &second) != http.StatusOK || len(second.Items) != 2 || second.Next != "" || !second.Items[0].From.Before(first.Items[2].From) {
			t.Errorf("the second page is %+v", second)
		}
		var filtered list
		get("/api/v1/sampling/lots?business_line=cards&channel=app&channel=web&state=normal&outcome=open&tenant=bank&from="+second.Items[0].From.Format(time.RFC3339)+"&to="+first.Items[0].From.Format(time.RFC3339), &filtered)
		if len(filtered.Items) != 3 {
			t.Errorf("%d lots in the middle", len(filtered.Items))
		}
		var one struct {
			sampling.Lot
			Sample []sampling.Pick `json:"sample"`
		}
		if get("/api/v1/sampling/lots/"+first.Items[1].ID, &one) != http.StatusOK || one.ID != first.Items[1].ID || len(one.Sample) != one.Plan.N || one.Sample[0].LotID != one.ID {
			t.Errorf("the lot is %+v", one)
		}
		if code := get("/api/v1/sampling/lots?cursor=guess", nil); code != http.StatusUnprocessableEntity {
			t.Errorf("a guessed cursor: %d", code)
		}
		if code := get("/api/v1/sampling/lots/none", nil); code != http.StatusNotFound {
			t.Errorf("a lot that is not there: %d", code)
		}
		as = identity.Principal{ID: "li", Tenants: []string{"other"}}
		var none list
		if get("/api/v1/sampling/lots", &none); len(none.Items) != 0 {
			t.Errorf("another tenant sees %+v", none)
		}
		if code := get("/api/v1/sampling/lots/"+one.ID, nil); code != http.StatusNotFound {
			t.Errorf("another tenant's lot: %d", code)
		}
	})
}
