-- +goose Up

-- One row per tenant and currency: what stands in each account. It is also the lock under which all
-- that moves this money queues. 9007199254740991 is 2^53-1, the largest integer that every reader of
-- JSON keeps whole (RFC 8259, section 6).
CREATE TABLE fund_ledgers (
    tenant      TEXT NOT NULL,
    currency    TEXT NOT NULL CHECK (length(currency) = 3), -- ISO 4217
    number      BIGINT NOT NULL, -- of the last entry; entries are counted without gaps
    at_ms       BIGINT NOT NULL, -- of the last entry
    outside     BIGINT NOT NULL CHECK (outside >= -9007199254740991), -- what came in, negative
    available   BIGINT NOT NULL CHECK (available >= 0),
    reserved    BIGINT NOT NULL CHECK (reserved >= 0),
    paying      BIGINT NOT NULL CHECK (paying >= 0),
    paid        BIGINT NOT NULL CHECK (paid >= 0),
    written_off BIGINT NOT NULL CHECK (written_off >= 0),
    low         INTEGER NOT NULL CHECK (low IN (0, 1)), -- 1 from the alert on until there is enough again
    PRIMARY KEY (tenant, currency),
    CONSTRAINT books_balance CHECK (outside + available + reserved + paying + paid + written_off = 0)
);

CREATE TABLE fund_entries (
    id            TEXT PRIMARY KEY, -- digest of what it books, so that nothing is booked twice
    tenant        TEXT NOT NULL,
    currency      TEXT NOT NULL,
    number        BIGINT NOT NULL,
    kind          TEXT NOT NULL,
    debit         TEXT NOT NULL, -- the account that receives
    credit        TEXT NOT NULL, -- the account that gives
    amount_minor  BIGINT NOT NULL CHECK (amount_minor BETWEEN 1 AND 9007199254740991),
    balance_after BIGINT NOT NULL, -- of the account available
    case_id       TEXT NOT NULL, -- '' for top-ups and write-offs
    payout_id     TEXT NOT NULL, -- '' where no order is concerned
    actor         TEXT NOT NULL CHECK (actor <> ''),
    reason        TEXT NOT NULL CHECK (reason <> ''),
    at_ms         BIGINT NOT NULL,
    UNIQUE (tenant, currency, number),
    FOREIGN KEY (tenant, currency) REFERENCES fund_ledgers (tenant, currency),
    CHECK (kind || ' ' || credit || ' ' || debit IN (
        'topup outside available', 'reserve available reserved', 'release reserved available', 'pay reserved paying',
        'settle paying paid', 'fail paying reserved', 'writeoff available written_off')),
    CHECK ((kind IN ('topup', 'writeoff')) = (case_id = '')),
    CHECK ((kind IN ('pay', 'settle', 'fail')) = (payout_id <> ''))
);
CREATE INDEX fund_entries_time ON fund_entries (tenant, currency, at_ms, number);
CREATE INDEX fund_entries_newest ON fund_entries (at_ms DESC, number DESC, id DESC);
CREATE INDEX fund_entries_case ON fund_entries (case_id) WHERE case_id <> '';
CREATE UNIQUE INDEX fund_paid_once ON fund_entries (payout_id) WHERE kind = 'pay';
CREATE UNIQUE INDEX fund_settled_once ON fund_entries (payout_id) WHERE kind IN ('settle', 'fail');

-- What is held for each case.
CREATE VIEW fund_held AS
SELECT case_id, tenant, currency,
    CAST(sum(CASE 'reserved' WHEN debit THEN amount_minor WHEN credit THEN -amount_minor ELSE 0 END) AS BIGINT) AS reserved_minor,
    CAST(sum(CASE 'paying' WHEN debit THEN amount_minor WHEN credit THEN -amount_minor ELSE 0 END) AS BIGINT) AS paying_minor
FROM fund_entries WHERE case_id <> '' GROUP BY case_id, tenant, currency;

