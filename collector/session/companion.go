package session

import (
	"mingjian/collector/event"
	"mingjian/collector/signal"
)

// enoughIntimacy is the intimate text from which companionship is kept up: one may be a slip.
const enoughIntimacy = 2

// accompany follows emotional companionship by the bot.
func (s *State) accompany(e *event.Event, found signal.Set) {
	f := &s.Facts
	if e.Kind != event.Message || e.Actor.Role != event.BotRole || !spoken(e) ||
		f.Companion == nil && found&signal.Intimate == 0 {
		return
	}
	c := own(&f.Companion)
	c.BegunAt, c.LastAt = f.Bot.FirstAt, e.At
	if found&signal.Intimate == 0 || c.Texts == enoughIntimacy {
		return
	}
	switch c.Texts++; c.Texts {
	case 1:
		c.First, c.FirstAt = e.ID, e.At
	case enoughIntimacy:
		c.Again, c.AgainAt = e.ID, e.At
	}
}
