package model

// PricesAsOf is the date of the price table. Prices change: the table bounds spending, the provider's bill is what counts.
const PricesAsOf = "2026-01-15"

// price is in USD for a million tokens.
type price struct{ input, output float64 }

// priceOf gives the price of e's model. A model on loopback costs nothing. false means that it is not known.
func priceOf(e Endpoint) (price, bool) { return price{}, e.Provider == ProviderOllama }