CREATE TABLE fund_payouts (
    id           TEXT PRIMARY KEY, -- the idempotency key
    case_id      TEXT NOT NULL,
    tenant       TEXT NOT NULL,
    session_id   TEXT NOT NULL,
    customer     TEXT NOT NULL, -- pseudonym
    form         TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor BETWEEN 0 AND 9007199254740991),
    currency     TEXT NOT NULL CHECK ((currency = '') = (amount_minor = 0)),
    points       BIGINT NOT NULL CHECK (points >= 0),
    basis        TEXT NOT NULL,
    at_ms        BIGINT NOT NULL,
    body         TEXT NOT NULL, -- the order as it was sent
    state        TEXT NOT NULL CHECK (state IN ('ordered', 'confirmed', 'failed')),
    settled_ms   BIGINT NOT NULL, -- 0 while ordered
    reference    TEXT NOT NULL,
    why          TEXT NOT NULL,
    delivery     TEXT NOT NULL CHECK (delivery IN ('waiting', 'accepted', 'stuck')), -- by webhook, where there is one
    attempts     BIGINT NOT NULL,
    next_ms      BIGINT NOT NULL, -- when the webhook tries next
    answer       TEXT NOT NULL    -- of the last attempt
);
CREATE UNIQUE INDEX fund_one_order ON fund_payouts (case_id) WHERE state = 'ordered';
CREATE INDEX fund_payouts_newest ON fund_payouts (at_ms DESC, id DESC);
CREATE INDEX fund_payouts_due ON fund_payouts (next_ms) WHERE state = 'ordered' AND delivery = 'waiting';

-- What an entry must fit. Checked before the row stands, because INSERT OR REPLACE would otherwise remove another one.
-- +goose StatementBegin
CREATE TRIGGER fund_entry_fits BEFORE INSERT ON fund_entries
BEGIN
    SELECT RAISE(ABORT, 'fund: an entry comes in its turn') WHERE NOT EXISTS (SELECT 1 FROM fund_ledgers WHERE tenant = NEW.tenant AND currency = NEW.currency AND number = NEW.number - 1 AND at_ms <= NEW.at_ms);
    SELECT RAISE(ABORT, 'fund: what is booked is booked once') WHERE EXISTS (SELECT 1 FROM fund_entries WHERE id = NEW.id);
    SELECT RAISE(ABORT, 'fund: a case has one reservation at a time') WHERE NEW.kind = 'reserve' AND EXISTS (SELECT 1 FROM fund_held WHERE case_id = NEW.case_id AND (reserved_minor <> 0 OR paying_minor <> 0));
    SELECT RAISE(ABORT, 'fund: what is reserved for a case moves whole') WHERE NEW.kind IN ('pay', 'release') AND NOT EXISTS (
        SELECT 1 FROM fund_held WHERE case_id = NEW.case_id AND tenant = NEW.tenant AND currency = NEW.currency AND reserved_minor = NEW.amount_minor);
    SELECT RAISE(ABORT, 'fund: a payout is ordered once') WHERE NEW.kind = 'pay' AND EXISTS (SELECT 1 FROM fund_entries WHERE kind = 'pay' AND payout_id = NEW.payout_id);
    SELECT RAISE(ABORT, 'fund: a payout is settled once') WHERE NEW.kind IN ('settle', 'fail') AND EXISTS (SELECT 1 FROM fund_entries WHERE kind IN ('settle', 'fail') AND payout_id = NEW.payout_id);
    SELECT RAISE(ABORT, 'fund: what is settled is what was ordered') WHERE NEW.kind IN ('settle', 'fail') AND NOT EXISTS (
        SELECT 1 FROM fund_entries WHERE kind = 'pay' AND payout_id = NEW.payout_id AND case_id = NEW.case_id
            AND tenant = NEW.tenant AND currency = NEW.currency AND amount_minor = NEW.amount_minor);
END;
-- +goose StatementEnd

-- An entry moves the balances, and nothing else does.
-- +goose StatementBegin
CREATE TRIGGER fund_entry_moves AFTER INSERT ON fund_entries
BEGIN
    UPDATE fund_ledgers SET number = NEW.number, at_ms = NEW.at_ms,
        outside = outside + CASE 'outside' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END,
        available = available + CASE 'available' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END,
        reserved = reserved + CASE 'reserved' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END,
        paying = paying + CASE 'paying' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END,
        paid = paid + CASE 'paid' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END,
        written_off = written_off + CASE 'written_off' WHEN NEW.debit THEN NEW.amount_minor WHEN NEW.credit THEN -NEW.amount_minor ELSE 0 END
    WHERE tenant = NEW.tenant AND currency = NEW.currency;
    SELECT RAISE(ABORT, 'fund: an entry says what is available after it') WHERE EXISTS (SELECT 1 FROM fund_ledgers WHERE tenant = NEW.tenant AND currency = NEW.currency AND available <> NEW.balance_after);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_ledger_moves BEFORE UPDATE ON fund_ledgers
