package config

// Matched gives the index of the service whose match takes a file or a trusted unit, by the operator's own words alone: a
// name that was only found in the file's or the unit's name is no match.
func (c *Config) Matched(file, unit string) (int, bool) {
	for i := range c.Services {
		if c.Services[i].Match.matches(file, unit) {
			return i, true
		}
	}
	return 0, false
}
