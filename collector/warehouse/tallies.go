package warehouse

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// Tally is what was counted of one business line on one day.
type Tally struct {
	BusinessLine string
	Day          time.Time // midnight UTC of the day of the tenant's zone
	// Numerators are what the indicator asks about; there are several where the rule chooses.
	Numerators  []float64
	Denominator int64
	// Squares is the sum of the squares of what the numerator sums up, where the value is a mean.
	Squares float64
	// Population is what the denominator was sampled from, where it is a sample.
	Population int64
	Last       policies.Millis // the newest moment that was counted
}

// tally runs a query for business_line, day, numerators, denominator, squares, population and last.
func (s *Store) tally(ctx context.Context, what, query string, args []any) ([]Tally, error) {
	var out []Tally
	err := s.each(ctx, "count "+what, query, args, func(rows driver.Rows) error {
		var t Tally
		err := rows.Scan(&t.BusinessLine, &t.Day, &t.Numerators, &t.Denominator, &t.Squares, &t.Population, &t.Last)
		t.Day = t.Day.UTC()
		out = append(out, t)
		return err
	})
	return out, err
}

// Parts of queries.
const (
	within     = " >= fromUnixTimestamp64Milli({begin:Int64}, 'UTC') AND "
	before     = " < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"
	ofCountry  = "(jurisdiction = {country:String} OR startsWith(jurisdiction, concat({country:String}, '-')))"
	noSquares  = "0. AS squares, toInt64(0) AS population"
	sessionsOf = " FROM sessions FINAL WHERE tenant = {tenant:String}"

	// waitsOf are the waits for a person that the facts of a session hold.
	waitsOf = "JSONExtract(facts, 'human', 'waits', 'Array(Tuple(asked_at Int64, joined_at Int64, ended_at Int64, waited_ms Int64))')"

	// A review as the workflow store mirrors it.
	reviewDue    = "parseDateTime64BestEffortOrZero(JSONExtractString(document, 'due'), 3, 'UTC')"
	reviewClosed = "parseDateTime64BestEffortOrZero(JSONExtractString(document, 'closed_at'), 3, 'UTC')"
)

// Breakpoints counts, of the sessions that ended on a day and in which the customer took a turn, those
// that ended at a turn of the customer that nobody answered; see the rule i-breakpoint-rate.
func (s *Store) Breakpoints(ctx context.Context, d Days) ([]Tally, error) {
	return s.tally(ctx, "conversations that break off", `WITH ended AS (
	SELECT session_id AS id, business_line AS line, closed, JSONExtractBool(facts, 'resolved') AS resolved`+sessionsOf+` AND closed`+within+`closed`+before+`
)
SELECT toString(line), toDate(ended_at, {zone:String}) AS day, [toFloat64(countIf(unanswered AND NOT solved))], toInt64(count()), `+noSquares+`, max(ended_at)
FROM (
	SELECT id, any(line) AS line, any(closed) AS ended_at, any(resolved) AS solved, argMax(wants, (at, place)) AS unanswered
	FROM (
		SELECT e.id AS id, e.line AS line, e.closed AS closed, e.resolved AS resolved, i.at AS at, i.offset AS place,
			i.kind = 'message' AND i.role = 'customer' OR i.kind IN ('handoff.requested', 'complaint.filed') AS wants
		FROM (
			SELECT session_id, at, offset, kind, role FROM interactions FINAL
			WHERE tenant = {tenant:String} AND session_id IN (SELECT id FROM ended) AND (
				kind = 'message' AND role = 'customer' AND (NOT hasAny(signals, ['goodbye', 'request_decline', 'request_withdraw']) OR hasAny(signals, ['question', 'human_request']))
				OR kind = 'message' AND role IN ('bot', 'agent', 'system')
				OR kind IN ('handoff.requested', 'handoff.queued', 'handoff.updated', 'handoff.accepted', 'handoff.rejected',
					'callback.promised', 'callback.completed', 'promise.made', 'promise.kept', 'decision.made',
					'complaint.filed', 'complaint.acknowledged', 'complaint.resolved', 'return.received', 'refund.completed'))
		) AS i INNER JOIN ended AS e ON i.session_id = e.id
		WHERE i.at <= e.closed
	) GROUP BY id HAVING max(wants)
) GROUP BY line, day ORDER BY line, day`, d.args())
}

// comeBack is how long a customer who asks the same again counts as coming back.
const comeBack = 72 * time.Hour

