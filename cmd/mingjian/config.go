package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// yamlFile reads the configuration file: flag names as keys, at the top for every command that has
// the flag, or under the command's name for that one.
//
//	listen: 127.0.0.1:9000
//	import:
//	  data: /var/lib/mingjian
func yamlFile(r io.Reader) (kong.Resolver, error) {
	settings := map[string]any{}
	if err := yaml.NewDecoder(r).Decode(&settings); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return configuration(settings), nil
}

// configuration resolves flags from the parsed file.
type configuration map[string]any

// Resolve finds a flag's value, the command's own section first.
func (c configuration) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil // kong has read it already, and the environment wins
		}
	}
	if node := parent.Node(); node != nil && node.Type == kong.CommandNode {
		if section, ok := c[node.Name].(map[string]any); ok {
			if v, ok := section[flag.Name]; ok {
				return v, nil
			}
		}
	}
	if _, section := c[flag.Name].(map[string]any); section && !flag.IsMap() {
		return nil, nil // "kafka:" may be a command's section as well as a flag
	}
	return c[flag.Name], nil
}

// Validate reports every key that no flag answers to, and every value that none takes: neither a typo nor what is
// left empty must pass in silence, and leave out what was meant to be asked for.
func (c configuration) Validate(app *kong.Application) error {
	known := map[string]map[string]bool{"": {}} // flags, by command
	maps := map[string]bool{}                   // flags that take one
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		if n.Type == kong.CommandNode {
			known[n.Name] = map[string]bool{}
		}
		for _, f := range n.Flags {
			known[""][f.Name] = true
			maps[f.Name] = maps[f.Name] || f.IsMap()
			if n.Type == kong.CommandNode {
				known[n.Name][f.Name] = true
			}
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(app.Node)
	var faults []error
	taken := func(section, name string, value any) {
		_, nested := value.(map[string]any)
		list, _ := value.([]any)
		if nested && !maps[name] || value == nil || value == "" || slices.Contains(list, nil) || slices.Contains(list, "") {
			faults = append(faults, fmt.Errorf("configuration file: %s%s has nothing behind its colon, or what it does not take", section, name))
		}
	}
	for key, value := range c {
		section, isSection := value.(map[string]any)
		switch {
		case isSection && known[key] != nil:
			for name, value := range section {
				if !known[key][name] {
					faults = append(faults, fmt.Errorf("configuration file: %s has no setting %q", key, name))
					continue
				}
				taken(key+": ", name, value)
			}
		case !known[""][key] && (known[key] == nil || value != nil):
			faults = append(faults, fmt.Errorf("configuration file: there is no setting %q", strings.TrimSpace(key)))
		case known[key] == nil || value != nil: // a command's section may be empty
			taken("", key, value)
		}
	}
	return errors.Join(faults...)
}
