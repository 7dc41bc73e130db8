package policies

// Money is an amount in a currency's minor units: 12.50 yuan is {1250, "CNY"}.
type Money struct {
	Minor    int64  `json:"amount_minor" doc:"In the currency's minor units"`
	Currency string `json:"currency" doc:"ISO 4217"`
}
