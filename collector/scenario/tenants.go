package scenario

import (
	"fmt"

	"mingjian/policies"
)

// tenantsFile holds the settings of the tenants that scenarios play, beside the scenarios.
const tenantsFile = "tenants.yaml"

// Tenants is a bundle in which the tenants that scenarios play have set what they have to, such as the
// number of failed answers after which a person takes over. Whatever scenarios are run, the settings
// are those that ship beside the built-in ones.
func Tenants(b *policies.Bundle) (*policies.Bundle, error) {
	played, err := b.WithSettingsIn(policies.Builtin(), "scenarios/"+tenantsFile)
	if err != nil {
		return nil, fmt.Errorf("read the tenants of scenarios: %w", err)
	}
	return played, nil
}