WHEN NOT (NEW.tenant = OLD.tenant AND NEW.currency = OLD.currency AND NEW.number = OLD.number AND NEW.at_ms = OLD.at_ms AND NEW.outside = OLD.outside AND NEW.available = OLD.available AND NEW.reserved = OLD.reserved AND NEW.paying = OLD.paying AND NEW.paid = OLD.paid AND NEW.written_off = OLD.written_off)
    AND NOT EXISTS (
        SELECT 1 FROM fund_entries e
        WHERE e.tenant = OLD.tenant AND e.currency = OLD.currency AND e.number = NEW.number
            AND NEW.tenant = OLD.tenant AND NEW.currency = OLD.currency AND NEW.number = OLD.number + 1 AND NEW.at_ms = e.at_ms
            AND NEW.outside = OLD.outside + CASE 'outside' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END
            AND NEW.available = OLD.available + CASE 'available' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END
            AND NEW.reserved = OLD.reserved + CASE 'reserved' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END
            AND NEW.paying = OLD.paying + CASE 'paying' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END
            AND NEW.paid = OLD.paid + CASE 'paid' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END
            AND NEW.written_off = OLD.written_off + CASE 'written_off' WHEN e.debit THEN e.amount_minor WHEN e.credit THEN -e.amount_minor ELSE 0 END)
BEGIN
    SELECT RAISE(ABORT, 'fund: balances move by entries only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_ledger_begins BEFORE INSERT ON fund_ledgers
WHEN NOT (NEW.number = 0 AND NEW.low = 0 AND NEW.outside = 0 AND NEW.available = 0 AND NEW.reserved = 0 AND NEW.paying = 0 AND NEW.paid = 0 AND NEW.written_off = 0)
    OR EXISTS (SELECT 1 FROM fund_ledgers WHERE tenant = NEW.tenant AND currency = NEW.currency)
BEGIN
    SELECT RAISE(ABORT, 'fund: a ledger begins once, with nothing');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_ledger_stays BEFORE DELETE ON fund_ledgers
BEGIN
    SELECT RAISE(ABORT, 'fund: ledgers are kept');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_entry_no_update BEFORE UPDATE ON fund_entries
BEGIN
    SELECT RAISE(ABORT, 'fund: entries are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_entry_no_delete BEFORE DELETE ON fund_entries
BEGIN
    SELECT RAISE(ABORT, 'fund: entries are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_payout_stays BEFORE DELETE ON fund_payouts
BEGIN
    SELECT RAISE(ABORT, 'fund: orders are kept');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_payout_once BEFORE INSERT ON fund_payouts
WHEN EXISTS (SELECT 1 FROM fund_payouts WHERE id = NEW.id OR (case_id = NEW.case_id AND state = 'ordered'))
BEGIN
    SELECT RAISE(ABORT, 'fund: one open order per case, and each order once');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER fund_payout_keeps BEFORE UPDATE ON fund_payouts
WHEN NEW.id <> OLD.id OR NEW.case_id <> OLD.case_id OR NEW.tenant <> OLD.tenant OR NEW.session_id <> OLD.session_id OR NEW.customer <> OLD.customer OR NEW.form <> OLD.form OR NEW.amount_minor <> OLD.amount_minor OR NEW.currency <> OLD.currency OR NEW.points <> OLD.points OR NEW.basis <> OLD.basis OR NEW.at_ms <> OLD.at_ms OR NEW.body <> OLD.body
    OR (OLD.state <> 'ordered' AND (NEW.state <> OLD.state OR NEW.settled_ms <> OLD.settled_ms OR NEW.reference <> OLD.reference OR NEW.why <> OLD.why))
BEGIN
    SELECT RAISE(ABORT, 'fund: an order stays as it was sent, and what became of it as it was booked');
END;
-- +goose StatementEnd