// SecondInquiries counts, of the customers who opened a session on a day, those who opened another with the
// same intent within 72 hours; see the rule i-second-inquiry-rate.
func (s *Store) SecondInquiries(ctx context.Context, d Days) ([]Tally, error) {
	return s.tally(ctx, "customers who come back", `WITH known AS (
	SELECT session_id AS id, business_line AS line, customer_id AS customer, opened`+sessionsOf+` AND customer_id != ''
		AND opened`+within+`opened < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
)
SELECT toString(line), toDate(opened, {zone:String}) AS day, [toFloat64(uniqExactIf(customer, back))], toInt64(uniqExact(customer)), `+noSquares+`, max(opened)
FROM (
	SELECT k.line AS line, k.customer AS customer, k.opened AS opened,
		toUnixTimestamp64Milli(leadInFrame(k.opened) OVER (PARTITION BY k.customer, a.intent ORDER BY k.opened, k.id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) AS next,
		next >= toUnixTimestamp64Milli(k.opened) AND next <= toUnixTimestamp64Milli(k.opened) + {span:Int64} AS back
	FROM known AS k INNER JOIN (
		SELECT DISTINCT session_id, JSONExtractString(body, 'ai', 'intent') AS intent FROM interactions FINAL
		WHERE tenant = {tenant:String} AND session_id IN (SELECT id FROM known) AND position(body, '"intent"') > 0 AND intent != ''
	) AS a ON a.session_id = k.id
) WHERE opened`+before+` GROUP BY line, day ORDER BY line, day`, d.args(
		clickhouse.Named("until", d.Begin(d.Last.AddDate(0, 0, 1))+comeBack.Milliseconds()), clickhouse.Named("span", comeBack.Milliseconds())))
}

// ForcedHumans counts, of the sessions that ended on a day and in which a bot spoke, those in which the
// customer had to force a person; see the rule i-forced-human-rate.
func (s *Store) ForcedHumans(ctx context.Context, d Days) ([]Tally, error) {
	return s.tally(ctx, "customers who had to force a person", `WITH ended AS (
	SELECT session_id AS id, business_line AS line, closed, facts`+sessionsOf+` AND closed`+within+`closed`+before+` AND JSONExtractInt(facts, 'bot', 'texts') > 0
)
SELECT toString(line), toDate(closed, {zone:String}) AS day, [toFloat64(countIf(forced))], toInt64(count()), `+noSquares+`, max(closed)
FROM (
	SELECT e.line AS line, e.closed AS closed,
		arrayConcat(h.moments, arrayMap(o -> o.1, arrayFilter(o -> o.2 > 80, JSONExtract(facts, 'outbursts', 'Array(Tuple(at Int64, emotion Float64))')))) AS heated,
		JSONExtractInt(e.facts, 'human', 'strikes') >= 3 OR arrayExists(
			w -> arrayExists(t -> t >= w.1 AND t <= greatest(w.2, w.3), heated), `+waitsOf+`) AS forced
	FROM ended AS e LEFT JOIN (
		SELECT session_id, groupArray(toUnixTimestamp64Milli(at)) AS moments FROM interactions FINAL
		WHERE tenant = {tenant:String} AND session_id IN (SELECT id FROM ended) AND kind = 'message' AND role = 'customer' AND hasAny(signals, ['escape', 'anger'])
		GROUP BY session_id
	) AS h ON h.session_id = e.id
) GROUP BY line, day ORDER BY line, day`, d.args())
}

// HumanAnswers counts, of the requests for a person of a country's sessions that were made on a day and
// are settled, those that a person answered.
func (s *Store) HumanAnswers(ctx context.Context, d Days, country string) ([]Tally, error) {
	return s.tally(ctx, "answered requests", `SELECT toString(business_line), toDate(asked, {zone:String}) AS day, [toFloat64(countIf(wait.2 > 0))], toInt64(count()), `+noSquares+`,
	fromUnixTimestamp64Milli(max(greatest(wait.2, wait.3)), 'UTC')
FROM `+requests+` WHERE greatest(wait.2, wait.3) > 0 GROUP BY business_line, day ORDER BY business_line, day`, d.args(clickhouse.Named("country", country)))
}

// requests are the requests for a person that a country's sessions made on the days.
const requests = `(
	SELECT business_line, JSONExtractString(facts, 'closed_by') AS by, arrayJoin(` + waitsOf + `) AS wait, fromUnixTimestamp64Milli(wait.1, 'UTC') AS asked` + sessionsOf + `
		AND ` + ofCountry + ` AND last_at` + within + `opened` + before + ` AND asked` + within + `asked` + before + `
)`

