package dashboards

import (
	"net/url"
	"strings"
)

// Where links lead: into the console, in the language of the edition, with the time range and the
// variables of the dashboard. What comes from a row is percent-encoded, because an id may hold anything.
const (
	period = "from=${__from:date:iso}&to=${__to:date:iso}"
	// The console takes variables under the names that Grafana gives them, var-channel and the like.
	picked = "${channel:queryparam}&${business_line:queryparam}"

	rowSession = "${console:raw}/sessions/${__data.fields.session_id:percentencode}?tenant=${__data.fields.tenant:percentencode}"
)

func (w writer) lang() string { return "&lang=" + string(w.edition) }

// toSession opens the row's session; the query gives session_id and tenant.
func (w writer) toSession() link {
	return link{text{"打开会话", "Open the session"}, rowSession + w.lang()}
}

// toReport opens a case for the row's session: its page, at the form, which is filled in with the
// finding. The query gives session_id, tenant and finding_id.
func (w writer) toReport() link {
	return link{text{"立案", "Open a case"}, rowSession + "&finding=${__data.fields.finding_id:percentencode}" + w.lang() + "#report"}
}

// toFindings lists findings, and from each its session; query is url-encoded and may be empty.
func (w writer) toFindings(query string) link {
	address := "${console:raw}/findings?" + period + "&" + picked + w.lang()
	if query != "" {
		address += "&" + query
	}
	return link{text{"查看会话", "See the sessions"}, address}
}

// toFindingsOf lists the findings of rules.
func (w writer) toFindingsOf(rules []string) link {
	return w.toFindings(url.Values{"rule": rules}.Encode())
}

// toFindingsOfRow lists those of the row's rule; the query gives rule.
func (w writer) toFindingsOfRow() link {
	return w.toFindings("rule=${__data.fields.rule:percentencode}")
}

// toSessions lists the sessions of the time range.
func (w writer) toSessions() link {
	return link{text{"查看会话", "See the sessions"}, "${console:raw}/sessions?" + period + "&" + picked + w.lang()}
}

// toReviews lists the reviews to do, each of which shows its session.
func (w writer) toReviews() link {
	return link{text{"查看复核", "See the reviews"}, "${console:raw}/reviews?" + strings.TrimPrefix(w.lang(), "&")}
}

// toReview opens the row's review; the query gives id.
func (w writer) toReview() link {
	return link{text{"打开复核", "Open the review"}, "${console:raw}/reviews/${__data.fields.id:percentencode}?" + strings.TrimPrefix(w.lang(), "&")}
}

// toCases lists the cases, each of which shows its session; query is url-encoded and may be empty.
func (w writer) toCases(query string) link {
	address := "${console:raw}/cases?" + strings.TrimPrefix(w.lang(), "&")
	if query != "" {
		address += "&" + query
	}
	return link{text{"查看案件", "See the cases"}, address}
}

// toCase opens the row's case; the query gives id.
func (w writer) toCase() link {
	return link{text{"打开案件", "Open the case"}, "${console:raw}/cases/${__data.fields.id:percentencode}?" + strings.TrimPrefix(w.lang(), "&")}
}

// toFund opens the fund's page.
func (w writer) toFund() link {
	return link{text{"打开基金", "Open the fund"}, "${console:raw}/fund?" + strings.TrimPrefix(w.lang(), "&")}
}

// toSystem opens the console's page about the system.
func (w writer) toSystem() link {
	return link{text{"打开系统页", "Open the system page"}, "${console:raw}/system?" + strings.TrimPrefix(w.lang(), "&")}
}
