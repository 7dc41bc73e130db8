package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
)

// casework is what the audit service is told about making good what the AI got wrong.
type casework struct {
	LookEvery time.Duration    `help:"How often the record is looked through for possible misjudgements and sessions to review, and deadlines are checked." default:"30s"`
	FundLow   map[string]int64 `help:"Alert when less than so much is available in a fund, in minor units, by currency or TENANT/CURRENCY, several separated by semicolons; instead of CNY=1000000." placeholder:"CURRENCY=AMOUNT"`
}

// Validate refuses what cannot work before anything is started.
func (c *casework) Validate() error {
	if c.LookEvery < time.Second {
		return fmt.Errorf("--look-every must be at least 1s, not %s", c.LookEvery)
	}
	return nil
}

// caseworkHelp is said by the commands that have an audit service. %s says where the hook's secret is
// from where the environment has none.
const caseworkHelp = `Secrets of casework come by the environment:
  MINGJIAN_GRAFANA_SECRET         signs the alerts that Grafana posts to /api/v1/hooks/grafana; %s
  MINGJIAN_PAYOUT_WEBHOOK_URL     where orders to pay are posted too; without it they are on the topic mingjian.payouts only
  MINGJIAN_PAYOUT_WEBHOOK_SECRET  signs them, as Standard Webhooks says: whsec_ and base64 of 24 to 64 bytes
What became of an order is read from the topic mingjian.payouts.results, or posted to /api/v1/cases/ID/confirm.`

// grafanaSecret is the variable with the secret of Grafana's alerts, and grafanaFile where the embedded
// system keeps one of its own.
const (
	grafanaSecret = "MINGJIAN_GRAFANA_SECRET"
	grafanaFile   = "grafana.secret"
)

// low are the thresholds below which a fund raises the alert; nil for the fund's own.
func (c *casework) low() (out []fund.Threshold) {
	for _, key := range slices.Sorted(maps.Keys(c.FundLow)) {
		t := fund.Threshold{Currency: key, Minor: c.FundLow[key]}
		if i := strings.LastIndex(key, "/"); i >= 0 {
			t.Tenant, t.Currency = key[:i], key[i+1:]
		}
		out = append(out, t)
	}
	return out
}

// secretIn is the hook's secret: that of the environment, or else one that is kept in dir, made with mode
// 0600 at the first start.
func secretIn(dir string) (string, error) {
	if given := os.Getenv(grafanaSecret); given != "" {
		return given, nil
	}
	path := filepath.Join(dir, grafanaFile)
	text, err := os.ReadFile(path)
	if err == nil {
		secret := strings.TrimSpace(string(text))
		if len(secret) < cases.MinSecret {
			return "", fmt.Errorf("%s holds no usable secret; remove the file and start again to get a new one", path)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the secret of Grafana's alerts: %w", err)
	}
	b := make([]byte, 32) // 256 bits, as the key of HMAC-SHA-256 is best (RFC 2104, section 3)
	rand.Read(b)          // never fails (crypto/rand)
	secret := hex.EncodeToString(b)
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("make the secret of Grafana's alerts: %w", err)
	}
	return secret, nil
}