// AnswerTimes sums up, in seconds, the waits of the requests for a person of a country's sessions that
// were made on a day and answered.
func (s *Store) AnswerTimes(ctx context.Context, d Days, country string) ([]Tally, error) {
	return s.tally(ctx, "times of answer", `SELECT toString(business_line), toDate(asked, {zone:String}) AS day, [sum(wait.4) / 1000], toInt64(count()),
	toFloat64(sum(toInt128(wait.4) * wait.4)) / 1000000, toInt64(0), fromUnixTimestamp64Milli(max(wait.2), 'UTC')
FROM `+requests+` WHERE wait.2 > 0 GROUP BY business_line, day ORDER BY business_line, day`, d.args(clickhouse.Named("country", country)))
}

// soon is what Spain's law calls met in time (Ley 10/2025, arts 8.2 and 10.3).
const soon = 3 * time.Minute

// MetRequests counts, of the requests for a person of a country's sessions that were made on a day, those
// that were met in three minutes; see the rule i-es-95-180.
func (s *Store) MetRequests(ctx context.Context, d Days, country string, now policies.Millis) ([]Tally, error) {
	return s.tally(ctx, "requests met", `SELECT toString(business_line), toDate(asked, {zone:String}) AS day, [toFloat64(countIf(wait.2 > 0 AND wait.2 - wait.1 <= {soon:Int64}))], toInt64(count()), `+noSquares+`, max(asked)
FROM `+requests+` WHERE multiIf(wait.2 > 0, true, wait.3 > 0, wait.3 - wait.1 >= {soon:Int64} OR by IN ('agent', 'bot', 'system'), {now:Int64} - wait.1 >= {soon:Int64})
GROUP BY business_line, day ORDER BY business_line, day`, d.args(clickhouse.Named("country", country), clickhouse.Named("soon", soon.Milliseconds()), clickhouse.Named("now", now)))
}

// MetCalls counts, of the calls of a country that began on a day, those that were attended in three
// minutes; see the rule i-es-95-180.
func (s *Store) MetCalls(ctx context.Context, d Days, country string, now policies.Millis) ([]Tally, error) {
	return s.tally(ctx, "calls attended", `SELECT toString(business_line), toDate(opened, {zone:String}) AS day, [toFloat64(countIf(met))], toInt64(count()), `+noSquares+`, max(opened)
FROM (
	SELECT business_line, opened, toUnixTimestamp64Milli(opened) AS began, toUnixTimestamp64Milli(closed) AS over, JSONExtractString(facts, 'closed_by') AS by,
		arrayFilter(t -> t > 0, [JSONExtractInt(facts, 'bot', 'first_at'), JSONExtractInt(facts, 'agent', 'first_at'), JSONExtractInt(facts, 'menu', 'human_at')]) AS attended,
		notEmpty(attended) AND arrayMin(attended) - began <= {soon:Int64} AS met`+sessionsOf+`
		AND `+ofCountry+` AND channel = 'phone' AND opened`+within+`opened`+before+`
) WHERE multiIf(notEmpty(attended), true, over > 0, over - began >= {soon:Int64} OR by IN ('agent', 'bot', 'system'), {now:Int64} - began >= {soon:Int64})
GROUP BY business_line, day ORDER BY business_line, day`, d.args(clickhouse.Named("country", country), clickhouse.Named("soon", soon.Milliseconds()), clickhouse.Named("now", now)))
}

