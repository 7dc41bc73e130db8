package policies

import "slices"

// Menu is the phone menu that the customer passed before a person joined; nil where none was reported.
type Menu struct {
	// First is the first step.
	First   string `json:"first"`
	FirstAt Millis `json:"first_at"`
	// Listed: some step reported its options.
	Listed bool `json:"listed"`
	// Levels are the steps that led deeper than any before, outermost first; at most 16.
	Levels []MenuLevel `json:"levels"`
	// Presses are the customer's presses before a person joined, oldest first; entering a number that was
	// asked for is one. Of more than 32 the later ones are left out.
	Presses []MenuPress `json:"presses"`
	// Human is the first step that offered a person, by a key or in the words of an option: HumanKey is
	// that key ("" where it is not known), HumanLevel the step's level (0 unknown) and HumanPosition the
	// place of the option among those of the step, counted from 1 (0 unknown).
	Human         string `json:"human"`
	HumanAt       Millis `json:"human_at"`
	HumanKey      string `json:"human_key"`
	HumanLevel    int    `json:"human_level"`
	HumanPosition int    `json:"human_position"`
	// Shared is the first step in which the key of a person serves something else; "" while none does.
	Shared   string `json:"shared"`
	SharedAt Millis `json:"shared_at"`
}

// MenuLevel is a step that led deeper.
type MenuLevel struct {
	Level int    `json:"level"` // counts from 1
	ID    string `json:"id"`
	At    Millis `json:"at"`
}

// MenuPress is one press of a key, or one number entered.
type MenuPress struct {
	ID string `json:"id"`
	At Millis `json:"at"`
}

func sameMenu(a, b *Menu) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.First == b.First && a.Listed == b.Listed && a.FirstAt == b.FirstAt && a.Human == b.Human && a.HumanAt == b.HumanAt &&
		a.HumanKey == b.HumanKey && a.HumanLevel == b.HumanLevel && a.HumanPosition == b.HumanPosition &&
		a.Shared == b.Shared && a.SharedAt == b.SharedAt &&
		slices.Equal(a.Levels, b.Levels) && slices.Equal(a.Presses, b.Presses)
}