// LabelledTexts counts, of the texts that bots of a country's sessions sent on a day, those that were
// labelled: by themselves or in the interface, and, as the second to fourth numerator, those too whose session had a
// label by its first, second or third bot text. See the rule i-label-coverage.
func (s *Store) LabelledTexts(ctx context.Context, d Days, country string) ([]Tally, error) {
	return s.tally(ctx, "labelled texts", `WITH spoken AS (
	SELECT session_id AS id, business_line AS line, JSONExtractString(facts, 'entrance', 'label') = 'full' AS shown, JSONExtractInt(facts, 'bot', 'full_at') AS full_at`+sessionsOf+`
		AND `+ofCountry+` AND channel != 'phone' AND last_at`+within+`opened`+before+` AND JSONExtractInt(facts, 'bot', 'texts') > 0 AND NOT JSONExtractBool(facts, 'bot', 'waived')
)
SELECT toString(line), toDate(at, {zone:String}) AS day,
	[toFloat64(countIf(own)), toFloat64(countIf(own OR full_at = 1)), toFloat64(countIf(own OR full_at BETWEEN 1 AND 2)), toFloat64(countIf(own OR full_at BETWEEN 1 AND 3))],
	toInt64(count()), `+noSquares+`, max(at)
FROM (
	SELECT s.line AS line, s.full_at AS full_at, i.at AS at, s.shown OR i.labelled AS own
	FROM (
		SELECT session_id, at, has(signals, 'label_full') OR upper(trim(BOTH ' ' FROM JSONExtractString(body, 'ai', 'mark'))) = 'AI' AS labelled FROM interactions FINAL
		WHERE tenant = {tenant:String} AND session_id IN (SELECT id FROM spoken) AND at`+within+`at`+before+` AND kind = 'message' AND role = 'bot' AND notEmpty(trim(BOTH ' ' FROM text))
	) AS i INNER JOIN spoken AS s ON i.session_id = s.id
) GROUP BY line, day ORDER BY line, day`, d.args(clickhouse.Named("country", country)))
}

// BotSessions counts a country's sessions that were opened on a day and served by a bot, for the tenant
// as a whole; numerator and denominator are the same.
func (s *Store) BotSessions(ctx context.Context, d Days, country string) ([]Tally, error) {
	return s.tally(ctx, "sessions with a bot", `SELECT '', toDate(opened, {zone:String}) AS day, [toFloat64(count())], toInt64(count()), `+noSquares+`, max(opened)`+sessionsOf+`
	AND `+ofCountry+` AND opened`+within+`opened`+before+` AND JSONExtractInt(facts, 'bot', 'texts') > 0 GROUP BY day ORDER BY day`, d.args(clickhouse.Named("country", country)))
}

// ReviewsInTime counts, of the reviews that fell due on a day and not after now, those that were done by
// then. Adjudications and calibrations are no reviews in this sense.
func (s *Store) ReviewsInTime(ctx context.Context, d Days, now policies.Millis) ([]Tally, error) {
	return s.tally(ctx, "reviews in time", `SELECT line, toDate(due, {zone:String}) AS day, [toFloat64(countIf(toUnixTimestamp64Milli(done) > 0 AND done <= due))], toInt64(count()), `+noSquares+`, max(due)
FROM (
	SELECT JSONExtractString(document, 'business_line') AS line, `+reviewDue+` AS due, parseDateTime64BestEffortOrZero(JSONExtractString(document, 'submitted_at'), 3, 'UTC') AS done
	FROM reviews FINAL WHERE tenant = {tenant:String} AND JSONExtractString(document, 'kind') NOT IN ('adjudication', 'calibration')
		AND due`+within+`due`+before+` AND due <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')
) GROUP BY line, day ORDER BY line, day`, d.args(clickhouse.Named("now", now)))
}

// SampledDefects counts, of the sampled sessions of a country that ended on a day and whose verdict is known,
// the defective ones; the population is all sessions that ended.
func (s *Store) SampledDefects(ctx context.Context, d Days, country string) ([]Tally, error) {
	return s.tally(ctx, "reviewed sessions", `SELECT line, toDate(ended, {zone:String}) AS day, [toFloat64(sum(defective))], toInt64(sum(reviewed)), 0., toInt64(sum(1 - reviewed)), max(ended)
FROM (
	SELECT toString(business_line) AS line, closed AS ended, 0 AS reviewed, 0 AS defective`+sessionsOf+` AND `+ofCountry+` AND closed`+within+`closed`+before+`
	UNION ALL
	SELECT JSONExtractString(document, 'business_line'), `+reviewClosed+` AS ended, 1,
		toInt32(if(JSONHas(document, 'outcome'), JSONExtractBool(document, 'outcome', 'defective'), JSONExtractBool(document, 'verdict', 'defective')))
	FROM (SELECT document, JSONExtractString(document, 'jurisdiction') AS jurisdiction FROM reviews FINAL WHERE tenant = {tenant:String} AND JSONExtractString(document, 'kind') = 'sample' AND JSONHas(document, 'verdict'))
	WHERE `+ofCountry+` AND ended`+within+`ended`+before+`
) GROUP BY line, day ORDER BY line, day`, d.args(clickhouse.Named("country", country)))
}
